// Answers that stand in a text.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "lyceum/load_options.h"

namespace lyceum {

class AnswerTask;  // of the library's inside

struct Answer {
  std::string answer;                // empty: the text does not answer the question
  std::uint32_t begin = 0, end = 0;  // bytes of the context
  double score = 0;                  // probability within its window; summed over spans of one text
};

struct Question {
  std::string question, context;
};

struct AnswerOptions {
  std::int64_t top = 1;
  std::int64_t max_answer_tokens = 15;
  std::int64_t max_question_tokens = 0;  // 0: the question is not cut
  std::int64_t max_tokens = 0;           // of a window; 0: 384, or what the model takes if that is less
  std::int64_t stride = -1;        // tokens that neighbouring windows share; -1: 128, or half of the window
  bool can_be_impossible = false;  // no answer may be the best one
  bool align_to_words = true;      // answers begin and end with words
};

// Cheap to copy; copies share the weights. Safe to use from several threads at once. The reference is
// QuestionAnsweringPipeline of transformers 4.57, the last release that has it.
class QuestionAnswerer {
 public:
  static QuestionAnswerer load(const std::string& model,
                               const LoadOptions& options = {});  // as EmbeddingModel::load

  std::int64_t max_tokens() const;  // of a question with a window of the context, special tokens included

  // For each question its answers, best first; of equal scores the one that was found first. Fewer than
  // options.top where there are no more; at least one, with score 0 when nothing was found. Throws
  // Errc::kData for an empty question or context and for a question that leaves no room, kUsage for options
  // without sense.
  std::vector<std::vector<Answer>> answer(std::span<const Question> questions,
                                          const AnswerOptions& options = {}) const;
  std::vector<Answer> answer(const std::string& question, const std::string& context,
                             const AnswerOptions& options = {}) const;

 private:
  explicit QuestionAnswerer(std::shared_ptr<const AnswerTask> inside) : inside_(std::move(inside)) {}
  std::shared_ptr<const AnswerTask> inside_;
};

}  // namespace lyceum
