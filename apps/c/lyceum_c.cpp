// The C interface (include/lyceum.h) over the C++ one.
#include <lyceum.h>

#include <memory>
#include <optional>
#include <utility>

#include "apps/c/guard.h"
#include "lyceum/lyceum.h"

namespace {

using namespace lyceum;
using namespace lyceum::c;

// The kind stands first: check_handle() reads it. Threads: of every call with this handle.
template <Kind K, class M>
struct Handle {
  static constexpr Kind kKind = K;
  using Model = M;
  Kind kind = K;
  int threads = 0;
  M model;
};

}  // namespace

struct lyceum_tokenizer : Handle<Kind::kTokenizer, TextTokenizer> {};
struct lyceum_embedder : Handle<Kind::kEmbedder, EmbeddingModel> {};
struct lyceum_classifier : Handle<Kind::kClassifier, TextClassifier> {};
struct lyceum_reranker : Handle<Kind::kReranker, Reranker> {};

namespace {

std::string text_or_empty(const char* text, const char* what) {
  return text == nullptr ? std::string() : std::string(text_of(text, LYCEUM_ZERO_ENDED, what));
}

void expect_none(bool is_given, const char* what) {
  if (is_given) refuse(std::string("options: found ") + what + ", which only an embedder has");
}

template <class H, class Load>
lyceum_status load(const char* model, const lyceum_options* given, H** out, lyceum_error** error,
                   Load load_model) {
  return guarded(error, [&] {
    H*& place = place_of(out);
    const std::string name(text_of(model, LYCEUM_ZERO_ENDED, "model"));
    const lyceum_options o = options_of(given, "options");
    flag_of(o.pull, "options: pull");
    const ThreadLimit limit(o.threads);
    place = new H{{.threads = o.threads, .model = load_model(name, o)}};
  });
}

template <class Model>
Model load_plain(const std::string& name, const lyceum_options& o) {
  expect_none(o.max_tokens != 0, "max_tokens");
  expect_none(o.prompt_name != nullptr, "prompt_name");
  expect_none(o.prompt != nullptr, "prompt");
  return Model::load(name, {.dtype = text_or_empty(o.dtype, "options: dtype"), .pull = o.pull == 1});
}

// A handle of another kind is left alone: it is not ours to delete.
template <class H>
void free_handle(H* handle) {
  if (handle != nullptr && handle->kind == H::kKind) delete handle;
}

// What the caller reads, and what holds it.
struct Tokens : lyceum_tokens {
  TokenizedText text;
  std::vector<std::uint32_t> begin, end;
};

struct Classifications : lyceum_classifications {
  std::vector<Classification> results;
  std::vector<lyceum_label> labels;  // of all texts
  std::vector<lyceum_classification> items;
};

lyceum_classifications* give(std::vector<Classification> results) {
  auto out = std::make_unique<Classifications>();
  out->results = std::move(results);
  for (const Classification& c : out->results)
    for (const LabelScore& label : c.labels) out->labels.push_back({label.label.c_str(), label.score});
  const lyceum_label* next = out->labels.data();
  for (const Classification& c : out->results) {
    out->items.push_back({c.labels.size(), next, c.truncated});
    next += c.labels.size();
  }
  out->lyceum_classifications::count = out->items.size();
  out->lyceum_classifications::texts = out->items.data();
  return out.release();
}

ScoreFunction function_of(std::int32_t function) {
  switch (function) {
    case LYCEUM_SCORE_DEFAULT:
      return ScoreFunction::kDefault;
    case LYCEUM_SCORE_SOFTMAX:
      return ScoreFunction::kSoftmax;
    case LYCEUM_SCORE_SIGMOID:
      return ScoreFunction::kSigmoid;
    case LYCEUM_SCORE_NONE:
      return ScoreFunction::kNone;
    default:
      refuse("options: function: found " + std::to_string(function) + ", expected a lyceum_score_function");
  }
}

}  // namespace

const char* lyceum_version(void) {
  static const std::string text = version();
  return text.c_str();
}

lyceum_status lyceum_set_threads(int32_t threads, lyceum_error** error) {
  return guarded(error, [&] { set_threads(threads); });
}
int32_t lyceum_threads(void) { return threads(); }

lyceum_status lyceum_on_message(void (*sink)(const char*, void*), void* user, lyceum_error** error) {
  return guarded(error, [&] {
    if (sink == nullptr) return on_message({});
    on_message([=](std::string_view line) { sink(std::string(line).c_str(), user); });
  });
}

lyceum_status lyceum_tokenizer_load(const char* model, const lyceum_options* options, lyceum_tokenizer** out,
                                    lyceum_error** error) {
  return load(model, options, out, error, load_plain<TextTokenizer>);
}
lyceum_status lyceum_classifier_load(const char* model, const lyceum_options* options,
                                     lyceum_classifier** out, lyceum_error** error) {
  return load(model, options, out, error, load_plain<TextClassifier>);
}
lyceum_status lyceum_reranker_load(const char* model, const lyceum_options* options, lyceum_reranker** out,
                                   lyceum_error** error) {
  return load(model, options, out, error, load_plain<Reranker>);
}
lyceum_status lyceum_embedder_load(const char* model, const lyceum_options* options, lyceum_embedder** out,
                                   lyceum_error** error) {
  return load(model, options, out, error, [](const std::string& name, const lyceum_options& o) {
    if (o.max_tokens < 0)
      refuse("options: max_tokens: found " + std::to_string(o.max_tokens) + ", expected 0 or more");
    EmbeddingOptions own{.prompt_name = text_or_empty(o.prompt_name, "options: prompt_name"),
                         .max_tokens = o.max_tokens,
                         .dtype = text_or_empty(o.dtype, "options: dtype"),
                         .pull = o.pull == 1};
    if (o.prompt != nullptr) own.prompt = text_or_empty(o.prompt, "options: prompt");
    return EmbeddingModel::load(name, own);
  });
}

void lyceum_tokenizer_free(lyceum_tokenizer* tokenizer) { free_handle(tokenizer); }
void lyceum_embedder_free(lyceum_embedder* embedder) { free_handle(embedder); }
void lyceum_classifier_free(lyceum_classifier* classifier) { free_handle(classifier); }
void lyceum_reranker_free(lyceum_reranker* reranker) { free_handle(reranker); }

int64_t lyceum_tokenizer_size(const lyceum_tokenizer* tokenizer) {
  return tokenizer == nullptr || tokenizer->kind != Kind::kTokenizer ? 0 : tokenizer->model.size();
}

lyceum_status lyceum_tokenize(const lyceum_tokenizer* tokenizer, const char* text, size_t length,
                              int32_t add_special, lyceum_tokens** out, lyceum_error** error) {
  return guarded(error, [&] {
    lyceum_tokens*& place = place_of(out);
    const auto& handle = checked(tokenizer);
    const ThreadLimit limit(handle.threads);
    auto tokens = std::make_unique<Tokens>();
    tokens->text = handle.model.encode(text_of(text, length, "text"), flag_of(add_special, "add_special"));
    for (const auto& [begin, end] : tokens->text.offsets) {
      tokens->begin.push_back(begin);
      tokens->end.push_back(end);
    }
    static_cast<lyceum_tokens&>(*tokens) = {tokens->text.ids.size(), tokens->text.ids.data(),
                                            tokens->text.type_ids.data(), tokens->begin.data(),
                                            tokens->end.data()};
    place = tokens.release();
  });
}
void lyceum_tokens_free(lyceum_tokens* tokens) { delete static_cast<Tokens*>(tokens); }

lyceum_status lyceum_detokenize(const lyceum_tokenizer* tokenizer, const int32_t* ids, size_t count,
                                int32_t skip_special, char** out, size_t* length, lyceum_error** error) {
  return guarded(error, [&] {
    char*& place = place_of(out);
    if (length != nullptr) *length = 0;
    const auto& handle = checked(tokenizer);
    check_count(count, "ids");
    if (ids == nullptr && count > 0) refuse("ids: found NULL, expected " + std::to_string(count) + " ids");
    const std::string text = handle.model.decode({ids, count}, flag_of(skip_special, "skip_special"));
    place = new char[text.size() + 1];
    std::memcpy(place, text.c_str(), text.size() + 1);
    if (length != nullptr) *length = text.size();
  });
}
void lyceum_text_free(char* text) { delete[] text; }

int64_t lyceum_embedder_width(const lyceum_embedder* embedder) {
  return embedder == nullptr || embedder->kind != Kind::kEmbedder ? 0 : embedder->model.width();
}
int64_t lyceum_embedder_max_tokens(const lyceum_embedder* embedder) {
  return embedder == nullptr || embedder->kind != Kind::kEmbedder ? 0 : embedder->model.max_tokens();
}

lyceum_status lyceum_embed(const lyceum_embedder* embedder, const char* const* texts, const size_t* lengths,
                           size_t count, float* vectors, size_t room, lyceum_error** error) {
  return guarded(error, [&] {
    const auto& handle = checked(embedder);
    check_count(count, "texts");
    const auto width = static_cast<std::size_t>(handle.model.width());
    if (room / width < count)
      refuse("room: found " + std::to_string(room) + " values, expected " + std::to_string(count) + " x " +
             std::to_string(width));
    if (vectors == nullptr && count > 0) refuse("vectors: found NULL, expected where the values go");
    const ThreadLimit limit(handle.threads);
    const std::vector<float> values = handle.model.embed(texts_of(texts, lengths, count, "texts"));
    std::copy(values.begin(), values.end(), vectors);
  });
}

lyceum_status lyceum_classify(const lyceum_classifier* classifier, const char* const* texts,
                              const size_t* lengths, const char* const* pairs, const size_t* pair_lengths,
                              size_t count, const lyceum_classify_options* options,
                              lyceum_classifications** out, lyceum_error** error) {
  return guarded(error, [&] {
    lyceum_classifications*& place = place_of(out);
    const auto& handle = checked(classifier);
    const lyceum_classify_options o = options_of(options, "options");
    const ClassifyOptions own{.function = function_of(o.function), .top = o.top};
    const ThreadLimit limit(handle.threads);
    std::vector<std::string> first = texts_of(texts, lengths, count, "texts");
    if (pairs == nullptr) {
      place = give(handle.model.classify(first, own));
      return;
    }
    std::vector<std::string> second = texts_of(pairs, pair_lengths, count, "pairs");
    std::vector<std::pair<std::string, std::string>> both;
    for (std::size_t i = 0; i < count; ++i) both.emplace_back(std::move(first[i]), std::move(second[i]));
    place = give(handle.model.classify_pairs(both, own));
  });
}

lyceum_status lyceum_classify_zero_shot(const lyceum_classifier* classifier, const char* const* texts,
                                        const size_t* lengths, size_t count,
                                        const lyceum_zero_shot_options* options, lyceum_classifications** out,
                                        lyceum_error** error) {
  return guarded(error, [&] {
    lyceum_classifications*& place = place_of(out);
    const auto& handle = checked(classifier);
    const lyceum_zero_shot_options o = options_of(options, "options");
    ZeroShotOptions own{.labels = texts_of(o.labels, nullptr, o.label_count, "options: labels"),
                        .multi_label = flag_of(o.multi_label, "options: multi_label"),
                        .top = o.top};
    if (o.hypothesis != nullptr) own.hypothesis_template = text_or_empty(o.hypothesis, "options: hypothesis");
    const ThreadLimit limit(handle.threads);
    place = give(handle.model.zero_shot(texts_of(texts, lengths, count, "texts"), own));
  });
}
void lyceum_classifications_free(lyceum_classifications* classifications) {
  delete static_cast<Classifications*>(classifications);
}

lyceum_status lyceum_rerank(const lyceum_reranker* reranker, const char* query, size_t query_length,
                            const char* const* passages, const size_t* lengths, size_t count, int32_t raw,
                            lyceum_ranked* best, size_t room, size_t* written, lyceum_error** error) {
  return guarded(error, [&] {
    if (written != nullptr) *written = 0;
    const auto& handle = checked(reranker);
    const std::string question(text_of(query, query_length, "query"));
    const RerankOptions own{.raw = flag_of(raw, "raw"),
                            .top = static_cast<std::int64_t>(std::min(room, LYCEUM_MAX_COUNT))};
    if (best == nullptr && std::min(room, count) > 0)
      refuse("best: found NULL, expected where the passages go");
    const std::vector<std::string> valid = texts_of(passages, lengths, count, "passages");
    if (room == 0 || count == 0) return;
    const ThreadLimit limit(handle.threads);
    const std::vector<RankedPassage> ranked = handle.model.rank(question, valid, own);
    for (std::size_t i = 0; i < ranked.size(); ++i) best[i] = {ranked[i].index, ranked[i].score};
    if (written != nullptr) *written = ranked.size();
  });
}
