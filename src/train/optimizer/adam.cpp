// AdamW, Adam and LAMB: the same two moments.
//
// LAMB computes its update twice from the moments rather than keep it: a pass that reads p, m and v again
// moves as many bytes as one that writes and reads an array of its own, and needs no memory.
#include <cmath>
#include <vector>

#include "train/optimizer/update.h"
#include "train/optimizer/update_kernel.h"

namespace lyceum {
namespace {

// beta^t by squaring: libm's pow rounds differently from machine to machine.
double power(double beta, std::int64_t t) {
  double result = 1;
  for (; t > 0; t /= 2, beta *= beta)
    if (t % 2 == 1) result *= beta;
  return result;
}

// Everything in double and rounded once; `rate` is 1 where the update is scaled later.
kernels::AdamScalars scalars(const OptimizerSpec& spec, const Update& update, double rate) {
  double first = 1, root_second = 1;
  if (spec.bias_correction) {
    first = 1 - power(spec.beta1, update.step);
    root_second = std::sqrt(1 - power(spec.beta2, update.step));
  }
  const bool into_gradient = spec.kind == OptimizerKind::kAdam;
  return {.gradient_scale = static_cast<float>(update.gradient_scale),
          .l2 = into_gradient ? static_cast<float>(update.weight_decay) : 0.0f,
          .one_minus_beta1 = static_cast<float>(1 - spec.beta1),
          .beta2 = static_cast<float>(spec.beta2),
          .one_minus_beta2 = static_cast<float>(1 - spec.beta2),
          .epsilon = static_cast<float>(spec.epsilon * root_second),
          .size = static_cast<float>(rate * root_second / first),
          .decay = into_gradient ? 0.0f : static_cast<float>(rate * update.weight_decay)};
}

class AdamStep : public ParameterStep {
 public:
  AdamStep(const kernels::AdamScalars& scalars, const Update& update)
      : scalars_(scalars),
        p_(update.weight),
        g_(update.gradient),
        m_(update.state[0].mutable_data<float>()),
        v_(update.state[1].mutable_data<float>()) {}

  std::int64_t blocks() const noexcept override { return block_count(std::ssize(p_)); }
  void run(int, std::int64_t block) override {
    const auto [begin, count] = block_range(std::ssize(p_), block);
    kernels::adam_block(scalars_, p_.data() + begin, g_ + begin, m_ + begin, v_ + begin, count);
  }

 protected:
  kernels::AdamScalars scalars_;
  std::span<float> p_;
  const float* g_;
  float *m_, *v_;
};

class LambStep : public AdamStep {
 public:
  LambStep(const kernels::AdamScalars& scalars, const Update& update, bool has_ratio)
      : AdamStep(scalars, update),
        rate_(update.rate),
        has_ratio_(has_ratio),
        sums_(static_cast<std::size_t>(blocks())) {}

  int phases() const noexcept override { return 2; }
  void run(int phase, std::int64_t block) override {
    const auto [begin, count] = block_range(std::ssize(p_), block);
    if (phase == 0) {
      sums_[static_cast<std::size_t>(block)] =
          kernels::lamb_moments_block(scalars_, p_.data() + begin, g_ + begin, m_ + begin, v_ + begin, count);
    } else {
      kernels::lamb_move_block(scalars_, step_, p_.data() + begin, m_ + begin, v_ + begin, count);
    }
  }
  // The ratio of the norms (phi(z) = z) is 1 where either is 0, as in the code named in optimizer.h.
  void finish(int) override {
    kernels::SquareSums sum{};
    for (const kernels::SquareSums& part : sums_) {
      sum.weight += part.weight;
      sum.update += part.update;
    }
    const bool counts = has_ratio_ && sum.weight > 0 && sum.update > 0;
    step_ = static_cast<float>(counts ? rate_ * std::sqrt(sum.weight / sum.update) : rate_);
  }

 private:
  double rate_;
  bool has_ratio_;
  std::vector<kernels::SquareSums> sums_;
  float step_ = 0;
};

}  // namespace

std::unique_ptr<ParameterStep> adam_step(const OptimizerSpec& spec, const Update& update) {
  return std::make_unique<AdamStep>(scalars(spec, update, update.rate), update);
}

std::unique_ptr<ParameterStep> lamb_step(const OptimizerSpec& spec, const Update& update) {
  return std::make_unique<LambStep>(scalars(spec, update, 1), update,
                                    update.shape.dims() >= 2 || !spec.lamb.exclude_vectors);
}

}  // namespace lyceum
