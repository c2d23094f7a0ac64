// Sentence vectors from a sentence-transformers folder or a plain encoder.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "nn/sentence_model.h"
#include "tasks/embed/text_encoder.h"

namespace lyceum {

struct EmbedderOptions {
  std::string prompt_name;            // one of the model's prompts; empty: its default
  std::optional<std::string> prompt;  // a text of one's own instead
  std::int64_t max_tokens = 0;        // 0: what the model says
  std::optional<Compute> compute;     // not given: as the files are
};

class Embedder final : public TextEncoder {
 public:
  // `model` as INTERFACE: a folder, a bundled name, a hub name in the cache.
  static std::shared_ptr<const Embedder> load(const std::string& model, const EmbedderOptions& options = {});
  static std::shared_ptr<const Embedder> load(const ModelFolder& folder, const EmbedderOptions& options = {});

  std::int64_t width() const override { return head_->width(); }
  std::int64_t max_tokens() const override { return max_tokens_; }
  const Tokenizer& tokenizer() const override { return *tokenizer_; }
  bool is_normalized() const override { return head_->is_normalized(); }
  // Of the content: weights, tokenizer, modules, prompt and length, wherever the folder lies. Reads the
  // weights the first time.
  std::string identity() const override;
  // Throws Errc::kInterrupted between two batches after a request_interrupt().
  Tensor encode(std::span<const std::string> texts, TextRole role = TextRole::kPlain) const override;
  // The same, telling which texts were cut (truncated may be null).
  Tensor encode(std::span<const std::string> texts, TextRole role,
                std::vector<std::uint8_t>* truncated) const;

  // Tensors of the files that the model does not need.
  const std::vector<std::string>& unused() const { return unused_; }
  const Model& model() const { return *model_; }
  const SentenceHead& head() const { return *head_; }
  const SentencePipeline& pipeline() const { return pipeline_; }

 private:
  Embedder() = default;
  const std::string& prompt_for(TextRole role) const;
  std::unique_ptr<Model> model_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  SentencePipeline pipeline_;
  std::unique_ptr<SentenceHead> head_;
  std::int64_t max_tokens_ = 0;
  std::optional<Compute> compute_;
  std::optional<ModelFolder> folder_, body_;
  std::vector<std::string> unused_;
  mutable std::once_flag identified_;
  mutable std::string identity_;
  std::string prompt_;
  bool own_prompt_ = false;
};

}  // namespace lyceum
