#include "train/run/adapter_learning.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/nearest.h"
#include "formats/safetensors.h"
#include "nn/initial_values.h"

namespace lyceum {
namespace {

constexpr const char* kAllLinear = "all-linear";
constexpr std::uint64_t kFirstStream = std::uint64_t{1} << 32;  // behind every place of nn/dropout_place.h

// PEFT's name for what is learnt; empty where it has none.
std::string task_of(ObjectiveKind kind) {
  using enum ObjectiveKind;
  switch (kind) {
    case kClassification:
    case kMultiLabel:
    case kRegression:
      return "SEQ_CLS";
    case kTagging:
      return "TOKEN_CLS";
    case kAnswering:
      return "QUESTION_ANS";
    case kCausalLm:
      return "CAUSAL_LM";
    case kPairs:
    case kTriplets:
      return "FEATURE_EXTRACTION";
    case kMaskedLm:
    case kMultipleChoice:
      break;
  }
  return "";
}

// Objectives with a head of their own on top of the body, which PEFT too trains in full.
bool has_own_head(ObjectiveKind kind) {
  return kind != ObjectiveKind::kMaskedLm && kind != ObjectiveKind::kCausalLm && !has_sentence_vectors(kind);
}

std::string module_of(const std::string& parameter) { return parameter.substr(0, parameter.rfind('.')); }
std::string first_part(const std::string& name) { return name.substr(0, name.find('.')); }

// Whether a parameter is in a module that `name` names.
bool is_in(const std::string& parameter, const std::string& name) {
  for (auto point = parameter.find('.'); point != std::string::npos; point = parameter.find('.', point + 1))
    if (is_named(parameter.substr(0, point), name)) return true;
  return false;
}

// Without those that are inside of another.
std::vector<std::string> outermost(const std::set<std::string>& modules) {
  std::vector<std::string> out;
  for (const std::string& module : modules)
    if (std::none_of(modules.begin(), modules.end(),
                     [&](const std::string& other) { return module.starts_with(other + "."); }))
      out.push_back(module);
  return out;
}

struct WholeModules {
  std::vector<std::string> names;  // for modules_to_save
  std::vector<WeightPtr> weights;
};

WholeModules whole_modules(const Recipe& recipe, const Model& model, const std::vector<std::string>& made) {
  const std::vector<std::string>& wanted = recipe.model.lora->modules_to_save;
  const bool own_head = has_own_head(recipe.objective.kind);
  const std::string body = first_part(model.saved_name(model.parameters().at(0)->name()));
  std::set<std::string> modules;
  for (const WeightPtr& weight : model.parameters()) {
    const std::string name = model.saved_name(weight->name());
    const bool is_head = own_head && first_part(name) != body;
    if (is_head) modules.insert(first_part(name));
    if (!is_head && std::find(made.begin(), made.end(), weight->name()) != made.end())
      modules.insert(module_of(name));
  }
  WholeModules out{.names = outermost(modules), .weights = {}};
  for (const std::string& name : wanted) {
    const bool is_there =
        std::any_of(model.parameters().begin(), model.parameters().end(),
                    [&](const auto& w) { return is_in(model.saved_name(w->name()), name); });
    if (!is_there)
      fail(Errc::kData, "model.lora.modules_to_save: '{}' names no module of {}", name, model.architecture());
    if (std::find(out.names.begin(), out.names.end(), name) == out.names.end()) out.names.push_back(name);
  }
  for (const WeightPtr& weight : model.parameters())
    if (std::any_of(out.names.begin(), out.names.end(),
                    [&](const std::string& name) { return is_in(model.saved_name(weight->name()), name); }))
      out.weights.push_back(weight);
  return out;
}

struct Target {
  std::string module;
  Linear linear;
  std::size_t part = 0;
  bool is_body = false;
};

std::vector<Target> candidates(const Model& model) {
  std::vector<Target> out;
  const Products products = model.products();
  for (const std::vector<Linear>* linears : {&products.body, &products.heads})
    for (const Linear& linear : *linears)
      for (std::size_t i = 0; i < linear.parts().size(); ++i) {
        const std::string name = model.saved_name(linear.parts()[i].weight->name());
        if (name.ends_with(".weight")) out.push_back({module_of(name), linear, i, linears == &products.body});
      }
  return out;
}

// Those that the recipe names, but for what is trained in full.
std::vector<Target> targets_of(const LoraRecipe& lora, const Model& model, const WholeModules& whole) {
  const std::vector<Target> all = candidates(model);
  std::set<std::string> taken;
  std::vector<Target> out;
  for (const std::string& wanted : lora.targets) {
    bool is_there = false;
    for (const Target& target : all) {
      if (!(wanted == kAllLinear ? target.is_body : is_named(target.module, wanted))) continue;
      is_there = true;
      const WeightPtr& weight = target.linear.parts()[target.part].weight;
      const bool is_whole =
          std::find(whole.weights.begin(), whole.weights.end(), weight) != whole.weights.end();
      if (!is_whole && taken.insert(target.module).second) out.push_back(target);
    }
    if (is_there) continue;
    std::set<std::string> ends;
    for (const Target& target : all) ends.insert(target.module.substr(target.module.rfind('.') + 1));
    fail(Errc::kData,
         "model.lora.targets: '{}' names no linear layer of {}; it has: {}, or all of its layers': {}",
         wanted, model.architecture(), fmt::join(ends, ", "), kAllLinear);
  }
  if (out.empty())
    fail(Errc::kData, "model.lora.targets: found no linear layer of {} that is not trained in full",
         model.architecture());
  return out;
}

void make_int8(Model& model, const WholeModules& whole) {
  for (const WeightPtr& weight : model.int8_weights()) {
    if (std::find(whole.weights.begin(), whole.weights.end(), weight) != whole.weights.end())
      fail(Errc::kData,
           "model.lora.modules_to_save: '{}' is trained, and cannot be in int8. Fix: model.lora.base = "
           "\"f32\"",
           weight->name());
    weight->quantize();
  }
  model.set_compute(Compute::kInt8);
}

}  // namespace

Adapters begin_adapters(const Recipe& recipe, Model& model, const std::vector<std::string>& made,
                        const std::string& base) {
  const LoraRecipe& lora = *recipe.model.lora;
  WholeModules whole = whole_modules(recipe, model, made);
  const std::vector<Target> targets = targets_of(lora, model, whole);
  if (lora.base == "int8") make_int8(model, whole);
  Adapters out;
  out.config = {.base = base,
                .class_name = model.architecture(),
                .task = task_of(recipe.objective.kind),
                .rank = lora.rank,
                .alpha = lora.alpha,
                .dropout = lora.dropout,
                .by_root = lora.by_root,
                .saved_modules = std::move(whole.names)};
  out.whole = std::move(whole.weights);
  const bool is_all = std::find(lora.targets.begin(), lora.targets.end(), kAllLinear) != lora.targets.end();
  if (!is_all) out.config.targets = lora.targets;
  std::uint64_t stream = kFirstStream;
  for (Target target : targets) {
    const Weight& weight = *target.linear.parts()[target.part].weight;
    if (is_all) out.config.targets.push_back(target.module);
    out.config.fan_in_fan_out |= weight.orientation() == Orientation::kInputsOutputs;
    const std::string name = kAdapterPrefix + target.module + ".lora_";
    const std::string down = name + "A.weight", up = name + "B.weight";
    const LowRank change{
        .down = std::make_shared<Weight>(
            down, initial_linear(down, {lora.rank, weight.inputs()}, weight.inputs(), recipe.train.seed)),
        .up = std::make_shared<Weight>(up, Tensor::zeros({weight.outputs(), lora.rank})),
        .scale = static_cast<float>(out.config.scale_of(target.module)),
        .dropout = static_cast<float>(lora.dropout),
        .stream = stream++};
    target.linear.adapt(target.part, change);
    out.weights.push_back(change.down);
    out.weights.push_back(change.up);
  }
  return out;
}

void save_adapters(const std::filesystem::path& folder, const Adapters& adapters, const Model& model) {
  AtomicFile config(folder / "adapter_config.json");
  config.write(adapter_config_text(adapters.config));
  config.commit();
  std::vector<std::pair<std::string, Tensor>> tensors;
  for (const WeightPtr& weight : adapters.weights)
    tensors.emplace_back(weight->name(), weight->f32().detached());
  for (const WeightPtr& weight : adapters.whole)
    tensors.emplace_back(kAdapterPrefix + model.saved_name(weight->name()), weight->f32().detached());
  write_safetensors(folder / "adapter_model.safetensors", tensors, {{"format", "pt"}});
}

}  // namespace lyceum
