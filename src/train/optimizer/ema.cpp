#include "train/optimizer/ema.h"

#include <set>
#include <utility>

#include "base/error.h"
#include "train/optimizer/state_tensors.h"
#include "train/optimizer/update.h"
#include "train/optimizer/update_kernel.h"

namespace lyceum {

Ema::Ema(double decay, std::vector<WeightPtr> weights)
    : one_minus_decay_(static_cast<float>(1 - decay)), weights_(std::move(weights)) {
  if (!(decay >= 0 && decay < 1))
    fail(Errc::kData, "ema: found the decay {}, expected 0 <= decay < 1", decay);
  std::set<std::string> names;
  for (const WeightPtr& weight : weights_) {
    if (!names.insert(weight->name()).second)
      fail(Errc::kData, "ema: found two weights named '{}'", weight->name());
    if (weight->is_quantized())
      fail(Errc::kUnsupported, "ema: '{}' is quantised and has no average", weight->name());
    averages_.push_back(weight->f32().clone());
  }
}

void Ema::check_home(const char* what) const {
  if (is_exchanged_) fail(Errc::kInternal, "ema: {} while the averages stand in for the weights", what);
}

void Ema::update() {
  check_home("update");
  std::vector<Tensor> values;
  std::vector<std::int64_t> blocks;
  std::int64_t elements = 0;
  for (const WeightPtr& weight : weights_) {
    values.push_back(weight->f32().contiguous());
    blocks.push_back(block_count(values.back().elements()));
    elements += values.back().elements();
  }
  for_each_block(blocks, elements, [&](std::size_t i, std::int64_t block) {
    const auto [begin, count] = block_range(values[i].elements(), block);
    kernels::move_average(averages_[i].mutable_data<float>() + begin, values[i].data<float>() + begin,
                          one_minus_decay_, count);
  });
}

void Ema::exchange() {
  for (std::size_t i = 0; i < weights_.size(); ++i) {
    Tensor before = weights_[i]->value().detached();
    weights_[i]->assign(std::move(averages_[i]));
    averages_[i] = std::move(before);
  }
  is_exchanged_ = !is_exchanged_;
}

Ema::InPlace::InPlace(Ema& ema) : ema_(&ema) {
  ema.check_home("another exchange");
  ema.exchange();
}

Ema::InPlace::~InPlace() { ema_->exchange(); }

NamedTensors Ema::state() const {
  check_home("state");
  NamedTensors all;
  for (std::size_t i = 0; i < weights_.size(); ++i) all["ema." + weights_[i]->name()] = averages_[i];
  return all;
}

void Ema::load_state(const NamedTensors& state) {
  check_home("load_state");
  std::vector<StateTensor> wanted;
  for (const WeightPtr& weight : weights_)
    wanted.push_back({.name = "ema." + weight->name(), .shape = weight->shape()});
  check_state(state, wanted, "ema");
  for (std::size_t i = 0; i < weights_.size(); ++i) copy_state(state.at(wanted[i].name), averages_[i]);
}

}  // namespace lyceum
