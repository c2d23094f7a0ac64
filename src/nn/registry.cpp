#include "nn/registry.h"

#include <algorithm>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "nn/merged_adapter.h"

namespace lyceum {

const std::vector<Family>& families() {
  static const FamilyRegistry registry = [] {
    FamilyRegistry r;
    register_all(r);
    return r;
  }();
  return registry.families();
}

namespace {

// Of the quantised layouts one is known: bytes with a scale for each output, activations rounded as they
// come.
void check_quantization(const JsonFields& config) {
  if (!config.has("quantization_config")) return;
  const JsonFields q = config.object("quantization_config");
  const std::string method = q.text("quant_method", ""), format = q.text("format", "");
  if (method != "compressed-tensors" || format != "int-quantized")
    fail(Errc::kUnsupported,
         "{}: found the method '{}' and the format '{}', expected compressed-tensors and int-quantized",
         q.where(), method, format);
}

}  // namespace

const Family& family_of(const std::string& config_json, const std::string& where) {
  const Json json = parse_json(config_json, where);
  const JsonFields f(json, where);
  const std::string type = f.text("model_type", "");
  const std::vector<std::string> classes =
      f.has("architectures") ? f.texts("architectures") : std::vector<std::string>();
  std::string known;
  for (const Family& family : families()) {
    for (const std::string& name : family.model_types) known += (known.empty() ? "" : ", ") + name;
    const bool by_type =
        std::find(family.model_types.begin(), family.model_types.end(), type) != family.model_types.end();
    const auto has_class = [&](const std::string& name) {
      return std::find(family.architectures.begin(), family.architectures.end(), name) !=
             family.architectures.end();
    };
    if (!by_type && !(type.empty() && !classes.empty() && has_class(classes[0]))) continue;
    if (!classes.empty() && !has_class(classes[0])) {
      std::string there;
      for (const std::string& name : family.architectures) there += (there.empty() ? "" : ", ") + name;
      fail(Errc::kUnsupported, "{}: 'architectures': found '{}', expected one of: {}", f.where(), classes[0],
           there);
    }
    check_quantization(f);
    return family;
  }
  fail(Errc::kUnsupported, "{}: 'model_type': found '{}', expected one of: {}", f.where(), type, known);
}

std::string class_ending_in(const Family& family, const std::string& current,
                            const std::vector<std::string>& endings) {
  const auto matches = [&](const std::string& name) {
    return std::any_of(endings.begin(), endings.end(), [&](const std::string& e) {
      return name.ends_with(e) && !(e == "Model" && name.ends_with("HeadModel"));
    });
  };
  if (matches(current)) return current;
  std::size_t longest = 0;
  std::string found;
  for (const std::string& name : family.architectures) {
    if (!matches(name)) continue;
    const auto common = static_cast<std::size_t>(
        std::mismatch(name.begin(), name.end(), current.begin(), current.end()).first - name.begin());
    if (found.empty() || common > longest) {
      found = name;
      longest = common;
    }
  }
  return found;
}

LoadedModel load_model(const std::string& config_json, const std::string& where, const Checkpoint& checkpoint,
                       std::optional<Compute> compute) {
  LoadedModel loaded;
  loaded.model = family_of(config_json, where).load(config_json, where, checkpoint);
  if (compute) loaded.model->set_compute(*compute);
  loaded.unused = checkpoint.unused();
  loaded.file_bytes = checkpoint.bytes();
  return loaded;
}

LoadedModel load_model(const ModelFolder& folder, std::optional<Compute> compute) {
  if (folder.adapter() != nullptr) {
    const MergedAdapter merged = merged_adapter(folder);
    LoadedModel loaded = load_model(merged.config, merged.where, merged.checkpoint, compute);
    if (compute == Compute::kInt8)  // the sums need not stay in f32
      for (const WeightPtr& weight : loaded.model->int8_weights())
        if (!weight->value().storage()->is_mapped()) weight->quantize();
    return loaded;
  }
  const auto file = folder.require("config.json");
  const std::string text = read_text(file, 1 << 24);
  family_of(text, file.string());  // a model of another kind is told before its weights are looked for
  return load_model(text, file.string(), Checkpoint::open(folder), compute);
}

}  // namespace lyceum
