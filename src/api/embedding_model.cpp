#include "lyceum/embedding_model.h"

#include "api/embedder_options.h"
#include "api/find.h"
#include "api/valid_texts.h"
#include "tasks/embed/embedder.h"

namespace lyceum {

EmbedderOptions embedder_options(const EmbeddingOptions& options) {
  return {.prompt_name = options.prompt_name,
          .prompt = options.prompt,
          .query_prompt_name = options.query_prompt_name,
          .query_prompt = options.query_prompt,
          .max_tokens = options.max_tokens,
          .pooling = options.pooling,
          .truncate_dim = options.truncate_dim,
          .normalize = options.normalize,
          .compute = compute_of(options.dtype)};
}

EmbeddingModel EmbeddingModel::load(const std::string& model, const EmbeddingOptions& options) {
  const EmbedderOptions inside = embedder_options(options);
  return EmbeddingModel(Embedder::load(find_model(model, options.pull), inside));
}

std::int64_t EmbeddingModel::width() const { return inside_->width(); }
std::int64_t EmbeddingModel::max_tokens() const { return inside_->max_tokens(); }
bool EmbeddingModel::is_normalized() const { return inside_->is_normalized(); }

std::vector<float> EmbeddingModel::embed(std::span<const std::string> texts) const {
  return inside_->encode(valid_texts(texts)).values<float>();
}

std::vector<float> EmbeddingModel::embed(const std::string& text) const { return embed(std::span(&text, 1)); }

TokenEmbeddings EmbeddingModel::embed_tokens(std::span<const std::string> texts) const {
  TokenVectors all = inside_->encode_tokens(valid_texts(texts));
  return {.values = all.vectors.values<float>(), .first = std::move(all.first), .width = all.vectors.cols()};
}

}  // namespace lyceum
