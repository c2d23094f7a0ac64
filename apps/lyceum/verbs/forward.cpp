#include "nn/forward.h"

#include <CLI/CLI.hpp>

#include "apps/lyceum/app.h"
#include "formats/safetensors.h"
#include "base/error.h"
#include "nn/registry.h"

namespace lyceum::app {
namespace {

struct Options {
  std::string model, inputs, outputs;
  ForwardOptions forward;
};

void run(Options o, const Common& common) {
  apply(common);
  const ModelFolder folder = ModelFolder::find(o.model);
  NamedTensors inputs;
  const Safetensors file = Safetensors::open(o.inputs);
  for (const SafetensorsEntry& entry : file.entries()) inputs.emplace(entry.name, file.tensor(entry));
  std::unique_ptr<Model> model;
  std::unique_ptr<SentenceHead> head;
  if (folder.file("modules.json")) {
    const SentencePipeline pipeline = sentence_pipeline(folder);
    model = load_model(pipeline.transformer_path.empty() ? folder : ModelFolder::find(folder.require(pipeline.transformer_path).string())).model;
    head = std::make_unique<SentenceHead>(folder, pipeline, model->width());
    o.forward.sentence = head.get();
  } else {
    model = load_model(folder).model;
  }
  const NamedTensors outputs = forward(*model, inputs, o.forward);
  const std::vector<std::pair<std::string, Tensor>> list(outputs.begin(), outputs.end());
  write_safetensors(o.outputs, list);
  for (const auto& [name, tensor] : list)
    if (common.verbose) print_line(fmt::format("{} {} {}", name, dtype_name(tensor.dtype()), tensor.shape().text()));
}

}  // namespace

void add_forward(CLI::App& app) {
  auto o = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("forward", "The raw function: named tensors in, named tensors out");
  auto common = add_common(*verb, "lyceum forward MODEL --inputs in.safetensors --outputs out.safetensors --backward");
  verb->add_option("model", o->model, "A folder, a file or a name")->required();
  verb->add_option("--inputs", o->inputs, "A safetensors file: input_ids I64 [B, T], attention_mask, labels, ...")->required();
  verb->add_option("--outputs", o->outputs, "The safetensors file to write")->required();
  verb->add_flag("--backward", o->forward.backward, "Gradients of the loss, or along inputs 'cotangent.OUTPUT'");
  verb->add_option("--taps", o->forward.taps, "Inner results whose names match this regular expression");
  verb->callback([o, common] { run(*o, *common); });
}

}  // namespace lyceum::app
