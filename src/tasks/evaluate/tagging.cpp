// Words with labels: does the model find the entities?
#include <algorithm>

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "tasks/evaluate/entities.h"
#include "tasks/evaluate/forms.h"
#include "tasks/evaluate/task_records.h"

namespace lyceum {
namespace {

// Words with a blank between them, and where each of them stands.
struct Sentence {
  std::string text;
  std::vector<std::pair<std::size_t, std::size_t>> words;  // [begin, end) in bytes
};

Sentence joined(std::span<const std::string> words) {
  Sentence out;
  for (const std::string& word : words) {
    if (!out.text.empty()) out.text += ' ';
    out.words.emplace_back(out.text.size(), out.text.size() + word.size());
    out.text += word;
  }
  return out;
}

// The label of each word's first token; `unread` counts the words without one.
std::vector<std::string> labels_of(const Sentence& sentence, std::span<const TaggedSpan> tokens,
                                   std::int64_t& unread) {
  std::vector<std::string> out;
  auto token = tokens.begin();
  for (const auto& [begin, end] : sentence.words) {
    while (token != tokens.end() && token->end <= begin) ++token;
    const bool is_read = token != tokens.end() && token->begin < end;
    out.push_back(is_read ? token->label : "O");
    unread += !is_read;
  }
  return out;
}

}  // namespace

std::vector<Score> evaluate_tagging(const TaskFiles& task, const TagTask& tagger,
                                    const EvaluateOptions& options) {
  std::vector<std::vector<std::string>> expected, found;
  std::vector<Sentence> sentences;
  for_each_record(task.test, [&](const JsonFields& r) {
    LabelledWords words = labelled_words(r);
    sentences.push_back(joined(words.words));
    expected.push_back(std::move(words.labels));
  });
  std::int64_t unread = 0, words = 0;
  in_blocks(std::span<const Sentence>(sentences), options, [&](std::span<const Sentence> some) {
    std::vector<std::string> texts;
    for (const Sentence& sentence : some) texts.push_back(sentence.text);
    const std::vector<TaggedText> tagged = tagger.tag(texts, {.ignored_labels = {}});
    for (std::size_t i = 0; i < some.size(); ++i) {
      words += static_cast<std::int64_t>(some[i].words.size());
      found.push_back(labels_of(some[i], tagged[i].spans, unread));
    }
  });
  if (unread > 0)
    log(LogLevel::kWarning,
        "{}: {} of {} words are not read by the model, which takes {} tokens; they count as O", task.name,
        unread, words, tagger.inside().max_tokens);
  const EntityScores scores = score_entities(expected, found);
  return {{task.name, task.split, "precision", scores.precision, scores.expected},
          {task.name, task.split, "recall", scores.recall, scores.expected},
          {task.name, task.split, "f1", scores.f1, scores.expected},
          {task.name, task.split, "accuracy", scores.accuracy, words}};
}

}  // namespace lyceum
