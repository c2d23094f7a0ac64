#include "lyceum/embedding_model.h"

#include "base/utf8.h"
#include "tasks/embed/embedder.h"

namespace lyceum {

EmbeddingModel EmbeddingModel::load(const std::string& model, const EmbeddingOptions& options) {
  EmbedderOptions inside{
      .prompt_name = options.prompt_name, .prompt = options.prompt, .max_tokens = options.max_tokens};
  if (!options.dtype.empty()) inside.compute = compute_from_name(options.dtype);
  return EmbeddingModel(Embedder::load(model, inside));
}

std::int64_t EmbeddingModel::width() const { return inside_->width(); }
std::int64_t EmbeddingModel::max_tokens() const { return inside_->max_tokens(); }
bool EmbeddingModel::is_normalized() const { return inside_->is_normalized(); }

std::vector<float> EmbeddingModel::embed(std::span<const std::string> texts) const {
  std::vector<std::string> valid(texts.begin(), texts.end());
  for (std::string& text : valid) repair_utf8(text);
  return inside_->encode(valid).values<float>();
}

std::vector<float> EmbeddingModel::embed(const std::string& text) const { return embed(std::span(&text, 1)); }

}  // namespace lyceum
