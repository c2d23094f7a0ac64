// Sentence vectors from a sentence-transformers folder or a plain encoder.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "nn/sentence_model.h"
#include "tasks/embed/embedder_options.h"
#include "tasks/embed/text_encoder.h"

namespace lyceum {

// A vector for each token: rows first[i] to first[i + 1] of `vectors` belong to text i.
struct TokenVectors {
  Tensor vectors;                   // [tokens, width of the body], f32
  std::vector<std::int64_t> first;  // [texts + 1]
  std::vector<Encoding> encodings;  // [texts]
};

class Embedder final : public TextEncoder {
 public:
  // `model` as INTERFACE: a folder, a bundled name, a hub name in the cache.
  static std::shared_ptr<const Embedder> load(const std::string& model, const EmbedderOptions& options = {});
  static std::shared_ptr<const Embedder> load(const ModelFolder& folder, const EmbedderOptions& options = {});

  std::int64_t width() const override { return width_; }
  std::int64_t max_tokens() const override { return max_tokens_; }
  const Tokenizer& tokenizer() const override { return *tokenizer_; }
  bool is_normalized() const override {
    return options_.normalize || (head_->is_normalized() && width_ == head_->width());
  }
  // Of the content: weights, tokenizer, modules, prompt and length, wherever the folder lies. Reads the
  // weights the first time.
  std::string identity() const override;
  std::string settings() const override { return options_text(options_); }
  std::int64_t text_tokens(TextRole role) const override;
  // Throws Errc::kInterrupted between two batches after a request_interrupt().
  Tensor encode(std::span<const std::string> texts, TextRole role = TextRole::kPlain) const override;
  // The same, telling which texts were cut (truncated may be null).
  Tensor encode(std::span<const std::string> texts, TextRole role,
                std::vector<std::uint8_t>* truncated) const;
  // Whether encode() would cut this text.
  bool cuts(const std::string& text, TextRole role) const;
  // The body's last layer, for late interaction (Khattab and Zaharia 2020, section 3): every token of a text,
  // special ones and a prompt's too, of length 1 when the options ask for it; no pooling, no other module. R:
  // SentenceTransformer.encode(output_value="token_embeddings").
  TokenVectors encode_tokens(std::span<const std::string> texts, TextRole role = TextRole::kPlain) const;

  // Tensors of the files that the model does not need.
  const std::vector<std::string>& unused() const { return unused_; }
  const Model& model() const { return *model_; }
  const SentenceHead& head() const { return *head_; }
  const SentencePipeline& pipeline() const { return pipeline_; }

 private:
  Embedder() = default;
  // Of the model's prompts. Throws Errc::kUsage for a name that is none.
  const std::string& prompt_named(const std::string& name) const;
  const std::string& prompt_for(TextRole role) const;
  // Of a prompt, at the front of a text: without the final special token.
  std::int64_t prompt_tokens(const std::string& prompt) const;
  std::vector<Encoding> tokenize(std::span<const std::string> texts, const std::string& prompt) const;
  std::unique_ptr<Model> model_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  SentencePipeline pipeline_;
  std::unique_ptr<SentenceHead> head_;
  std::int64_t max_tokens_ = 0, width_ = 0;
  EmbedderOptions options_;
  std::optional<ModelFolder> folder_, body_;
  std::vector<std::string> unused_;
  mutable std::once_flag identified_;
  mutable std::string identity_;
  std::string prompt_;
  bool own_prompt_ = false;
  std::optional<std::string> query_prompt_;
};

}  // namespace lyceum
