// Examples that are made of one record each: one, or several (windows of a long text).
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "data/examples/example.h"
#include "data/examples/record_pipeline.h"

namespace lyceum {

// The examples of a record, appended. Called by several threads at once; ids, epoch and place are filled in
// afterwards.
using MakeExamples = std::function<void(const RecordFields&, std::vector<Example>&)>;

// DataPosition::piece counts the examples of the record.
class RecordExamples final : public ExampleBuilder {
 public:
  RecordExamples(const ExampleInput& input, MakeExamples make);
  bool next(Example& example) override;
  DataPosition position() const override;
  void seek(const DataPosition& position) override;
  const DataCounts& counts() const override { return records_.counts; }

 private:
  using Records = RecordPipeline<std::vector<Example>>;
  Records records_;
  Records::Item current_;
  std::size_t piece_ = 0, wanted_ = 0;  // wanted_: to begin at, after a seek
};

// A record that has its tokens already: `input_ids`, and where they are there `token_type_ids`,
// `attention_mask` (what is 0 is left out), `labels` (one for each token, -100 ignored; or one class; or a
// number) and `next_sentence_label`. Throws Errc::kData where they do not fit together or into the
// vocabulary.
Example ready_example(const RecordFields& record, std::int64_t vocabulary);
// Such records as they are.
MakeExamples ready_examples(std::int64_t vocabulary);

}  // namespace lyceum
