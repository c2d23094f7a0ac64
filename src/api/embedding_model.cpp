#include "lyceum/embedding_model.h"

#include "api/find.h"
#include "base/utf8.h"
#include "tasks/embed/embedder.h"

namespace lyceum {

EmbeddingModel EmbeddingModel::load(const std::string& model, const EmbeddingOptions& options) {
  const EmbedderOptions inside{.prompt_name = options.prompt_name,
                               .prompt = options.prompt,
                               .max_tokens = options.max_tokens,
                               .compute = compute_of(options.dtype)};
  return EmbeddingModel(Embedder::load(find_model(model, options.pull), inside));
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
