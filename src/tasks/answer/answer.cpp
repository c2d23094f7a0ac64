#include "tasks/answer/answer.h"

#include <algorithm>

#include "base/error.h"
#include "base/parallel.h"
#include "tasks/answer/spans.h"
#include "tasks/common/text_batches.h"
#include "text/windows.h"

namespace lyceum {
namespace {

constexpr std::int64_t kWindowTokens = 384, kStride = 128;  // R
constexpr std::int64_t kMostAnswers = 1 << 20;

}  // namespace

std::shared_ptr<const AnswerTask> AnswerTask::load(const std::string& model, std::optional<Compute> compute) {
  return load(ModelFolder::find(model), compute);
}

std::shared_ptr<const AnswerTask> AnswerTask::load(const ModelFolder& folder,
                                                   std::optional<Compute> compute) {
  return std::make_shared<const AnswerTask>(TaskModel::load(folder, Head::kSpans, compute));
}

// The question with each window of the context.
std::vector<Encoding> AnswerTask::windows_of(const Question& question, std::int64_t max_tokens,
                                             const AnswerOptions& options) const {
  for (const auto& [what, text] :
       {std::pair("question", &question.question), std::pair("context", &question.context)})
    if (text->empty()) fail(Errc::kData, "the {} is empty, expected a text", what);
  const EncodeOptions inner{
      .add_special = false, .with_offsets = true, .max_tokens = options.max_question_tokens};
  const Encoding asked = m_.tokenizer->encode(question.question, inner);
  const Encoding context =
      m_.tokenizer->encode(question.context, {.add_special = false, .with_offsets = true});
  const std::int64_t room =
      max_tokens - m_.tokenizer->special_tokens_around_two() - static_cast<std::int64_t>(asked.ids.size());
  if (room < 1)
    fail(Errc::kData,
         "the question has {} tokens, and none of a window's {} is left for the context. Fix: a shorter "
         "question, or max_question_tokens",
         asked.ids.size(), max_tokens);
  if (options.stride >= room && static_cast<std::int64_t>(context.ids.size()) > room)
    fail(Errc::kUsage, "stride: found {}, expected fewer than the {} tokens of the context in a window",
         options.stride, room);
  // R: 128 or half of the window, without regard to the question; where that is too much, half of the room
  std::int64_t stride = options.stride;
  if (stride < 0) stride = std::min(max_tokens / 2, kStride);
  if (stride >= room) stride = room / 2;
  std::vector<Encoding> out;
  for (const auto& [begin, end] :
       windows(context.ids.size(), static_cast<std::size_t>(room), static_cast<std::size_t>(stride)))
    out.push_back(m_.tokenizer->post_process(asked, slice(context, begin, end), {.with_offsets = true}));
  return out;
}

std::vector<std::vector<Answer>> AnswerTask::answer(std::span<const Question> questions,
                                                    const AnswerOptions& options) const {
  if (options.top < 1 || options.top > kMostAnswers || options.max_answer_tokens < 1)
    fail(Errc::kUsage,
         "answer: found {} answers of at most {} tokens, expected 1 to {} of them and 1 token or more",
         options.top, options.max_answer_tokens, kMostAnswers);
  const std::int64_t max_tokens =
      std::min(m_.max_tokens, options.max_tokens > 0 ? options.max_tokens : kWindowTokens);
  if (options.stride > max_tokens)
    fail(Errc::kUsage, "stride: found {}, expected at most the {} tokens of a window", options.stride,
         max_tokens);
  std::vector<std::vector<Encoding>> parts(questions.size());
  parallel_for(static_cast<std::int64_t>(questions.size()), 4, [&](std::int64_t begin, std::int64_t end) {
    for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i)
      parts[i] = windows_of(questions[i], max_tokens, options);
  });
  std::vector<Encoding> encodings;
  for (std::vector<Encoding>& part : parts)
    encodings.insert(encodings.end(), std::make_move_iterator(part.begin()),
                     std::make_move_iterator(part.end()));
  struct Found {
    std::vector<TokenRange> ranges;
    double null_score = kNoNullScore;
  };
  std::vector<Found> found(encodings.size());
  // R: some candidates fall together when they are aligned to words
  const auto count = static_cast<std::size_t>(options.align_to_words ? options.top * 2 + 10 : options.top);
  run_batches(*m_.model, encodings, [&](const Tensor& hidden, const PackedTokens& batch, std::size_t first) {
    const Tensor scores = m_.model->scores(hidden, batch);
    for (std::int64_t s = 0; s < batch.layout.sequences(); ++s) {
      std::vector<float> begins, ends;
      for (std::int64_t t = batch.layout.begin(s); t < batch.layout.end(s); ++t) {
        begins.push_back(scores.row<float>(t)[0]);
        ends.push_back(scores.row<float>(t)[1]);
      }
      const std::size_t i = first + static_cast<std::size_t>(s);
      found[i].ranges = best_ranges(encodings[i], begins, ends, m_.special.classification, count,
                                    static_cast<std::size_t>(options.max_answer_tokens),
                                    options.can_be_impossible, found[i].null_score);
    }
  });
  std::vector<std::vector<Answer>> out;
  for (std::size_t q = 0, i = 0; q < questions.size(); ++q) {
    AnswerList answers(questions[q].context);
    double null_score = kNoNullScore;
    for (std::size_t end = i + parts[q].size(); i < end; ++i) {
      for (const TokenRange& range : found[i].ranges)
        answers.add(place_of(encodings[i], range, options.align_to_words), range.score);
      null_score = std::min(null_score, found[i].null_score);
    }
    out.push_back(std::move(answers).best(options.top, null_score));
  }
  return out;
}

}  // namespace lyceum
