#include "tasks/evaluate/evaluated_model.h"

#include "base/error.h"

namespace lyceum {
namespace {

// Null where the model serves another task: the tasks themselves know best which models are theirs.
template <class Task>
std::shared_ptr<const Task> load_if_served(const std::optional<ModelFolder>& folder,
                                           std::optional<Compute> compute) {
  if (!folder) return nullptr;
  try {
    return Task::load(*folder, compute);
  } catch (const Error& error) {
    if (error.code() != Errc::kUnsupported) throw;
    return nullptr;
  }
}

}  // namespace

const ModelFolder& EvaluatedModel::folder() const {
  if (!folder_) fail(Errc::kUnsupported, "eval: found an encoder alone, expected a model with a head");
  return *folder_;
}

const TextEncoder& EvaluatedModel::encoder() {
  if (!encoder_) encoder_ = Embedder::load(folder(), options_);
  return *encoder_;
}

const RerankTask* EvaluatedModel::cross_encoder() {
  if (!cross_encoder_) cross_encoder_ = load_if_served<RerankTask>(folder_, options_.compute);
  return cross_encoder_->get();
}

bool EvaluatedModel::is_tagger() {
  if (!tagger_) tagger_ = load_if_served<TagTask>(folder_, options_.compute);
  return *tagger_ != nullptr;
}

const TagTask& EvaluatedModel::tagger() {
  if (!is_tagger()) tagger_ = TagTask::load(folder(), options_.compute);
  return **tagger_;
}

const AnswerTask& EvaluatedModel::answerer() {
  if (!answerer_) answerer_ = AnswerTask::load(folder(), options_.compute);
  return *answerer_;
}

}  // namespace lyceum
