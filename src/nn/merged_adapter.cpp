#include "nn/merged_adapter.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/parallel.h"
#include "nn/registry.h"

namespace lyceum {
namespace {

using OrderedJson = nlohmann::ordered_json;

// PEFT's task_type and what the class for it is called behind the family's prefix.
std::vector<std::string> endings_of_task(const std::string& task) {
  if (task == "SEQ_CLS") return {"ForSequenceClassification"};
  if (task == "TOKEN_CLS") return {"ForTokenClassification"};
  if (task == "QUESTION_ANS") return {"ForQuestionAnswering"};
  if (task == "CAUSAL_LM") return {"LMHeadModel", "ForCausalLM"};
  if (task == "SEQ_2_SEQ_LM") return {"ForConditionalGeneration"};
  if (task == "FEATURE_EXTRACTION") return {"Model"};
  return {};
}

std::string without(std::string text, std::string_view part) {
  if (const auto at = text.find(part); at != std::string::npos) text.erase(at, part.size());
  return text;
}

struct Pair {
  std::string down, up;  // the tensors' names
};
struct AdapterTensors {
  std::map<std::string, Pair> pairs;         // by module
  std::map<std::string, std::string> whole;  // the class's name of a parameter -> the tensor's
};

AdapterTensors sorted(const Checkpoint& checkpoint) {
  AdapterTensors out;
  constexpr std::string_view kPrefix = kAdapterPrefix, kDown = ".lora_A.weight", kUp = ".lora_B.weight";
  for (const std::string& name : checkpoint.names()) {
    if (!name.starts_with(kPrefix)) continue;
    const std::string own = name.substr(kPrefix.size());
    if (own.ends_with(kDown)) {
      out.pairs[own.substr(0, own.size() - kDown.size())].down = name;
    } else if (own.ends_with(kUp)) {
      out.pairs[own.substr(0, own.size() - kUp.size())].up = name;
    } else if (own.find(".lora_") != std::string::npos) {
      fail(Errc::kUnsupported, "{}: tensor '{}': expected lora_A.weight and lora_B.weight of matrices only",
           checkpoint.file_of(name).string(), name);
    } else {
      out.whole[without(without(own, ".base_layer"), ".modules_to_save")] = name;
    }
  }
  return out;
}

// A parameter of the class under its name in the base's file, which may be of the body alone, without the
// class's prefix; under both where the base has none.
void put_whole(Checkpoint& checkpoint, const std::string& name, const std::string& tensor) {
  std::vector<std::string> names{name};
  if (const auto point = name.find('.'); point != std::string::npos && name.find('.', point + 1) != name.npos)
    names.push_back(name.substr(point + 1));
  const auto is_there = [&](const std::string& n) { return checkpoint.find_info(n) != nullptr; };
  if (std::any_of(names.begin(), names.end(), is_there))
    names.erase(std::remove_if(names.begin(), names.end(), [&](const auto& n) { return !is_there(n); }),
                names.end());
  const Tensor value = checkpoint.read(tensor);
  for (const std::string& n : names) {
    checkpoint.put(n, value, tensor);
    checkpoint.ignore(n);
  }
}

// [D, C] + scale B A, or its transpose: each element one chain of fused multiply-adds over the rank.
Tensor merged(const Weight& weight, const Tensor& down, const Tensor& up, double scale,
              const std::string& where) {
  const Tensor old = weight.f32();
  const Tensor a = Weight("A", down).f32(), b = Weight("B", up).f32();
  const std::int64_t rank = a.rows(), outputs = weight.outputs(), inputs = weight.inputs();
  const bool out_in = weight.orientation() == Orientation::kOutputsInputs;
  const auto factor = static_cast<float>(scale);
  Tensor out = Tensor::empty(weight.shape());
  parallel_for(outputs, 8, [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> sums(static_cast<std::size_t>(inputs));
    for (std::int64_t d = begin; d < end; ++d) {
      std::fill(sums.begin(), sums.end(), 0.0f);
      for (std::int64_t r = 0; r < rank; ++r)
        for (std::int64_t c = 0; c < inputs; ++c)
          sums[static_cast<std::size_t>(c)] =
              std::fma(b.row<float>(d)[r], a.row<float>(r)[c], sums[static_cast<std::size_t>(c)]);
      for (std::int64_t c = 0; c < inputs; ++c) {
        const std::int64_t at = out_in ? d * inputs + c : c * outputs + d;
        out.mutable_data<float>()[at] =
            std::fma(factor, sums[static_cast<std::size_t>(c)], old.data<float>()[at]);
      }
    }
  });
  for (std::int64_t i = 0; i < out.elements(); ++i)
    if (!std::isfinite(out.data<float>()[i]) && std::isfinite(old.data<float>()[i]))
      fail(Errc::kData, "{}: the adapter of '{}' makes a weight {}, expected finite values", where,
           weight.name(), out.data<float>()[i]);
  return out;
}

void expect_shape(const Checkpoint& checkpoint, const std::string& tensor, const Shape& expected,
                  const std::string& why) {
  const TensorInfo& info = *checkpoint.find_info(tensor);
  if (info.shape != expected)
    fail(Errc::kData, "{}: tensor '{}' is {}, expected {}: {}", checkpoint.file_of(tensor).string(), tensor,
         info.shape.text(), expected.text(), why);
}

void merge_pairs(const Model& model, const AdapterConfig& config, const AdapterTensors& tensors,
                 Checkpoint& checkpoint) {
  std::map<std::string, WeightPtr> by_name;
  for (const WeightPtr& weight : model.parameters())
    by_name.emplace(model.saved_name(weight->name()), weight);
  std::vector<WeightPtr> matrices;
  const Products products = model.products();
  for (const std::vector<Linear>* linears : {&products.body, &products.heads})
    for (const Linear& linear : *linears)
      for (const LinearPart& part : linear.parts()) matrices.push_back(part.weight);
  for (const auto& [module, pair] : tensors.pairs) {
    const std::string& some = pair.down.empty() ? pair.up : pair.down;
    const std::string where = checkpoint.file_of(some).string();
    if (pair.down.empty() || pair.up.empty())
      fail(Errc::kData, "{}: tensor '{}' stands alone, expected lora_A and lora_B of each module", where,
           some);
    const auto it = by_name.find(module + ".weight");
    if (it == by_name.end() || std::find(matrices.begin(), matrices.end(), it->second) == matrices.end())
      fail(Errc::kData, "{}: tensor '{}': {} has no linear layer '{}'", where, some, model.architecture(),
           module);
    const Weight& weight = *it->second;
    if (weight.is_quantized())
      fail(Errc::kUnsupported,
           "{}: the base's '{}' is stored in int8, expected floating-point weights to add to. Fix: the model "
           "that it "
           "was made of",
           where, weight.name());
    const std::int64_t rank = config.rank_of(module);
    expect_shape(checkpoint, pair.down, {rank, weight.inputs()}, "rank and inputs of " + module);
    expect_shape(checkpoint, pair.up, {weight.outputs(), rank}, "outputs and rank of " + module);
    checkpoint.put(
        weight.name(),
        merged(weight, checkpoint.read(pair.down), checkpoint.read(pair.up), config.scale_of(module), where),
        pair.down);
  }
}

// Names of classes hold for a classifier of as many.
void fit_labels(OrderedJson& config, const AdapterTensors& tensors, const Checkpoint& checkpoint) {
  for (const char* head : {"classifier", "classifier.out_proj", "score"}) {
    const auto it = tensors.whole.find(std::string(head) + ".weight");
    if (it == tensors.whole.end() || !config.contains("id2label")) continue;
    const TensorInfo& info = *checkpoint.find_info(it->second);
    if (info.shape.dims() == 2 && static_cast<std::int64_t>(config["id2label"].size()) == info.shape[0])
      continue;
    config.erase("id2label");
    config.erase("label2id");
  }
}

}  // namespace

MergedAdapter merged_adapter(const ModelFolder& folder) {
  const AdapterConfig& adapter = *folder.adapter();
  MergedAdapter out;
  const auto file = folder.require("config.json");
  out.where = file.string();
  const std::string text = read_text(file, 1 << 24);
  parse_json(text, out.where);
  OrderedJson config = OrderedJson::parse(text);
  out.checkpoint = Checkpoint::open(folder);
  const AdapterTensors tensors = sorted(out.checkpoint);
  if (tensors.pairs.empty() && tensors.whole.empty())
    fail(Errc::kData, "{}: found no tensor of an adapter, expected names that begin with {}",
         folder.path().string(), kAdapterPrefix);
  const Family& family = family_of(text, out.where);
  if (!folder.own_file("config.json")) {
    std::string name = adapter.class_name;
    const std::string current = config.contains("architectures") && config["architectures"].is_array() &&
                                        !config["architectures"].empty()
                                    ? config["architectures"][0].get<std::string>()
                                    : "";
    if (const auto endings = endings_of_task(adapter.task); name.empty() && !endings.empty())
      name = class_ending_in(family, current, endings);
    if (!name.empty()) config["architectures"] = OrderedJson::array({name});
    fit_labels(config, tensors, out.checkpoint);
  }
  out.config = config.dump(2, ' ', false, OrderedJson::error_handler_t::replace) + "\n";
  for (const auto& [name, tensor] : tensors.whole) {
    put_whole(out.checkpoint, name, tensor);
    out.checkpoint.ignore(tensor);
  }
  const LoadedModel base = load_model(out.config, out.where, out.checkpoint);
  for (const WeightPtr& weight : base.model->parameters())
    out.names.emplace(weight->name(), base.model->saved_name(weight->name()));
  merge_pairs(*base.model, adapter, tensors, out.checkpoint);
  for (const auto& [module, pair] : tensors.pairs)
    for (const std::string& name : {pair.down, pair.up}) out.checkpoint.ignore(name);
  return out;
}

}  // namespace lyceum
