#include "train/run/sentence_learning.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "formats/checkpoint.h"
#include "formats/safetensors.h"
#include "nn/initial_values.h"

namespace lyceum {
namespace {

using Kind = SentenceModule::Kind;

// Of a dense layer that no folder has.
std::string new_path(const std::vector<SentenceModule>& modules) {
  std::string path = "new_dense";
  while (std::any_of(modules.begin(), modules.end(),
                     [&](const SentenceModule& module) { return module.path == path; }))
    path += '_';
  return path;
}

}  // namespace

SentencePipeline begin_pipeline(const ModelRecipe& recipe, const std::optional<ModelFolder>& from) {
  SentencePipeline pipeline;
  if (from) {
    pipeline = sentence_pipeline(*from);
  } else {
    pipeline.modules.push_back({.kind = Kind::kPooling, .modes = {"mean"}});
  }
  std::vector<SentenceModule>& modules = pipeline.modules;
  if (!recipe.pooling.empty()) set_pooling(pipeline, recipe.pooling);
  const bool was_normalized = modules.back().kind == Kind::kNormalize;
  if (recipe.dense > 0 || recipe.normalize)
    while (modules.back().kind == Kind::kNormalize) modules.pop_back();
  if (recipe.dense > 0)
    modules.push_back({.kind = Kind::kDense,
                       .path = new_path(modules),
                       .out_features = recipe.dense,
                       .activation = recipe.dense_activation});
  if (recipe.normalize.value_or(was_normalized) && modules.back().kind != Kind::kNormalize)
    modules.push_back({.kind = Kind::kNormalize});
  if (recipe.max_tokens > 0) pipeline.max_seq_length = recipe.max_tokens;
  return pipeline;
}

ModelFolder body_of(const SentencePipeline& pipeline, const ModelFolder& from) {
  return from.inside(pipeline.transformer_path);
}

std::unique_ptr<SentenceHead> begin_sentence_head(const Recipe& recipe, SentencePipeline& pipeline,
                                                  const std::optional<ModelFolder>& from,
                                                  const std::optional<ModelFolder>& body,
                                                  const Model& model) {
  const std::int64_t most = model.max_tokens();
  if (recipe.model.max_tokens > most)
    fail(Errc::kData, "model.max_tokens: found {}, expected at most the {} that the model takes",
         recipe.model.max_tokens, most);
  std::int64_t longest = pipeline.max_seq_length;
  if (longest == 0 && body) longest = model_max_length(*body);
  pipeline.max_seq_length = longest > 0 ? std::min(longest, most) : most;

  const SentenceModule* added = nullptr;  // its inputs are not known yet
  std::int64_t width = model.width();
  for (SentenceModule& module : pipeline.modules) {
    if (module.kind == Kind::kPooling) width *= static_cast<std::int64_t>(module.modes.size());
    if (module.kind != Kind::kDense) continue;
    if (module.in_features == 0) {
      added = &module;
      module.in_features = width;
    }
    width = module.out_features;
  }
  return std::make_unique<SentenceHead>(
      pipeline, model.width(),
      [&](const SentenceModule& module, const std::string& name, const Shape& shape) {
        return &module == added
                   ? initial_linear(module.path + "/" + name, shape, module.in_features, recipe.train.seed)
                   : Checkpoint::open(*from, module.path).take(name, shape);
      });
}

std::unique_ptr<Objective> begin_sentence_objective(const Recipe& recipe, const SentenceHead& head,
                                                    std::int64_t classes) {
  const SentenceObjectiveOptions& options = recipe.objective.sentence;
  std::vector<WeightPtr> classifier;
  if (options.loss == SentenceLoss::kSoftmax) {
    const std::int64_t inputs = classifier_inputs(options, head.width());
    const auto make = [&](const std::string& name, const Shape& shape) {
      classifier.push_back(
          std::make_shared<Weight>(name, initial_linear(name, shape, inputs, recipe.train.seed)));
    };
    make("objective.classifier.weight", {classes, inputs});
    make("objective.classifier.bias", {classes});
  }
  return sentence_objective(options, head.width(), std::move(classifier));
}

void save_sentence_modules(const std::filesystem::path& folder, const Learning& learning) {
  const std::vector<std::string> paths =
      write_sentence_pipeline(folder, *learning.pipeline, learning.loaded.model->width());
  for (std::size_t i = 0; i < paths.size(); ++i) {
    const SentenceModule& module = learning.pipeline->modules[i];
    if (module.kind != Kind::kDense) continue;
    const std::string prefix = module.path + "/";
    std::vector<std::pair<std::string, Tensor>> tensors;
    for (const WeightPtr& weight : learning.sentence->parameters())
      if (weight->name().starts_with(prefix))
        tensors.emplace_back(weight->name().substr(prefix.size()), weight->f32().detached());
    write_safetensors(folder / paths[i] / "model.safetensors", tensors, {{"format", "pt"}});
  }
}

}  // namespace lyceum
