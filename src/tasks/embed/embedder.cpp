#include "tasks/embed/embedder.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/parallel.h"
#include "base/utf8.h"
#include "formats/content_digest.h"
#include "ops/pooling/pooling.h"
#include "tasks/common/task_model.h"
#include "tasks/common/text_batches.h"
#include "text/unicode/unicode.h"

namespace lyceum {

std::shared_ptr<const Embedder> Embedder::load(const std::string& model, const EmbedderOptions& options) {
  return load(ModelFolder::find(model), options);
}

std::shared_ptr<const Embedder> Embedder::load(const ModelFolder& folder, const EmbedderOptions& options) {
  std::shared_ptr<Embedder> e(new Embedder);
  SentenceModel all = load_sentence_model(folder, options.compute, options.pooling);
  check_can_embed(all.body(), all.has_pipeline || !options.pooling.empty(), folder);
  const ModelFolder& body = all.folder;
  e->pipeline_ = std::move(all.pipeline);
  e->model_ = std::move(all.loaded.model);
  e->head_ = std::move(all.head);
  e->unused_ = std::move(all.loaded.unused);
  e->tokenizer_ = Tokenizer::from_folder(body);
  // the smallest of what the pipeline, the tokenizer and the position table allow
  if (const std::int64_t around = e->tokenizer_->special_tokens_around_one();
      options.max_tokens > 0 && options.max_tokens < around)
    fail(Errc::kUsage, "max_tokens: found {}, expected room for the tokenizer's {} special ones",
         options.max_tokens, around);
  e->max_tokens_ =
      smallest_limit({e->model_->max_tokens(),
                      e->pipeline_.max_seq_length > 0 ? e->pipeline_.max_seq_length : model_max_length(body),
                      options.max_tokens},
                     *e->tokenizer_, folder);
  check_vocabulary(*e->model_, *e->tokenizer_, folder);
  e->options_ = options;
  for (std::optional<std::string>* prompt : {&e->options_.prompt, &e->options_.query_prompt})
    if (*prompt) repair_utf8(**prompt);
  const std::string name =
      options.prompt_name.empty() ? e->pipeline_.default_prompt_name : options.prompt_name;
  if (options.prompt) {
    e->prompt_ = *e->options_.prompt;
    e->own_prompt_ = true;
  } else if (!name.empty()) {
    e->prompt_ = e->prompt_named(name);
    e->own_prompt_ = !options.prompt_name.empty();
  }
  if (options.query_prompt) {
    e->query_prompt_ = e->options_.query_prompt;
  } else if (!options.query_prompt_name.empty()) {
    e->query_prompt_ = e->prompt_named(options.query_prompt_name);
  }
  const std::int64_t whole = e->head_->width();
  if (options.truncate_dim > whole)
    fail(Errc::kUsage, "truncate_dim: found {}, expected at most the {} values of this model's vectors",
         options.truncate_dim, whole);
  const std::int64_t kept = options.truncate_dim > 0 ? options.truncate_dim : e->pipeline_.truncate_dim;
  e->width_ = kept > 0 ? std::min(kept, whole) : whole;
  e->folder_ = folder;
  e->body_ = body;
  return e;
}

std::string Embedder::identity() const {
  std::call_once(identified_, [&] {
    ContentDigest digest;
    const Checkpoint checkpoint = Checkpoint::open(*body_);
    digest.add_tensors(checkpoint);
    digest.add_settings(*body_);
    digest.add_files(*folder_, {"modules.json", "config_sentence_transformers.json"});
    for (const SentenceModule& module : pipeline_.modules)
      for (const char* name : {"config.json", "model.safetensors", "pytorch_model.bin"})
        if (const auto file = module.path.empty() ? std::nullopt : folder_->file(module.path + "/" + name))
          digest.add_file(*file);
    digest.add(prompt_);
    digest.add(own_prompt_ ? "own prompt" : "");
    if (query_prompt_) digest.add("query prompt" + *query_prompt_);
    identity_ = fmt::format("{:016x}-{}", digest.value(), max_tokens_);
    if (!options_.pooling.empty())
      for (const std::string& mode : pipeline_.modules.front().modes) identity_ += "-" + mode;
    if (width_ != head_->width()) identity_ += fmt::format("-{}d", width_);
    if (options_.normalize) identity_ += "-unit";
    const std::vector<std::string> names = checkpoint.names();
    const bool is_quantized =  // then f32 is not what the files ask for
        std::any_of(names.begin(), names.end(),
                    [&](const std::string& name) { return checkpoint.find(name)->dtype() == DType::kI8; });
    if (const auto compute = options_.compute; compute && (*compute != Compute::kF32 || is_quantized))
      identity_ += fmt::format("-{}", compute_name(*compute));
  });
  return identity_;
}

const std::string& Embedder::prompt_named(const std::string& name) const {
  const auto it = pipeline_.prompts.find(name);
  if (it != pipeline_.prompts.end()) return it->second;
  std::string known;
  for (const auto& [key, text] : pipeline_.prompts) known += (known.empty() ? "" : ", ") + key;
  fail(Errc::kUsage, "prompt '{}': this model has {}", name, known.empty() ? "no prompts" : known);
}

const std::string& Embedder::prompt_for(TextRole role) const {
  if (role == TextRole::kQuery && query_prompt_) return *query_prompt_;
  if (own_prompt_ || role == TextRole::kPlain) return prompt_;
  const auto it = [&] {
    if (role == TextRole::kQuery) return pipeline_.prompts.find("query");
    for (const char* name : {"document", "passage", "corpus"})
      if (const auto found = pipeline_.prompts.find(name); found != pipeline_.prompts.end()) return found;
    return pipeline_.prompts.end();
  }();
  return it == pipeline_.prompts.end() ? prompt_ : it->second;
}

std::int64_t Embedder::prompt_tokens(const std::string& prompt) const {
  if (prompt.empty()) return 0;
  const Encoding e = tokenizer_->encode(prompt, {.max_tokens = max_tokens_});
  return std::max<std::int64_t>(0, static_cast<std::int64_t>(e.ids.size()) - 1);
}

std::int64_t Embedder::text_tokens(TextRole role) const {
  const std::string& prompt = prompt_for(role);
  if (prompt.empty()) return TextEncoder::text_tokens(role);
  const Encoding e = tokenizer_->encode(prompt, {.max_tokens = max_tokens_});
  return max_tokens_ - static_cast<std::int64_t>(e.ids.size());
}

bool Embedder::cuts(const std::string& text, TextRole role) const {
  return tokenize({&text, 1}, prompt_for(role)).front().truncated;
}

Tensor Embedder::encode(std::span<const std::string> texts, TextRole role) const {
  return encode(texts, role, nullptr);
}

Tensor Embedder::encode(std::span<const std::string> texts, TextRole role,
                        std::vector<std::uint8_t>* truncated) const {
  const std::string& prompt = prompt_for(role);
  const std::int64_t tokens_of_prompt = prompt_tokens(prompt);
  const std::vector<Encoding> encodings = tokenize(texts, prompt);
  if (truncated != nullptr) {
    truncated->clear();
    for (const Encoding& e : encodings) truncated->push_back(e.truncated);
  }

  Tensor out = Tensor::empty({static_cast<std::int64_t>(texts.size()), width_});
  run_batches(*model_, encodings, [&](const Tensor& hidden, const PackedTokens& batch, std::size_t first) {
    const std::vector<std::int64_t> prompts(static_cast<std::size_t>(batch.layout.sequences()),
                                            tokens_of_prompt);
    Tensor vectors = (*head_)(hidden, batch.layout, prompts).columns(0, width_);
    if (options_.normalize) vectors = normalize(vectors);
    for (std::int64_t r = 0; r < vectors.rows(); ++r)
      std::copy_n(vectors.row<float>(r), width_,
                  out.mutable_row<float>(static_cast<std::int64_t>(first) + r));
  });
  return out;
}

TokenVectors Embedder::encode_tokens(std::span<const std::string> texts, TextRole role) const {
  TokenVectors out{.first = {0}, .encodings = tokenize(texts, prompt_for(role))};
  for (const Encoding& e : out.encodings)
    out.first.push_back(out.first.back() + static_cast<std::int64_t>(e.ids.size()));
  out.vectors = Tensor::empty({out.first.back(), model_->width()});
  run_batches(*model_, out.encodings, [&](const Tensor& hidden, const PackedTokens&, std::size_t first) {
    const Tensor vectors = options_.normalize ? normalize(hidden) : hidden;
    std::copy_n(vectors.data<float>(), vectors.elements(), out.vectors.mutable_row<float>(out.first[first]));
  });
  return out;
}

std::vector<Encoding> Embedder::tokenize(std::span<const std::string> texts,
                                         const std::string& prompt) const {
  std::vector<Encoding> encodings(texts.size());
  parallel_for(static_cast<std::int64_t>(texts.size()), 16, [&](std::int64_t begin, std::int64_t end) {
    std::string changed;
    for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) {
      std::string_view text = texts[i];
      if (!prompt.empty() || pipeline_.do_lower_case) {
        changed = prompt + texts[i];
        if (pipeline_.do_lower_case) changed = unicode::lower(changed);
        text = changed;
      }
      encodings[i] = tokenizer_->encode(text, {.max_tokens = max_tokens_});
    }
  });
  return encodings;
}

}  // namespace lyceum
