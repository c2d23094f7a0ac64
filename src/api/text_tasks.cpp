// The classes of the verbs fill, classify, tag, answer and rerank.
#include <utility>

#include "api/find.h"
#include "api/valid_texts.h"
#include "base/error.h"
#include "base/utf8.h"
#include "lyceum/mask_filler.h"
#include "lyceum/question_answerer.h"
#include "lyceum/reranker.h"
#include "lyceum/text_classifier.h"
#include "lyceum/token_tagger.h"
#include "tasks/answer/answer.h"
#include "tasks/classify/classify.h"
#include "tasks/fill/fill.h"
#include "tasks/rerank/rerank.h"
#include "tasks/tag/tag.h"

namespace lyceum {
namespace {

template <class Task>
auto load_task(const std::string& model, const LoadOptions& options) {
  return Task::load(find_model(model, options.pull), compute_of(options.dtype));
}

void check_top(std::int64_t top, std::int64_t least) {
  if (top < least) fail(Errc::kUsage, "top: found {}, expected {} or more", top, least);
}

}  // namespace

MaskFiller MaskFiller::load(const std::string& model, const LoadOptions& options) {
  return MaskFiller(load_task<FillTask>(model, options));
}
std::string MaskFiller::mask() const { return inside_->mask(); }
std::int64_t MaskFiller::max_tokens() const { return inside_->inside().max_tokens; }

std::vector<FilledText> MaskFiller::fill(std::span<const std::string> texts,
                                         const FillOptions& options) const {
  check_top(options.top, 1);
  std::vector<std::int32_t> targets;
  if (!options.targets.empty()) targets = inside_->target_ids(options.targets);
  std::vector<FilledText> filled = inside_->fill(valid_texts(texts), options.top, targets);
  for (std::size_t i = 0; i < filled.size(); ++i)
    if (filled[i].masks.empty())
      fail(Errc::kData, "text {}: found no {}, expected one or more{}", i + 1, mask(),
           filled[i].truncated ? " among the tokens that the model takes" : "");
  return filled;
}
FilledText MaskFiller::fill(const std::string& text, const FillOptions& options) const {
  return fill(std::span(&text, 1), options)[0];
}

TextClassifier TextClassifier::load(const std::string& model, const LoadOptions& options) {
  return TextClassifier(load_task<ClassifyTask>(model, options));
}
const std::vector<std::string>& TextClassifier::labels() const { return inside_->inside().model->labels(); }
std::int64_t TextClassifier::max_tokens() const { return inside_->inside().max_tokens; }

std::vector<Classification> TextClassifier::classify(std::span<const std::string> texts,
                                                     const ClassifyOptions& options) const {
  check_top(options.top, 0);
  return inside_->classify(valid_texts(texts), options);
}
Classification TextClassifier::classify(const std::string& text, const ClassifyOptions& options) const {
  return classify(std::span(&text, 1), options)[0];
}
std::vector<Classification> TextClassifier::classify_pairs(
    std::span<const std::pair<std::string, std::string>> pairs, const ClassifyOptions& options) const {
  check_top(options.top, 0);
  std::vector<std::pair<std::string, std::string>> valid(pairs.begin(), pairs.end());
  for (auto& [first, second] : valid) repair_utf8(first), repair_utf8(second);
  return inside_->classify(valid, options);
}
std::vector<Classification> TextClassifier::zero_shot(std::span<const std::string> texts,
                                                      const ZeroShotOptions& options) const {
  check_top(options.top, 0);
  return inside_->zero_shot(valid_texts(texts), options);
}

TokenTagger TokenTagger::load(const std::string& model, const LoadOptions& options) {
  return TokenTagger(load_task<TagTask>(model, options));
}
const std::vector<std::string>& TokenTagger::labels() const { return inside_->inside().model->labels(); }
std::int64_t TokenTagger::max_tokens() const { return inside_->inside().max_tokens; }

std::vector<TaggedText> TokenTagger::tag(std::span<const std::string> texts,
                                         const TagOptions& options) const {
  return inside_->tag(texts, options);
}
TaggedText TokenTagger::tag(const std::string& text, const TagOptions& options) const {
  return tag(std::span(&text, 1), options)[0];
}

QuestionAnswerer QuestionAnswerer::load(const std::string& model, const LoadOptions& options) {
  return QuestionAnswerer(load_task<AnswerTask>(model, options));
}
std::int64_t QuestionAnswerer::max_tokens() const { return inside_->inside().max_tokens; }

std::vector<std::vector<Answer>> QuestionAnswerer::answer(std::span<const Question> questions,
                                                          const AnswerOptions& options) const {
  return inside_->answer(questions, options);
}
std::vector<Answer> QuestionAnswerer::answer(const std::string& question, const std::string& context,
                                             const AnswerOptions& options) const {
  const Question one{question, context};
  return answer(std::span(&one, 1), options)[0];
}

Reranker Reranker::load(const std::string& model, const LoadOptions& options) {
  return Reranker(load_task<RerankTask>(model, options));
}
std::int64_t Reranker::max_tokens() const { return inside_->inside().max_tokens; }

std::vector<float> Reranker::scores(const std::string& query, std::span<const std::string> passages,
                                    bool raw) const {
  return inside_->scores(inside_->query(valid_texts(std::span(&query, 1))[0]), valid_texts(passages), raw);
}
std::vector<RankedPassage> Reranker::rank(const std::string& query, std::span<const std::string> passages,
                                          const RerankOptions& options) const {
  check_top(options.top, 0);
  PassageRanking ranking(options.top);
  for (const float score : scores(query, passages, options.raw)) ranking.add(score);
  std::vector<RankedPassage> out;
  for (const PassageRanking::Entry& entry : std::move(ranking).best())
    out.push_back({entry.index, entry.score});
  return out;
}

}  // namespace lyceum
