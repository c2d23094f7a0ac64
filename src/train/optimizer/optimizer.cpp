#include "train/optimizer/optimizer.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <numeric>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/parallel.h"
#include "train/optimizer/state_tensors.h"
#include "train/optimizer/update.h"
#include "train/optimizer/update_kernel.h"

namespace lyceum {
namespace {

// More steps than any run takes, and far from where counting would overflow.
constexpr std::int64_t kMostSteps = std::int64_t{1} << 53;

void check_range(const char* name, double value, double low, double below) {
  if (!(value >= low && value < below))
    fail(Errc::kData, "optimizer: found {} = {}, expected {} <= {} < {}", name, value, low, name, below);
}

void check_not_negative(const char* name, double value) {
  if (!(value >= 0 && std::isfinite(value)))
    fail(Errc::kData, "optimizer: found {} = {}, expected a finite number, 0 or more", name, value);
}

void check_spec(const OptimizerSpec& spec) {
  check_range("beta1", spec.beta1, 0, 1);
  check_range("beta2", spec.beta2, 0, 1);
  check_not_negative("epsilon", spec.epsilon);
  check_range("momentum", spec.sgd.momentum, 0, 1);
  check_range("dampening", spec.sgd.dampening, 0, 1);
  if (spec.sgd.nesterov && (spec.sgd.momentum == 0 || spec.sgd.dampening != 0))
    fail(
        Errc::kData,
        "optimizer: found nesterov with momentum = {} and dampening = {}, expected a momentum above 0 and no "
        "dampening",
        spec.sgd.momentum, spec.sgd.dampening);
  check_not_negative("epsilon1", spec.adafactor.epsilon1);
  check_not_negative("epsilon2", spec.adafactor.epsilon2);
  check_range("adafactor's beta1", spec.adafactor.beta1, 0, 1);
  if (!(spec.adafactor.clip_threshold > 0))
    fail(Errc::kData, "optimizer: found clip_threshold = {}, expected more than 0",
         spec.adafactor.clip_threshold);
  if (!(spec.adafactor.decay_rate < 0))
    fail(Errc::kData, "optimizer: found decay_rate = {}, expected less than 0", spec.adafactor.decay_rate);
}

void check_gradient(const Tensor& gradient, const std::string& name) {
  if (gradient.dtype() != DType::kF32 || !gradient.is_contiguous())
    fail(Errc::kData, "gradient of '{}': found {}{}, expected contiguous F32", name,
         dtype_name(gradient.dtype()), gradient.is_contiguous() ? "" : " with a row stride");
}

std::uint64_t bytes_of(const StateTensor& tensor) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  const auto size = static_cast<std::uint64_t>(dtype_bits(tensor.dtype) / 8),
             elements = static_cast<std::uint64_t>(tensor.shape.elements());
  return elements > kMost / size ? kMost : elements * size;
}

Shape without_dimension(const Shape& shape, int from_end) {
  std::vector<std::int64_t> sizes(shape.sizes().begin(), shape.sizes().end());
  sizes.erase(sizes.end() - from_end);
  return Shape(sizes);
}

const StateTensor kTotalSteps{.name = "step", .dtype = DType::kI64};

Tensor count_tensor(std::int64_t count) { return Tensor::of<std::int64_t>({}, std::span(&count, 1)); }

std::int64_t count_in(const Tensor& tensor, const std::string& name, std::int64_t most) {
  std::int64_t count = 0;
  std::memcpy(&count, tensor.raw(), sizeof count);
  if (count < 0 || count > most)
    fail(Errc::kData, "optimizer state: '{}': found {}, expected 0 to {}", name, count, most);
  return count;
}

std::unique_ptr<ParameterStep> step_of_kind(const OptimizerSpec& spec, const Update& update) {
  switch (spec.kind) {
    case OptimizerKind::kAdamW:
    case OptimizerKind::kAdam:
      return adam_step(spec, update);
    case OptimizerKind::kSgd:
      return sgd_step(spec, update);
    case OptimizerKind::kLamb:
      return lamb_step(spec, update);
    case OptimizerKind::kAdafactor:
      return adafactor_step(spec, update);
  }
  return nullptr;
}

}  // namespace

void for_each_block(std::span<const std::int64_t> counts, std::int64_t elements,
                    FunctionRef<void(std::size_t owner, std::int64_t block)> body) {
  if (elements <= 2 * kUpdateBlock) {
    for (std::size_t owner = 0; owner < counts.size(); ++owner)
      for (std::int64_t block = 0; block < counts[owner]; ++block) body(owner, block);
    return;
  }
  std::vector<std::int64_t> ends(counts.size());
  std::partial_sum(counts.begin(), counts.end(), ends.begin());
  parallel_tasks(ends.back(), [&](std::int64_t task, int) {
    const auto owner =
        static_cast<std::size_t>(std::upper_bound(ends.begin(), ends.end(), task) - ends.begin());
    body(owner, task - (ends[owner] - counts[owner]));
  });
}

std::vector<StateTensor> state_layout(const OptimizerSpec& spec, const std::string& name,
                                      const Shape& shape) {
  std::vector<StateTensor> layout;
  const auto add = [&](const char* what, const Shape& size, DType type = DType::kF32) {
    layout.push_back({.name = std::string(what) + "." + name, .dtype = type, .shape = size});
  };
  add("step", {}, DType::kI64);
  switch (spec.kind) {
    case OptimizerKind::kAdamW:
    case OptimizerKind::kAdam:
    case OptimizerKind::kLamb:
      add("exp_avg", shape);
      add("exp_avg_sq", shape);
      break;
    case OptimizerKind::kSgd:
      if (spec.sgd.momentum != 0) add("momentum_buffer", shape);
      break;
    case OptimizerKind::kAdafactor:
      if (shape.dims() < 2) {
        add("exp_avg_sq", shape);
      } else {
        add("exp_avg_sq_col", without_dimension(shape, 2));
        add("exp_avg_sq_row", without_dimension(shape, 1));
      }
      if (spec.adafactor.beta1 != 0) add("exp_avg", shape);
      break;
  }
  return layout;
}

std::uint64_t state_bytes(const OptimizerSpec& spec, std::span<const Shape> shapes) {
  std::uint64_t sum = bytes_of(kTotalSteps);
  for (const Shape& shape : shapes)
    for (const StateTensor& tensor : state_layout(spec, {}, shape)) {
      const std::uint64_t bytes = bytes_of(tensor);
      sum = bytes > ~sum ? ~std::uint64_t{0} : sum + bytes;
    }
  return sum;
}

Optimizer::Optimizer(const OptimizerSpec& spec, std::vector<TrainedParameter> parameters) : spec_(spec) {
  check_spec(spec);
  std::set<std::string> names;
  for (TrainedParameter& trained : parameters) {
    if (trained.weight == nullptr) fail(Errc::kData, "optimizer: found a parameter without a weight");
    const Weight& weight = *trained.weight;
    if (!names.insert(weight.name()).second)
      fail(Errc::kData, "optimizer: found two parameters named '{}'", weight.name());
    if (weight.is_quantized())
      fail(Errc::kUnsupported, "optimizer: '{}' is quantised and cannot be trained", weight.name());
    check_not_negative("weight_decay", trained.weight_decay);
    check_not_negative("rate_scale", trained.rate_scale);
    Entry entry{.trained = std::move(trained), .layout = state_layout(spec, weight.name(), weight.shape())};
    for (std::size_t i = 1; i < entry.layout.size(); ++i)
      entry.state.push_back(Tensor::zeros(entry.layout[i].shape));
    entries_.push_back(std::move(entry));
  }
}

void Optimizer::step(std::span<const Tensor> gradients, double rate, double gradient_scale) {
  check_not_negative("rate", rate);
  if (gradients.size() != entries_.size())
    fail(Errc::kData, "optimizer: found {} gradients, expected {}", gradients.size(), entries_.size());
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    if (!gradients[i].defined()) continue;
    const Weight& weight = *entries_[i].trained.weight;
    check_gradient(gradients[i], weight.name());
    if (gradients[i].shape() != weight.shape())
      fail(Errc::kData, "gradient of '{}': found {}, expected {}", weight.name(), gradients[i].shape().text(),
           weight.shape().text());
  }
  ++steps_;
  std::vector<std::unique_ptr<ParameterStep>> steps;
  std::vector<std::int64_t> blocks;
  std::int64_t elements = 0;
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    if (!gradients[i].defined()) continue;
    Entry& entry = entries_[i];
    ++entry.steps;
    if (gradients[i].elements() == 0) continue;
    steps.push_back(step_of_kind(spec_, {.weight = entry.trained.weight->mutable_f32(),
                                         .shape = entry.trained.weight->shape(),
                                         .gradient = gradients[i].data<float>(),
                                         .state = entry.state,
                                         .step = entry.steps,
                                         .rate = rate * entry.trained.rate_scale,
                                         .weight_decay = entry.trained.weight_decay,
                                         .gradient_scale = gradient_scale}));
    blocks.push_back(steps.back()->blocks());
    elements += gradients[i].elements();
  }
  const int phases = steps.empty() ? 0 : steps[0]->phases();
  const std::vector<std::int64_t> once(steps.size(), 1);
  for (int phase = 0; phase < phases; ++phase) {
    for_each_block(blocks, elements, [&](std::size_t i, std::int64_t block) { steps[i]->run(phase, block); });
    if (phase + 1 < phases)
      for_each_block(once, elements, [&](std::size_t i, std::int64_t) { steps[i]->finish(phase); });
  }
}

NamedTensors Optimizer::state() const {
  NamedTensors all;
  all[kTotalSteps.name] = count_tensor(steps_);
  for (const Entry& entry : entries_) {
    all[entry.layout[0].name] = count_tensor(entry.steps);
    for (std::size_t i = 0; i < entry.state.size(); ++i) all[entry.layout[i + 1].name] = entry.state[i];
  }
  return all;
}

void Optimizer::load_state(const NamedTensors& state) {
  std::vector<StateTensor> wanted{kTotalSteps};
  for (const Entry& entry : entries_) wanted.insert(wanted.end(), entry.layout.begin(), entry.layout.end());
  check_state(state, wanted, "optimizer state");
  const std::int64_t total = count_in(state.at(kTotalSteps.name), kTotalSteps.name, kMostSteps);
  std::vector<std::int64_t> steps;
  for (const Entry& entry : entries_)
    steps.push_back(count_in(state.at(entry.layout[0].name), entry.layout[0].name, total));
  steps_ = total;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    entries_[i].steps = steps[i];
    for (std::size_t k = 0; k < entries_[i].state.size(); ++k)
      copy_state(state.at(entries_[i].layout[k + 1].name), entries_[i].state[k]);
  }
}

std::vector<double> squared_norms(std::span<const Tensor> gradients) {
  std::vector<std::int64_t> blocks;
  std::vector<std::vector<double>> parts;
  std::int64_t elements = 0;
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    const bool is_there = gradients[i].defined();
    if (is_there) check_gradient(gradients[i], std::to_string(i));
    const std::int64_t count = is_there ? gradients[i].elements() : 0;
    elements += count;
    blocks.push_back(block_count(count));
    parts.emplace_back(static_cast<std::size_t>(blocks.back()));
  }
  for_each_block(blocks, elements, [&](std::size_t i, std::int64_t block) {
    const auto [begin, count] = block_range(gradients[i].elements(), block);
    parts[i][static_cast<std::size_t>(block)] =
        kernels::sum_of_squares(gradients[i].data<float>() + begin, 1, count);
  });
  std::vector<double> sums;
  for (const std::vector<double>& one : parts) sums.push_back(std::accumulate(one.begin(), one.end(), 0.0));
  return sums;
}

double global_norm(std::span<const Tensor> gradients) {
  const std::vector<double> squares = squared_norms(gradients);
  return std::sqrt(std::accumulate(squares.begin(), squares.end(), 0.0));
}

}  // namespace lyceum
