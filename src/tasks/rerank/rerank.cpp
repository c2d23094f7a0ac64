#include "tasks/rerank/rerank.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "base/parallel.h"
#include "formats/sentence_pipeline.h"
#include "tasks/common/scores.h"
#include "tasks/common/sequence_scores.h"
#include "text/unicode/unicode.h"

namespace lyceum {
namespace {

using Activation1 = float (*)(float);

// The dotted name of a class of torch, "" when the folder names none. R get_default_activation_fn,
// _parse_model_config.
std::string activation_name(const ModelFolder& folder, const ModelFolder& body) {
  if (const auto file = folder.file("config_sentence_transformers.json")) {
    const Json json = read_json(*file);
    const std::string name = JsonFields(json, file->string()).text("activation_fn", "");
    if (!name.empty()) return name;
  }
  const auto file = body.require("config.json");
  const Json json = read_json(file);
  const JsonFields f(json, file.string());
  if (f.has("sentence_transformers") && f.object("sentence_transformers").has("activation_fn"))
    return f.object("sentence_transformers").text("activation_fn");
  return f.text("sbert_ce_default_activation_function", "");
}

Activation1 activation_of(const std::string& name) {
  static constexpr std::pair<const char*, Activation1> kKnown[] = {
      {"Identity", [](float x) { return x; }},
      {"Sigmoid", sigmoid},
      {"Tanh", [](float x) { return std::tanh(x); }},
      {"ReLU", [](float x) { return std::max(x, 0.0f); }}};
  if (!name.empty() && !name.starts_with("torch."))
    log(LogLevel::kWarning, "the activation '{}' is not one of torch; sigmoid stands for it", name);
  if (!name.starts_with("torch.")) return sigmoid;
  const std::string last = name.substr(name.rfind('.') + 1);
  for (const auto& [known, function] : kKnown)
    if (last == known) return function;
  fail(Errc::kUnsupported, "rerank: found the activation '{}', expected Identity, Sigmoid, Tanh or ReLU",
       name);
}

}  // namespace

std::shared_ptr<const RerankTask> RerankTask::load(const std::string& model, std::optional<Compute> compute) {
  return load(ModelFolder::find(model), compute);
}

std::shared_ptr<const RerankTask> RerankTask::load(const ModelFolder& folder,
                                                   std::optional<Compute> compute) {
  SentencePipeline pipeline;
  if (folder.file("modules.json")) pipeline = sentence_pipeline(folder, PipelineUse::kScores);
  const ModelFolder body = folder.inside(pipeline.transformer_path);
  std::shared_ptr<RerankTask> task(new RerankTask(TaskModel::load(body, Head::kSequence, compute)));
  if (const std::size_t labels = task->m_.model->labels().size(); labels != 1)
    fail(Errc::kUnsupported,
         "{}: found {} labels, expected the one score of a cross-encoder. Fix: `classify --pairs` gives the "
         "labels of pairs",
         folder.path().string(), labels);
  if (pipeline.max_seq_length > 0)
    task->m_.max_tokens =
        smallest_limit({task->m_.model->max_tokens(), pipeline.max_seq_length}, *task->m_.tokenizer, folder);
  if (const std::int64_t around = task->m_.tokenizer->special_tokens_around_two();
      task->m_.max_tokens < around)
    fail(Errc::kData, "{}: pairs of {} tokens fit, expected room for the tokenizer's {} special ones",
         folder.path().string(), task->m_.max_tokens, around);
  task->activation_ = activation_of(activation_name(folder, body));
  task->do_lower_case_ = pipeline.do_lower_case;
  if (const auto it = pipeline.prompts.find(pipeline.default_prompt_name); it != pipeline.prompts.end())
    task->prompt_ = it->second;
  return task;
}

Encoding RerankTask::encode(const std::string& text) const {
  const EncodeOptions options{.add_special = false};
  return do_lower_case_ ? m_.tokenizer->encode(unicode::lower(text), options)
                        : m_.tokenizer->encode(text, options);
}

Encoding RerankTask::query(const std::string& text) const { return encode(prompt_ + text); }

std::vector<float> RerankTask::scores(const Encoding& query, std::span<const std::string> passages, bool raw,
                                      std::int64_t* cut) const {
  std::vector<Encoding> pairs(passages.size());
  parallel_for(static_cast<std::int64_t>(passages.size()), 8, [&](std::int64_t begin, std::int64_t end) {
    for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i)
      pairs[i] = m_.tokenizer->post_process(query, encode(passages[i]), {.max_tokens = m_.max_tokens});
  });
  if (cut != nullptr)
    *cut = std::count_if(pairs.begin(), pairs.end(), [](const Encoding& e) { return e.truncated; });
  std::vector<float> out = sequence_scores(*m_.model, pairs).values<float>();
  if (!raw)
    for (float& score : out) score = activation_(score);
  return out;
}

void PassageRanking::add(float score, std::string text) {
  entries_.push_back({next_++, score, std::move(text)});
  if (top_ > 0 && entries_.size() / 2 >= top_ + 512) sort();
}

std::vector<PassageRanking::Entry> PassageRanking::best() && {
  sort();
  return std::move(entries_);
}

void PassageRanking::sort() {
  std::sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) {
    const float x = std::isnan(a.score) ? -INFINITY : a.score;
    const float y = std::isnan(b.score) ? -INFINITY : b.score;
    return x > y || (x == y && a.index < b.index);
  });
  if (top_ > 0 && entries_.size() > top_)
    entries_.erase(entries_.begin() + static_cast<std::ptrdiff_t>(top_), entries_.end());
}

}  // namespace lyceum
