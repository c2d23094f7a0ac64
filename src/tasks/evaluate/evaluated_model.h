// The model whose scores are asked for, loaded as what each form needs and not before.
#pragma once

#include <memory>
#include <optional>

#include "formats/model_folder.h"
#include "tasks/answer/answer.h"
#include "tasks/embed/embedder.h"
#include "tasks/rerank/rerank.h"
#include "tasks/tag/tag.h"

namespace lyceum {

class EvaluatedModel {
 public:
  EvaluatedModel(ModelFolder folder, EmbedderOptions options)
      : folder_(std::move(folder)), options_(std::move(options)) {}
  // An encoder and nothing else.
  explicit EvaluatedModel(std::shared_ptr<const TextEncoder> encoder) : encoder_(std::move(encoder)) {}

  const TextEncoder& encoder();       // throws what Embedder::load throws
  const RerankTask* cross_encoder();  // null where the model is none
  bool is_tagger();
  const TagTask& tagger();       // throws what TagTask::load throws
  const AnswerTask& answerer();  // throws what AnswerTask::load throws

 private:
  const ModelFolder& folder() const;
  std::optional<ModelFolder> folder_;
  EmbedderOptions options_;
  std::shared_ptr<const TextEncoder> encoder_;
  std::optional<std::shared_ptr<const RerankTask>> cross_encoder_;
  std::optional<std::shared_ptr<const TagTask>> tagger_;
  std::shared_ptr<const AnswerTask> answerer_;
};

}  // namespace lyceum
