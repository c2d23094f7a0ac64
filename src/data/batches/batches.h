// Batches of examples.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "data/ahead/ahead.h"
#include "data/examples/example.h"
#include "data/shuffle/record_order.h"
#include "tensor/layout.h"

namespace lyceum {

struct BatchOptions {
  // One of the two is more than 0. examples: in every batch, of all parts together. tokens: at most so many
  // in a batch of one part; an example that is longer by itself is an error.
  std::int64_t examples = 0, tokens = 0;
  bool drop_last = true;  // with `examples`: those at the end of an epoch that do not fill a batch
  // Batches of examples of about one length: window_batches batches are read, sorted, cut, and given in a
  // random order.
  bool group_by_length = false;
  std::int64_t window_batches = 64;
  // No text stands in two examples of a batch (Example::texts): what would waits for a later batch of its
  // window. As sentence-transformers' NoDuplicatesBatchSampler, which has one window. What is left at the end
  // of a window makes smaller batches.
  bool no_duplicates = false;
  std::uint64_t seed = 0;  // of the order of batches in their windows
  // Of the examples of a batch this process has those whose index is part.index modulo part.count (with
  // `tokens`: of the batches), so that all parts have as many batches, at the same positions, and together
  // what one alone has. A share may be empty. The builder's own part must then be the whole.
  DataPart part;
};

struct Batch {
  std::vector<Example> examples;  // this part's
  std::int64_t all_examples = 0;  // of all parts
  std::uint64_t epoch = 0;
  DataPosition after;       // where the next batch begins
  bool ends_epoch = false;  // no batch, but the mark between two epochs
};

// A batch as a model takes it: sequences one after another.
struct PackedBatch {
  std::vector<std::int32_t> ids, types;      // types: empty where all are 0
  std::vector<std::int64_t> labels;          // token labels of all tokens; empty where the examples have none
  SequenceLayout layout;                     // ids: from those of the examples
  std::vector<std::int64_t> first_sequence;  // of each example, and the number of sequences
};
// Throws Errc::kData where some examples have token labels and others have not.
PackedBatch pack(const Batch& batch);

class Batches {
 public:
  // Throws Errc::kUsage for options that contradict each other.
  Batches(std::unique_ptr<ExampleBuilder> builder, const BatchOptions& options);
  // False at the end of an epoch, as ExampleBuilder::next. Throws Errc::kData for an epoch that has examples,
  // but no batch.
  bool next(Batch& batch);
  DataPosition position() const;
  void seek(const DataPosition& position);
  const ExampleBuilder& builder() const noexcept { return *builder_; }

 private:
  struct Planned {
    std::vector<std::size_t> examples;  // of the window
    std::int64_t all_examples = 0;
  };
  using Groups = std::vector<std::vector<std::size_t>>;
  bool is_full() const;
  void read_window();
  void plan_window();
  Groups groups_by_count(std::vector<std::size_t> order) const;
  Groups groups_by_tokens(const std::vector<std::size_t>& order) const;
  Groups groups_without_duplicates() const;
  void sort_by_length(std::vector<std::size_t>& order) const;
  void shuffle(std::vector<Planned>& plan) const;

  std::unique_ptr<ExampleBuilder> builder_;
  BatchOptions options_;
  DataPosition window_begin_;  // of the examples below
  std::vector<Example> window_;
  std::int64_t window_tokens_ = 0;
  std::vector<Planned> plan_;
  std::size_t given_ = 0;              // batches of the plan
  bool is_at_end_ = false;             // of an epoch, behind the window
  std::uint64_t read_ = 0, made_ = 0;  // examples and batches of the epoch
  bool is_from_the_start_ = true;      // of the epoch, so that both counts are complete
};

// Batches that are made ahead by a thread of their own, so that the next one is there when it is asked for.
class Prefetcher {
 public:
  explicit Prefetcher(std::unique_ptr<Batches> batches, std::size_t ahead = 4);
  // As Batches::next; position() is that of what was given, not of what was made.
  bool next(Batch& batch);
  DataPosition position() const noexcept { return position_; }
  void seek(const DataPosition& position);

 private:
  std::unique_ptr<Batches> batches_;
  DataPosition position_;
  Ahead<Batch, Batch> ahead_;  // last: its thread uses what stands above
};

}  // namespace lyceum
