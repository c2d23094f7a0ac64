#include "nn/sentence_model.h"

namespace lyceum {

SentenceModel load_sentence_model(const ModelFolder& folder, std::optional<Compute> compute,
                                  const std::vector<std::string>& pooling) {
  SentencePipeline pipeline = sentence_pipeline(folder);
  if (!pooling.empty()) set_pooling(pipeline, pooling);
  ModelFolder body = folder.inside(pipeline.transformer_path);
  LoadedModel loaded = load_model(body, compute);
  auto head = std::make_unique<SentenceHead>(folder, pipeline, loaded.model->width());
  return {std::move(body), std::move(pipeline), folder.file("modules.json").has_value(), std::move(loaded),
          std::move(head)};
}

}  // namespace lyceum
