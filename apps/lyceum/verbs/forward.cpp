#include "nn/forward.h"

#include <nlohmann/json.hpp>

#include "apps/lyceum/app.h"
#include "base/error.h"
#include "formats/safetensors.h"
#include "nn/sentence_model.h"

namespace lyceum::app {
namespace {

struct ForwardArguments {
  std::string model, inputs, outputs;
  ForwardOptions forward;
};

void run(ForwardArguments o, const Common& common) {
  apply(common);
  NamedTensors inputs;
  const Safetensors file = Safetensors::open(o.inputs);
  for (const SafetensorsEntry& entry : file.entries()) inputs.emplace(entry.name, file.tensor(entry));
  const SentenceModel model = load_sentence_model(find_model(o.model, common), compute_of(common));
  report_unused(model.loaded.unused, common);
  if (model.has_pipeline) o.forward.sentence = model.head.get();
  const NamedTensors outputs = forward(model.body(), inputs, o.forward);
  const std::vector<std::pair<std::string, Tensor>> list(outputs.begin(), outputs.end());
  write_safetensors(o.outputs, list);
  for (const auto& [name, tensor] : list)
    if (common.json)
      print_json({{"name", name}, {"dtype", dtype_name(tensor.dtype())}, {"shape", tensor.shape().sizes()}});
    else if (common.verbose)
      print_line(fmt::format("{} {} {}", name, dtype_name(tensor.dtype()), tensor.shape().text()));
}

}  // namespace

void add_forward(CLI::App& app) {
  auto o = std::make_shared<ForwardArguments>();
  Verb verb(app, "forward", "The raw function: named tensors in, named tensors out");
  auto common =
      add_common(verb, "lyceum forward MODEL --inputs in.safetensors --outputs out.safetensors --backward");
  add_model(verb, "model", o->model, "A folder, a file or a name", common).required();
  verb.option("--inputs", o->inputs, "A safetensors file: input_ids I64 [B, T], attention_mask, labels, ...")
      .required();
  verb.option("--outputs", o->outputs, "The safetensors file to write").required();
  verb.flag("--backward", o->forward.backward, "Gradients of the loss, or along inputs 'cotangent.OUTPUT'");
  verb.option("--taps", o->forward.taps, "Inner results whose names match this regular expression");
  verb.run([o, common] { run(*o, *common); });
}

}  // namespace lyceum::app
