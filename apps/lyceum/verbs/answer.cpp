#include "tasks/answer/answer.h"

#include <nlohmann/json.hpp>

#include "apps/lyceum/app.h"
#include "apps/lyceum/blocks.h"
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/utf8.h"

namespace lyceum::app {
namespace {

struct AnswerArguments {
  std::string model, context, context_file;
  InputOptions input{.field = "question", .second_field = "context"};
  AnswerOptions answer;
  bool pairs = false, any_words = false;
};

void print(const std::vector<Answer>& answers, std::int64_t index, const Common& common) {
  for (const Answer& a : answers) {
    if (common.json) {
      print_json(
          {{"answer", a.answer}, {"begin", a.begin}, {"end", a.end}, {"score", a.score}, {"index", index}});
    } else {
      print_line(fmt::format("{:.4f}  {:>6}-{:<6} {}", a.score, a.begin, a.end,
                             a.answer.empty() ? "(no answer)" : a.answer));
    }
  }
}

// The one context of all questions; a second positional text is one too.
std::string context_of(AnswerArguments& o, const Common& common) {
  if (o.context.empty() + o.context_file.empty() == 0)
    fail(Errc::kUsage, "found both --context and --context-file, expected one of them");
  std::string context = o.context;
  if (!o.context_file.empty()) {
    constexpr std::uint64_t kLongest = std::uint64_t{1} << 28;
    context = read_text(o.context_file, kLongest);
  } else if (context.empty() && o.input.texts.size() == 2) {
    context = o.input.texts.back();
    o.input.texts.pop_back();
  }
  if (context.empty())
    fail(Errc::kUsage,
         "found no text that could answer. Fix: --context TEXT, --context-file FILE, or --pairs with a "
         "context "
         "beside each question");
  std::string valid = context;
  if (const std::size_t bad = repair_utf8(valid); bad > 0) {
    if (common.strict) fail(Errc::kData, "the context is not UTF-8");
    log(LogLevel::kWarning, "the context has {} invalid UTF-8 sequences, which are read as U+FFFD", bad);
  }
  return context;
}

void run(AnswerArguments o, const Common& common) {
  apply(common);
  if (o.pairs && !(o.context.empty() && o.context_file.empty()))
    fail(Errc::kUsage, "--pairs: found it with a context, expected one of them");
  const std::string context = o.pairs ? "" : context_of(o, common);
  LineReader reader(o.input, common);
  reader.keep_bytes();  // places are those of the original text
  const auto task = AnswerTask::load(find_model(o.model, common), compute_of(common));
  report_unused(task->inside().unused, common);
  AnswerOptions options = o.answer;
  options.align_to_words = !o.any_words;
  std::int64_t index = 0;
  const auto show = [&](const std::vector<Question>& questions) {
    for (const std::vector<Answer>& answers : task->answer(questions, options))
      print(answers, index++, common);
  };
  if (o.pairs) {
    in_blocks<TextPair>("answer", reader, common, 0, [&](std::span<const TextPair> pairs) {
      std::vector<Question> questions;
      for (const auto& [question, text] : pairs) questions.push_back({question, text});
      show(questions);
    });
  } else {
    in_blocks<std::string>("answer", reader, common, 0, [&](std::span<const std::string> texts) {
      for (const std::string& text : texts) show({{text, context}});
    });
  }
  reader.report();
}

}  // namespace

void add_answer(CLI::App& app) {
  auto o = std::make_shared<AnswerArguments>();
  Verb verb(app, "answer", "The words of a text that answer a question");
  auto common = add_common(
      verb, "lyceum answer MODEL \"Who wrote Emma?\" --context \"Jane Austen wrote Emma in 1815.\" --json");
  add_model(verb, "model", o->model, "A folder, a file or a name", common).required();
  add_input(verb, o->input, "Questions; a second text is the context");
  verb.option("--context,-c", o->context, "The text that is to answer");
  verb.option("--context-file", o->context_file, "The same from a file");
  add_pairs(verb, o->input, o->pairs, "--context-field");
  verb.option("--top,-k", o->answer.top, "So many answers").range(1, 1 << 20).show_default();
  verb.option("--max-answer-tokens", o->answer.max_answer_tokens, "Of an answer, at most")
      .range(1, 1 << 20)
      .show_default();
  verb.option("--max-question-tokens", o->answer.max_question_tokens,
              "Cut the question (default: it is not cut)")
      .range(1, 1 << 20);
  verb.option("--max-tokens", o->answer.max_tokens,
              "Of the question and a window of the context (default: 384, or what the model takes)")
      .range(4, 1 << 20);
  verb.option("--stride", o->answer.stride,
              "Tokens that neighbouring windows share (default: 128, or half of a window)")
      .range(0, 1 << 20);
  verb.flag("--impossible", o->answer.can_be_impossible, "There may be no answer");
  verb.flag("--any-words", o->any_words, "Answers may begin and end inside of words");
  verb.run([o, common] { run(*o, *common); });
}

}  // namespace lyceum::app
