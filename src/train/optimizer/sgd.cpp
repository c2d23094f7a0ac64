#include "train/optimizer/update.h"
#include "train/optimizer/update_kernel.h"

namespace lyceum {
namespace {

class SgdStep : public ParameterStep {
 public:
  SgdStep(const SgdOptions& sgd, const Update& update)
      : scalars_{.gradient_scale = static_cast<float>(update.gradient_scale),
                 .l2 = static_cast<float>(update.weight_decay),
                 .momentum = static_cast<float>(sgd.momentum),
                 // the first gradient is taken whole
                 .intake = update.step == 1 ? 1.0f : static_cast<float>(1 - sgd.dampening),
                 .rate = static_cast<float>(update.rate),
                 .nesterov = sgd.nesterov},
        p_(update.weight),
        g_(update.gradient),
        b_(update.state.empty() ? nullptr : update.state[0].mutable_data<float>()) {}

  std::int64_t blocks() const noexcept override { return block_count(std::ssize(p_)); }
  void run(int, std::int64_t block) override {
    const auto [begin, count] = block_range(std::ssize(p_), block);
    kernels::sgd_block(scalars_, p_.data() + begin, g_ + begin, b_ == nullptr ? b_ : b_ + begin, count);
  }

 private:
  kernels::SgdScalars scalars_;
  std::span<float> p_;
  const float* g_;
  float* b_;
};

}  // namespace

std::unique_ptr<ParameterStep> sgd_step(const OptimizerSpec& spec, const Update& update) {
  return std::make_unique<SgdStep>(spec.sgd, update);
}

}  // namespace lyceum
