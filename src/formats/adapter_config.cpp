#include "formats/adapter_config.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/json.h"
#include "formats/hub_cache.h"

namespace lyceum {
namespace {

constexpr std::int64_t kMostRank = 1 << 16;
constexpr double kMostAlpha = 1e6;

// Keys that ask for more than W + scale B A, unless they are null, false or empty.
constexpr const char* kOthers[] = {"use_dora",
                                   "lora_bias",
                                   "layer_replication",
                                   "target_parameters",
                                   "use_qalora",
                                   "use_bdlora",
                                   "alora_invocation_tokens",
                                   "arrow_config",
                                   "trainable_token_indices",
                                   "kasa_config",
                                   "monteclora_config"};
// Ways to begin that change the base as well.
constexpr const char* kChangedBases[] = {"pissa", "olora", "corda", "loftq", "lora_ga"};

bool says_nothing(const Json& value) {
  return value.is_null() || value == false || ((value.is_object() || value.is_array()) && value.empty());
}

// The keys of a pattern are regular expressions for the end of a name; names and their ends are all that is
// ever needed of them.
template <class T, class Read>
void read_pattern(const JsonFields& f, const char* key, std::vector<std::pair<std::string, T>>& into,
                  const Read& read) {
  if (!f.has(key)) return;
  const JsonFields pattern = f.object(key);
  for (const auto& [name, value] : f.at(key).items()) {
    const bool is_plain = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
             c == '.' || c == '-';
    });
    if (!is_plain)
      fail(Errc::kUnsupported, "{}: '{}': found '{}', expected the name of a module or its end", f.where(),
           key, name);
    into.emplace_back(name, read(pattern, name));
  }
}

template <class T>
T value_for(const std::string& module, const std::vector<std::pair<std::string, T>>& pattern, T fallback) {
  for (const auto& [name, value] : pattern)
    if (is_named(module, name)) return value;
  return fallback;
}

}  // namespace

bool is_named(const std::string& module, const std::string& name) {
  return module == name || (module.size() > name.size() && module.ends_with(name) &&
                            module[module.size() - name.size() - 1] == '.');
}

std::int64_t AdapterConfig::rank_of(const std::string& module) const {
  return value_for(module, ranks, rank);
}

double AdapterConfig::scale_of(const std::string& module) const {
  const auto r = static_cast<double>(rank_of(module));
  return value_for(module, alphas, alpha) / (by_root ? std::sqrt(r) : r);
}

AdapterConfig parse_adapter_config(const std::string& text, const std::string& where) {
  const Json json = parse_json(text, where);
  const JsonFields f(json, where);
  if (const std::string type = f.text("peft_type", ""); type != "LORA")
    fail(Errc::kUnsupported, "{}: 'peft_type': found '{}', expected LORA", where, type);
  for (const char* key : kOthers)
    if (const Json* value = f.find(key); value != nullptr && !says_nothing(*value))
      fail(Errc::kUnsupported, "{}: '{}': found {}, expected none: only W + scale B A is supported", where,
           key, value->dump());
  if (const Json* begin = f.find("init_lora_weights"); begin != nullptr && begin->is_string())
    for (const char* name : kChangedBases)
      if (begin->get<std::string>().starts_with(name))
        fail(Errc::kUnsupported,
             "{}: 'init_lora_weights': found '{}', which changes the base as well. Fix: save it with PEFT's "
             "path_initial_model_for_weight_conversion",
             where, begin->get<std::string>());
  AdapterConfig c;
  c.base = f.text("base_model_name_or_path", "");
  if (const std::string revision = f.text("revision", ""); !revision.empty() && parse_hub_name(c.base))
    c.base += "@" + revision;
  if (f.has("auto_mapping")) c.class_name = f.object("auto_mapping").text("base_model_class", "");
  c.task = f.text("task_type", "");
  c.rank = f.integer("r", c.rank, 1, kMostRank);
  c.alpha = f.number("lora_alpha", c.alpha, -kMostAlpha, kMostAlpha);
  c.dropout = f.number("lora_dropout", 0, 0, 1);
  c.by_root = f.boolean("use_rslora", false);
  c.fan_in_fan_out = f.boolean("fan_in_fan_out", false);
  read_pattern(f, "rank_pattern", c.ranks,
               [](const JsonFields& p, const std::string& name) { return p.integer(name, 1, kMostRank); });
  read_pattern(f, "alpha_pattern", c.alphas, [](const JsonFields& p, const std::string& name) {
    return p.number(name, 0, -kMostAlpha, kMostAlpha);
  });
  if (const Json* targets = f.find("target_modules"); targets != nullptr && targets->is_array())
    c.targets = f.texts("target_modules");
  if (f.has("modules_to_save")) c.saved_modules = f.texts("modules_to_save");
  return c;
}

std::string adapter_config_text(const AdapterConfig& c) {
  using Ordered = nlohmann::ordered_json;
  const auto or_null = [](const std::string& text) { return text.empty() ? Ordered() : Ordered(text); };
  Ordered json{{"peft_type", "LORA"},
               {"task_type", or_null(c.task)},
               {"base_model_name_or_path", or_null(c.base.substr(0, c.base.find('@')))},
               {"revision",
                c.base.find('@') == c.base.npos ? Ordered() : Ordered(c.base.substr(c.base.find('@') + 1))},
               {"inference_mode", true},
               {"r", c.rank},
               {"lora_alpha", c.alpha},
               {"lora_dropout", c.dropout},
               {"use_rslora", c.by_root},
               {"fan_in_fan_out", c.fan_in_fan_out},
               {"bias", "none"},
               {"target_modules", c.targets},
               {"modules_to_save", c.saved_modules.empty() ? Ordered() : Ordered(c.saved_modules)},
               {"init_lora_weights", true}};
  if (c.task.empty() && !c.class_name.empty()) json["auto_mapping"] = {{"base_model_class", c.class_name}};
  if (c.alpha == std::floor(c.alpha)) json["lora_alpha"] = static_cast<std::int64_t>(c.alpha);
  return json.dump(2, ' ', false, Ordered::error_handler_t::replace) + "\n";
}

}  // namespace lyceum
