#include "nn/sentence_head.h"

#include <utility>

#include "base/error.h"
#include "formats/checkpoint.h"
#include "ops/columns/columns.h"

namespace lyceum {
namespace {

PoolingMode mode_of(const std::string& name) {
  if (name == "cls") return PoolingMode::kCls;
  if (name == "max") return PoolingMode::kMax;
  if (name == "mean_sqrt_len") return PoolingMode::kMeanSqrtLength;
  if (name == "weightedmean") return PoolingMode::kWeightedMean;
  if (name == "lasttoken") return PoolingMode::kLastToken;
  return PoolingMode::kMean;
}

Activation activation_of(const std::string& module, const std::string& path) {
  static constexpr std::pair<const char*, Activation> kNames[] = {
      {"Identity", Activation::kNone}, {"Tanh", Activation::kTanh}, {"ReLU", Activation::kRelu},
      {"GELU", Activation::kGeluErf},  {"SiLU", Activation::kSilu}, {"Sigmoid", Activation::kSigmoid}};
  for (const auto& [name, value] : kNames)
    if (module == name) return value;
  fail(Errc::kUnsupported,
       "{}/config.json: 'activation_function': found '{}', expected Identity, Tanh, ReLU, GELU, SiLU or "
       "Sigmoid",
       path, module);
}

}  // namespace

SentenceHead::SentenceHead(const ModelFolder& folder, const SentencePipeline& pipeline, std::int64_t width)
    : SentenceHead(pipeline, width,
                   [&folder](const SentenceModule& module, const std::string& name, const Shape& shape) {
                     return Checkpoint::open(folder, module.path).take(name, shape);
                   }) {}

SentenceHead::SentenceHead(const SentencePipeline& pipeline, std::int64_t width,
                           const TakeTensor& take_tensor)
    : width_(width) {
  for (const SentenceModule& module : pipeline.modules) {
    Step step{.kind = module.kind, .include_prompt = module.include_prompt};
    if (module.kind == SentenceModule::Kind::kPooling) {
      for (const std::string& mode : module.modes) step.modes.push_back(mode_of(mode));
      width_ *= static_cast<std::int64_t>(step.modes.size());
    } else if (module.kind == SentenceModule::Kind::kDense) {
      if (module.in_features != width_)
        fail(Errc::kData, "{}/config.json: 'in_features': found {}, expected the {} of the module before",
             module.path, module.in_features, width_);
      const auto take = [&](const char* name, const Shape& shape) {
        parameters_.push_back(
            std::make_shared<Weight>(module.path + "/" + name, take_tensor(module, name, shape)));
        return parameters_.back();
      };
      const WeightPtr weight = take("linear.weight", {module.out_features, module.in_features});
      step.dense = Linear(weight, module.bias ? take("linear.bias", {module.out_features}) : nullptr);
      step.activation = activation_of(module.activation, module.path);
      width_ = module.out_features;
    }
    steps_.push_back(std::move(step));
  }
}

bool SentenceHead::is_normalized() const noexcept {
  return !steps_.empty() && steps_.back().kind == SentenceModule::Kind::kNormalize;
}

Tensor SentenceHead::operator()(const Tensor& hidden, const SequenceLayout& layout,
                                std::span<const std::int64_t> prompt_tokens) const {
  Tensor x = hidden;
  for (const Step& step : steps_) {
    if (step.kind == SentenceModule::Kind::kPooling) {
      std::vector<Tensor> parts;
      for (const PoolingMode mode : step.modes)
        parts.push_back(
            pool(x, layout, mode, step.include_prompt ? std::span<const std::int64_t>() : prompt_tokens));
      x = parts.size() == 1 ? parts[0] : concat_columns(parts);
    } else if (step.kind == SentenceModule::Kind::kDense) {
      x = step.dense(x, step.activation);
    } else {
      x = normalize(x);
    }
  }
  return x;
}

}  // namespace lyceum
