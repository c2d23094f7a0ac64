// Records with labels as examples: a text, words, a question and its answer, choices, texts to be compared.
// Each of these gives what RecordExamples needs. A record that has `input_ids` is taken as it is
// (ready_example). Labels are those of LabelNames.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "data/examples/label_names.h"
#include "data/examples/record_examples.h"
#include "text/tokenizer.h"

namespace lyceum {

// How texts become tokens.
struct TextOptions {
  std::int64_t max_tokens = 0;  // of a sequence, special ones included; longer ones are cut. 0: no limit
  Truncation truncation = Truncation::kLongestFirst;
  bool parse_special = false;  // special tokens written in the text are text
};

enum class LabelKind {
  kNone,
  kClass,   // Example::labels: one index
  kLabels,  // Example::numbers: 1 for each name that the record's list has, 0 for the others; or the record's
            // list of numbers from 0 to 1, one for each name
  kNumber,  // Example::numbers: the number, or the list of numbers
};

struct LabelOptions {
  LabelKind kind = LabelKind::kClass;
  std::string field = "label";
  std::shared_ptr<const LabelNames> names;  // kClass and kLabels
  // kNumber: what is 0 and what is 1 among the examples' numbers; a record's may not lie outside. Empty: they
  // are as they stand.
  std::vector<double> range;
};

// A text or a pair of texts with a label.
struct SequenceOptions {
  std::string field = "text", second_field;  // second_field empty: a text
  LabelOptions label;
  TextOptions text;
};
MakeExamples sequence_examples(std::shared_ptr<const Tokenizer> tokenizer, SequenceOptions options);

// Words with a label each, two lists or two texts with blanks between their parts ("B-PER O"): the first
// token of a word has its label, the others have kIgnoredLabel. The words stand with a space between them, as
// in the text that they are found in. A record whose text is cut keeps the words that fit.
struct TokenLabelOptions {
  std::string words_field = "tokens", labels_field = "tags";
  std::shared_ptr<const LabelNames> names;
  TextOptions text;
};
MakeExamples token_examples(std::shared_ptr<const Tokenizer> tokenizer, TokenLabelOptions options);

// A question whose answer is a span of a context (SQuAD): `answers.text` and `answers.answer_start`, counted
// in characters, of which the first counts; without one there is no answer. A context that is too long makes
// several examples, windows that share `stride` tokens. Example::labels: the first and last token of the
// answer; 0 and 0 (the first token) where the window does not hold all of it. Source: run_qa.py of
// transformers; Devlin et al. 2018, section 4.2 and 4.3.
struct SpanOptions {
  std::string question_field = "question", context_field = "context", answers_field = "answers";
  std::int64_t max_tokens = 384, stride = 128, max_question_tokens = 64;  // R run_squad.py
  bool parse_special = false;
};
MakeExamples span_examples(std::shared_ptr<const Tokenizer> tokenizer, SpanOptions options);

// A question with several choices, each a sequence of its own (a pair of texts); Example::labels: the index
// of the right one. With a context each is the pair of the context and question + " " + choice.
struct ChoiceOptions {
  std::string context_field;  // empty: none
  std::string question_field = "question", choices_field = "choices", label_field = "label";
  std::shared_ptr<const LabelNames> names;  // null: the label is an index, or the text of a choice
  TextOptions text;
};
MakeExamples choice_examples(std::shared_ptr<const Tokenizer> tokenizer, ChoiceOptions options);

// Texts to be compared, a sequence each: anchor and positive, and negatives where there are any; two
// sentences with a score or a class (Reimers and Gurevych 2019). A field may hold a list of texts, and one of
// `optional_fields` may be missing. Example::texts has a hash of each.
struct ComparisonOptions {
  std::vector<std::string> fields{"anchor", "positive"}, optional_fields;
  LabelOptions label{.kind = LabelKind::kNone};
  TextOptions text;
  bool lower_case = false;  // texts, before they are tokenised
};
MakeExamples comparison_examples(std::shared_ptr<const Tokenizer> tokenizer, ComparisonOptions options);

}  // namespace lyceum
