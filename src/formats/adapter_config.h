// adapter_config.json: what the PEFT library writes beside an adapter's weights. LoRA (Hu et al. 2021) is
// read and written; what changes a model in another way is refused.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace lyceum {

// Names are PEFT's; a module is named as in the reference's class
// ("bert.encoder.layer.0.attention.self.query").
struct AdapterConfig {
  std::string base;        // base_model_name_or_path, with "@revision" where one is given; empty: not said
  std::string class_name;  // auto_mapping.base_model_class; empty: not said
  std::string task;        // task_type: "SEQ_CLS", ...; empty: not said
  std::int64_t rank = 8;   // r
  double alpha = 8;        // lora_alpha
  double dropout = 0;      // lora_dropout, of training
  bool by_root = false;    // use_rslora: alpha / sqrt(r), not alpha / r
  bool fan_in_fan_out = false;                              // the targets' weights are [inputs, outputs]
  std::vector<std::pair<std::string, std::int64_t>> ranks;  // rank_pattern: of modules whose name ends so
  std::vector<std::pair<std::string, double>> alphas;       // alpha_pattern
  std::vector<std::string> targets;        // target_modules; empty where it is a pattern: the tensors tell
  std::vector<std::string> saved_modules;  // modules_to_save: trained in full

  std::int64_t rank_of(const std::string& module) const;
  // What B A counts times.
  double scale_of(const std::string& module) const;
};

// Whether a module's name is `name` or ends in ".name" (R: check_target_module_exists).
bool is_named(const std::string& module, const std::string& name);

// Throws Errc::kFormat, naming file and key, for values out of range; Errc::kUnsupported for another kind of
// adapter (peft_type) and for forms of LoRA that are more than W + scale B A (DoRA, biases of B, replicated
// layers, ...).
AdapterConfig parse_adapter_config(const std::string& json, const std::string& where);

// The file's text.
std::string adapter_config_text(const AdapterConfig& config);

// Tensors of adapter_model.safetensors: this, and the name in the reference's class.
inline constexpr const char* kAdapterPrefix = "base_model.model.";

}  // namespace lyceum
