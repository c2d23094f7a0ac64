#include "nn/config_fields.h"

#include "base/error.h"
#include "base/json.h"
#include "ops/activation/activation.h"

namespace lyceum {

std::string architecture_of(const JsonFields& config, std::string fallback) {
  if (!config.has("architectures")) return fallback;
  const std::vector<std::string> classes = config.texts("architectures");
  return classes.empty() ? fallback : classes[0];
}

Activation activation_of(const JsonFields& config, const std::string& key, Activation fallback) {
  if (!config.has(key)) return fallback;
  try {
    return activation_from_name(config.text(key));
  } catch (const Error& error) {
    fail(error.code(), "{}: '{}': {}", config.where(), key, error.what());
  }
}

std::vector<std::string> labels_of(const JsonFields& config) {
  if (!config.has("id2label")) return {};
  const JsonFields labels = config.object("id2label");
  std::vector<std::string> names(config.at("id2label").size());
  for (std::size_t i = 0; i < names.size(); ++i) names[i] = labels.text(std::to_string(i));
  return names;
}

std::string problem_type_of(const JsonFields& config) {
  std::string kind = config.text("problem_type", "");
  if (!kind.empty() && kind != "regression" && kind != "single_label_classification" &&
      kind != "multi_label_classification")
    config.wrong("problem_type", "regression, single_label_classification or multi_label_classification");
  return kind;
}

float dropout_of(const JsonFields& config, const std::string& key, float fallback) {
  return static_cast<float>(config.number(key, static_cast<double>(fallback), 0.0, 1.0));
}

std::int64_t classifier_outputs(const Checkpoint& checkpoint, const std::string& name,
                                std::vector<std::string>& labels) {
  const Tensor* tensor = checkpoint.find(name + ".weight");
  const std::int64_t outputs =
      tensor == nullptr && !labels.empty() ? static_cast<std::int64_t>(labels.size())  // of a new head
      : tensor != nullptr && tensor->shape().dims() == 2 && tensor->dim(0) > 0 ? tensor->dim(0)
                                                                               : 2;
  if (labels.empty())
    for (std::int64_t i = 0; i < outputs; ++i) labels.push_back("LABEL_" + std::to_string(i));
  if (static_cast<std::int64_t>(labels.size()) != outputs)
    fail(Errc::kData, "config.json: 'id2label': found {} labels, expected {} as '{}.weight' has rows",
         labels.size(), outputs, name);
  return outputs;
}

}  // namespace lyceum
