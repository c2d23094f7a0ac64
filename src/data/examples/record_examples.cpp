#include "data/examples/record_examples.h"

#include <algorithm>
#include <limits>

namespace lyceum {

RecordExamples::RecordExamples(const ExampleInput& input, MakeExamples make)
    : records_(input, [make = std::move(make)](const RecordFields& record, std::vector<Example>& out) {
        make(record, out);
      }) {}

bool RecordExamples::next(Example& example) {
  while (piece_ >= current_.out.size()) {
    const RecordPosition end = current_.after;
    const bool is_there = records_.next(current_);
    piece_ = std::exchange(wanted_, 0);
    if (is_there && !current_.ends_epoch) continue;
    if (!is_there) current_ = {}, current_.after = end;
    return false;
  }
  example = std::move(current_.out[piece_]);
  example.id = mixed_bits(current_.id, piece_);
  example.epoch = current_.at.epoch;
  example.where = current_.where;
  ++piece_;
  ++records_.counts.examples;
  records_.counts.truncated += example.is_truncated;
  return true;
}

DataPosition RecordExamples::position() const {
  const bool is_inside = piece_ < current_.out.size();
  const RecordPosition& at = is_inside ? current_.at : current_.after;
  return {.epoch = at.epoch, .record = at.record, .piece = is_inside ? piece_ : wanted_};
}

void RecordExamples::seek(const DataPosition& position) {
  records_.seek({position.epoch, position.record});
  current_ = {};
  current_.after = {position.epoch, position.record};
  piece_ = 0;
  wanted_ = static_cast<std::size_t>(position.piece);
}

Example ready_example(const RecordFields& record, std::int64_t vocabulary) {
  Example out;
  out.ids = record.token_ids("input_ids", vocabulary);
  const std::size_t tokens = out.ids.size();
  if (tokens == 0) record.wrong("input_ids", "at least one token");
  const auto expect_one_each = [&](const char* field, std::size_t found) {
    if (found != tokens) record.wrong(field, fmt::format("one value for each of the {} input_ids", tokens));
  };
  if (record.has("token_type_ids")) {
    const auto types = record.integers("token_type_ids", 0, std::numeric_limits<std::int32_t>::max());
    expect_one_each("token_type_ids", types.size());
    if (std::any_of(types.begin(), types.end(), [](std::int64_t t) { return t != 0; }))
      out.types.assign(types.begin(), types.end());
  }
  if (const RecordValue* labels = record.find("labels")) {
    if (std::holds_alternative<double>(*labels)) {
      out.numbers = {static_cast<float>(record.number("labels"))};
    } else if (std::holds_alternative<std::int64_t>(*labels)) {
      out.labels = {record.integer("labels", 0, std::numeric_limits<std::int32_t>::max())};
    } else {
      out.labels = record.integers("labels", kIgnoredLabel, vocabulary - 1);
      expect_one_each("labels", out.labels.size());
      out.has_token_labels = true;
      for (const std::int64_t label : out.labels)
        if (label < 0 && label != kIgnoredLabel)
          fail(Errc::kData, "{}: field 'labels': found {}, expected {} or 0 to {}", record.where(), label,
               kIgnoredLabel, vocabulary - 1);
    }
  }
  if (record.has("next_sentence_label")) out.next_sentence = record.integer("next_sentence_label", 0, 1);
  if (record.has("attention_mask")) {
    const auto mask = record.integers("attention_mask", 0, 1);
    expect_one_each("attention_mask", mask.size());
    std::size_t kept = 0;
    for (std::size_t i = 0; i < tokens; ++i) {
      if (mask[i] == 0) continue;
      out.ids[kept] = out.ids[i];
      if (!out.types.empty()) out.types[kept] = out.types[i];
      if (out.has_token_labels) out.labels[kept] = out.labels[i];
      ++kept;
    }
    if (kept == 0) record.wrong("attention_mask", "at least one 1");
    out.ids.resize(kept);
    if (!out.types.empty()) out.types.resize(kept);
    if (out.has_token_labels) out.labels.resize(kept);
  }
  return out;
}

MakeExamples ready_examples(std::int64_t vocabulary) {
  return [vocabulary](const RecordFields& record, std::vector<Example>& out) {
    out.push_back(ready_example(record, vocabulary));
  };
}

}  // namespace lyceum
