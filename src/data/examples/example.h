// What a model is trained on, and how a stream of it is read.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace lyceum {

constexpr std::int64_t kIgnoredLabel = -100;  // a position without a label

// One or several sequences of tokens with their labels. Not padded: the sequences stand one after another.
struct Example {
  std::vector<std::int32_t> ids, types;  // types: as long as ids, or empty where all are 0
  std::vector<std::int64_t> begins{
      0};  // of each sequence; the last one ends with ids. No sequence sees another
  // With has_token_labels that of each token: what a model should say at that position, so nothing is shifted
  // afterwards. Else one class; or the first and last token of an answer; or the index of a choice.
  std::vector<std::int64_t> labels;
  bool has_token_labels = false;
  std::vector<float> numbers;  // a score, several targets, or 0 and 1 for each label of a multi-label example
  std::int64_t next_sentence = kIgnoredLabel;  // BERT's pairs: 0 is next, 1 is random
  std::vector<std::uint64_t> texts;  // a hash of each sequence's text, where batches must not repeat one
  std::uint64_t id =
      0;  // of the place in the data it is made from, the same in every epoch: for random numbers
  std::uint64_t epoch = 0;
  std::string where;  // "FILE: line N", for messages
  bool is_truncated = false;

  std::int64_t sequences() const noexcept { return static_cast<std::int64_t>(begins.size()); }
  std::int64_t tokens() const noexcept { return static_cast<std::int64_t>(ids.size()); }
  bool operator==(const Example&) const = default;
};

// Where the next example begins: in which epoch, at which record of the stream, and at which piece of what is
// made of the record (a token, a window, a pair, as the builder counts). `batch`: batches from there on that
// are behind us.
struct DataPosition {
  std::uint64_t epoch = 0, record = 0, piece = 0, batch = 0;
  bool operator==(const DataPosition&) const = default;
};

// What was read so far, across epochs; after a seek only what came after it.
struct DataCounts {
  std::uint64_t records = 0, bad_records = 0, examples = 0, truncated = 0;
  std::string first_bad;  // the message of the first bad record
};

// A stream of examples. Used by one thread at a time.
class ExampleBuilder {
 public:
  virtual ~ExampleBuilder() = default;
  // False at the end of an epoch; the call after that begins the next one, or is false again where the epochs
  // were limited. Throws Errc::kData for a record that is wrong, with its place.
  virtual bool next(Example& example) = 0;
  // Where the stream goes on after what next() gave. seek() to it, in a builder of the same options over the
  // same files, continues with the same examples. The records before are read, and not tokenised.
  virtual DataPosition position() const = 0;
  virtual void seek(const DataPosition& position) = 0;
  virtual const DataCounts& counts() const = 0;
};

}  // namespace lyceum
