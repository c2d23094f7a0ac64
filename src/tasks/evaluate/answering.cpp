// Questions about texts: are the answers those that people gave?
#include <algorithm>

#include "base/error.h"
#include "tasks/evaluate/answer_match.h"
#include "tasks/evaluate/forms.h"
#include "tasks/evaluate/task_records.h"

namespace lyceum {
namespace {

constexpr std::int64_t kAnswerTokens = 30;  // R BERT's run_squad.py: max_answer_length

struct Means {
  double exact = 0, f1 = 0;
  std::int64_t count = 0;
  void add(const AnswerScore& score) {
    exact += score.exact;
    f1 += score.f1;
    ++count;
  }
};

}  // namespace

std::vector<Score> evaluate_answering(const TaskFiles& task, const AnswerTask& answerer,
                                      const EvaluateOptions& options) {
  const std::vector<AskedQuestion> asked = read_questions(task.test);
  if (asked.empty()) fail(Errc::kData, "{}: found no questions", task.test.string());
  const bool some_unanswerable =
      std::any_of(asked.begin(), asked.end(), [](const AskedQuestion& q) { return q.answers.empty(); });
  const SquadVersion version = some_unanswerable ? SquadVersion::k2 : SquadVersion::k1;
  Means all, answerable, unanswerable;
  in_blocks(std::span<const AskedQuestion>(asked), options, [&](std::span<const AskedQuestion> some) {
    std::vector<Question> questions;
    for (const AskedQuestion& q : some) questions.push_back({q.question, q.context});
    const auto answers = answerer.answer(
        questions, {.max_answer_tokens = kAnswerTokens, .can_be_impossible = some_unanswerable});
    for (std::size_t i = 0; i < some.size(); ++i) {
      const AnswerScore score = score_answer(answers[i][0].answer, some[i].answers, version);
      all.add(score);
      (some[i].answers.empty() ? unanswerable : answerable).add(score);
    }
  });
  std::vector<Score> out;
  const auto add = [&](const std::string& exact, const std::string& f1, const Means& means) {
    const auto count = static_cast<double>(means.count);
    out.push_back({task.name, task.split, exact, means.exact / count, means.count});
    out.push_back({task.name, task.split, f1, means.f1 / count, means.count});
  };
  if (version == SquadVersion::k1) {
    add("exact_match", "f1", all);
    return out;
  }
  add("exact", "f1", all);
  if (answerable.count > 0) add("HasAns_exact", "HasAns_f1", answerable);
  add("NoAns_exact", "NoAns_f1", unanswerable);
  return out;
}

}  // namespace lyceum
