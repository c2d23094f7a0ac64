#include "data/examples/supervised.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/error.h"
#include "base/utf8.h"
#include "text/unicode/unicode.h"
#include "text/windows.h"

namespace lyceum {
namespace {

EncodeOptions encode_options(const TextOptions& options) {
  return {.parse_special = options.parse_special,
          .max_tokens = options.max_tokens,
          .truncation = options.truncation};
}

// Appends a sequence to the example.
void add_sequence(Example& to, Encoding e) {
  if (!to.ids.empty()) to.begins.push_back(to.tokens());
  const bool has_types =
      std::any_of(e.type_ids.begin(), e.type_ids.end(), [](std::int32_t t) { return t != 0; });
  if (has_types && to.types.empty()) to.types.resize(to.ids.size());
  to.ids.insert(to.ids.end(), e.ids.begin(), e.ids.end());
  if (has_types) to.types.insert(to.types.end(), e.type_ids.begin(), e.type_ids.end());
  if (!to.types.empty()) to.types.resize(to.ids.size());
  to.is_truncated |= e.truncated;
}

void expect_names(const std::shared_ptr<const LabelNames>& names, const std::string& field) {
  if (names == nullptr || names->size() == 0)
    fail(Errc::kUsage, "examples: found no names for the labels '{}', expected at least one", field);
}

void check(const LabelOptions& label) {
  if (label.kind == LabelKind::kClass || label.kind == LabelKind::kLabels)
    expect_names(label.names, label.field);
  if (!label.range.empty() && (label.range.size() != 2 || !(label.range[0] < label.range[1])))
    fail(Errc::kUsage, "examples: found a range of {} numbers for '{}', expected the lowest and the highest",
         label.range.size(), label.field);
}

bool is_number_list(const RecordValue* value) {
  return value != nullptr && (std::holds_alternative<std::vector<double>>(*value) ||
                              std::holds_alternative<std::vector<std::int64_t>>(*value));
}

// A number from 0 to 1 for each label, as transformers has them.
void add_flags(Example& to, const RecordFields& record, const LabelOptions& label) {
  const std::vector<double> flags = record.numbers(label.field);
  if (flags.size() != to.numbers.size() ||
      std::any_of(flags.begin(), flags.end(), [](double f) { return f < 0 || f > 1; }))
    record.wrong(label.field,
                 fmt::format("names, or a number from 0 to 1 for each of the {} labels", to.numbers.size()));
  to.numbers.assign(flags.begin(), flags.end());
}

void map_range(std::vector<float>& numbers, const RecordFields& record, const LabelOptions& label) {
  const double low = label.range[0], high = label.range[1];
  for (float& number : numbers) {
    const auto given = static_cast<double>(number);
    if (!(given >= low && given <= high))
      record.wrong(label.field, fmt::format("a number from {} to {}", low, high));
    number = static_cast<float>((given - low) / (high - low));
  }
}

void add_label(Example& to, const RecordFields& record, const LabelOptions& label) {
  switch (label.kind) {
    case LabelKind::kNone:
      return;
    case LabelKind::kClass:
      to.labels = {label.names->index(record, label.field)};
      return;
    case LabelKind::kLabels:
      to.numbers.assign(static_cast<std::size_t>(label.names->size()), 0.0f);
      if (is_number_list(record.find(label.field))) return add_flags(to, record, label);
      for (const std::int64_t i : label.names->indices(record, label.field))
        to.numbers[static_cast<std::size_t>(i)] = 1;
      return;
    case LabelKind::kNumber:
      const std::vector<double> numbers = is_number_list(record.find(label.field))
                                              ? record.numbers(label.field)
                                              : std::vector<double>{record.number(label.field)};
      to.numbers.assign(numbers.begin(), numbers.end());
      if (!label.range.empty()) map_range(to.numbers, record, label);
  }
}

// True where the record has its tokens already.
bool add_ready(const RecordFields& record, const Tokenizer& tokenizer, std::vector<Example>& out) {
  if (!record.has("input_ids")) return false;
  out.push_back(ready_example(record, tokenizer.size()));
  return true;
}

std::uint64_t text_hash(std::string_view text) {
  std::uint64_t hash = text.size();
  for (const char c : text) hash = mixed_bits(hash + static_cast<unsigned char>(c));
  return hash;
}

// A text, or each of a list.
std::vector<std::string> one_or_more(const RecordFields& record, const std::string& field) {
  const RecordValue* value = record.find(field);
  if (value != nullptr && std::holds_alternative<std::vector<std::string>>(*value))
    return record.texts(field);
  return {record.text(field)};
}

// The byte at which the character of this number begins; npos behind the end.
std::size_t byte_of_character(std::string_view text, std::int64_t character) {
  std::size_t at = 0;
  for (; character > 0 && at < text.size(); --character)
    at += static_cast<std::size_t>(decode_utf8(text.substr(at)).bytes);
  return character > 0 ? std::string_view::npos : at;
}

// The bytes of the first answer in the context; nothing: the question has none.
std::optional<TokenSpan> answer_bytes(const RecordFields& record, const SpanOptions& options,
                                      std::string_view context) {
  const std::string text_field = options.answers_field + ".text",
                    start_field = options.answers_field + ".answer_start";
  if (!record.has(text_field)) {
    if (record.has(options.answers_field) || record.has("is_impossible")) return std::nullopt;  // []
    record.wrong(text_field, "the texts of the answers");
  }
  const std::vector<std::string> texts = record.texts(text_field);
  if (texts.empty()) return std::nullopt;
  const auto starts = record.integers(start_field, 0, std::numeric_limits<std::int32_t>::max());
  if (starts.size() != texts.size())
    record.wrong(start_field, fmt::format("one for each of the {} texts", texts.size()));
  const std::size_t begin = byte_of_character(context, starts[0]);
  if (begin == std::string_view::npos || !context.substr(begin).starts_with(texts[0]))
    fail(Errc::kData, "{}: found no answer '{}' at character {} of '{}', expected it there", record.where(),
         texts[0].substr(0, 60), starts[0], options.context_field);
  if (texts[0].empty()) return std::nullopt;
  return TokenSpan{static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(begin + texts[0].size())};
}

// The tokens of a window that hold the answer; {0, 0} where not all of it lies in the window (R run_qa.py).
std::pair<std::int64_t, std::int64_t> answer_tokens(const Encoding& window, const TokenSpan& answer) {
  std::int64_t first = -1, last = -1;
  for (std::size_t i = 0; i < window.ids.size(); ++i) {
    if (window.sequences[i] != 1) continue;
    const auto at = static_cast<std::int64_t>(i);
    if (window.offsets[i].begin <= answer.begin) first = at;
    if (last < 0 && window.offsets[i].end >= answer.end) last = at;
  }
  if (first < 0 || last < first) return {0, 0};
  return {first, last};
}

}  // namespace

MakeExamples sequence_examples(std::shared_ptr<const Tokenizer> tokenizer, SequenceOptions options) {
  check(options.label);
  return [tokenizer = std::move(tokenizer), o = std::move(options)](const RecordFields& record,
                                                                    std::vector<Example>& out) {
    if (add_ready(record, *tokenizer, out)) return;
    Example& example = out.emplace_back();
    const EncodeOptions encode = encode_options(o.text);
    const std::string& first = record.text(o.field);
    add_sequence(example, o.second_field.empty()
                              ? tokenizer->encode(first, encode)
                              : tokenizer->encode_pair(first, record.text(o.second_field), encode));
    add_label(example, record, o.label);
  };
}

MakeExamples token_examples(std::shared_ptr<const Tokenizer> tokenizer, TokenLabelOptions options) {
  expect_names(options.names, options.labels_field);
  return [tokenizer = std::move(tokenizer), o = std::move(options)](const RecordFields& record,
                                                                    std::vector<Example>& out) {
    if (add_ready(record, *tokenizer, out)) return;
    const std::vector<std::string> words = record.words(o.words_field);
    const std::vector<std::int64_t> labels = o.names->indices(record, o.labels_field, LabelText::kWords);
    if (words.size() != labels.size())
      fail(Errc::kData, "{}: found {} words in '{}' and {} labels in '{}', expected as many", record.where(),
           words.size(), o.words_field, labels.size(), o.labels_field);
    std::string text;
    std::vector<std::size_t> ends;  // of each word in the text
    for (const std::string& word : words) {
      text += (text.empty() ? "" : " ") + word;
      ends.push_back(text.size());
    }
    EncodeOptions encode = encode_options(o.text);
    encode.with_offsets = true;
    Encoding e = tokenizer->encode(text, encode);
    Example& example = out.emplace_back();
    example.labels.assign(e.ids.size(), kIgnoredLabel);
    example.has_token_labels = true;
    std::size_t word = 0, labelled = words.size();  // labelled: the last word that has its label
    for (std::size_t i = 0; i < e.ids.size(); ++i) {
      if (e.special[i] != 0 || e.offsets[i].end == e.offsets[i].begin) continue;
      while (word < words.size() && ends[word] < e.offsets[i].end) ++word;
      if (word == words.size() || word == labelled) continue;
      example.labels[i] = labels[word];
      labelled = word;
    }
    add_sequence(example, std::move(e));
  };
}

MakeExamples span_examples(std::shared_ptr<const Tokenizer> tokenizer, SpanOptions options) {
  const std::int64_t around = tokenizer->special_tokens_around_two(),
                     least = around + options.max_question_tokens + options.stride + 1;
  if (options.stride < 0 || options.max_question_tokens < 1 || options.max_tokens < least)
    fail(
        Errc::kUsage,
        "examples: found max_tokens {} with stride {} and max_question_tokens {}, expected room for at least "
        "one more: {}",
        options.max_tokens, options.stride, options.max_question_tokens, least);
  return [tokenizer = std::move(tokenizer), o = std::move(options), around](const RecordFields& record,
                                                                            std::vector<Example>& out) {
    const EncodeOptions alone{.add_special = false, .with_offsets = true, .parse_special = o.parse_special};
    Encoding question = tokenizer->encode(record.text(o.question_field), alone);
    const std::string& text = record.text(o.context_field);
    const std::optional<TokenSpan> answer = answer_bytes(record, o, text);
    const Encoding context = tokenizer->encode(text, alone);
    const auto most = static_cast<std::size_t>(o.max_question_tokens);
    if (question.ids.size() > most) question = slice(question, 0, most);
    const std::size_t room = static_cast<std::size_t>(o.max_tokens - around) - question.ids.size();
    for (const auto& [begin, end] : windows(context.ids.size(), room, static_cast<std::size_t>(o.stride))) {
      Encoding window = tokenizer->post_process(question, slice(context, begin, end), {.with_offsets = true});
      Example& example = out.emplace_back();
      const auto [first, last] =
          answer ? answer_tokens(window, *answer) : std::pair<std::int64_t, std::int64_t>();
      example.labels = {first, last};
      add_sequence(example, std::move(window));
    }
  };
}

MakeExamples choice_examples(std::shared_ptr<const Tokenizer> tokenizer, ChoiceOptions options) {
  return [tokenizer = std::move(tokenizer), o = std::move(options)](const RecordFields& record,
                                                                    std::vector<Example>& out) {
    const std::string& question = record.text(o.question_field);
    const std::vector<std::string> choices = record.texts(o.choices_field);
    if (choices.size() < 2) record.wrong(o.choices_field, "at least two choices");
    Example& example = out.emplace_back();
    const EncodeOptions encode = encode_options(o.text);
    for (const std::string& choice : choices)
      add_sequence(example, o.context_field.empty()
                                ? tokenizer->encode_pair(question, choice, encode)
                                : tokenizer->encode_pair(record.text(o.context_field),
                                                         question + " " + choice, encode));
    const LabelNames of_record = o.names == nullptr ? LabelNames(choices) : LabelNames();
    example.labels = {(o.names == nullptr ? of_record : *o.names).index(record, o.label_field)};
    if (example.labels[0] >= example.sequences())
      record.wrong(o.label_field, fmt::format("one of the {} choices", choices.size()));
  };
}

MakeExamples comparison_examples(std::shared_ptr<const Tokenizer> tokenizer, ComparisonOptions options) {
  check(options.label);
  if (options.fields.empty()) fail(Errc::kUsage, "examples: found no fields of texts, expected at least one");
  return [tokenizer = std::move(tokenizer), o = std::move(options)](const RecordFields& record,
                                                                    std::vector<Example>& out) {
    Example& example = out.emplace_back();
    const auto add = [&](const std::string& field) {
      for (const std::string& text : one_or_more(record, field)) {
        add_sequence(example,
                     tokenizer->encode(o.lower_case ? unicode::lower(text) : text, encode_options(o.text)));
        example.texts.push_back(text_hash(text));
      }
    };
    for (const std::string& field : o.fields) add(field);
    for (const std::string& field : o.optional_fields)
      if (record.has(field)) add(field);
    add_label(example, record, o.label);
  };
}

}  // namespace lyceum
