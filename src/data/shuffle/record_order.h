// The order in which the records of a data set are seen: as they lie, or shuffled anew in every epoch.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/random.h"
#include "data/records/record_files.h"

namespace lyceum {

// One of several processes that share the records.
struct DataPart {
  std::uint64_t index = 0, count = 1;
};

struct RecordOrderOptions {
  bool shuffle = true;
  std::uint64_t seed = 0;
  std::uint64_t shuffle_bytes = std::uint64_t{1} << 28;  // of records that wait to be drawn
  DataPart part;
};

// Where in the data a process is: `record` counts those of the whole stream, whatever the part.
struct RecordPosition {
  std::uint64_t epoch = 0, record = 0;
  bool operator==(const RecordPosition&) const = default;
};

// Shuffled, the order depends on (seed, epoch, files, shuffle_bytes) and nothing else. The files are
// permuted, and their records go through a buffer: once it holds shuffle_bytes (or the one record that is
// larger), a random one of it is given and others are read in its place. Where the whole data set fits, that
// is a uniform permutation.
//
// Part r of n takes the records of the stream whose index in the epoch is r modulo n, so that n parts
// together see what one sees.
class RecordOrder {
 public:
  // Throws Errc::kUsage for a part that is none.
  RecordOrder(std::shared_ptr<const RecordFiles> files, const RecordOrderOptions& options);

  // False at the end of an epoch; the call after that begins the next one. Throws what RecordReader::next
  // does, and Errc::kData for an epoch without any record.
  bool next(Record& record);
  // Where the part goes on, at the first of a round of all parts: parts that took equally many records are at
  // the same position, and any number of parts can go on from there.
  RecordPosition position() const noexcept;
  // The records until there are read, and not looked into. A position behind the end of an epoch is its end.
  void seek(const RecordPosition& position);

  const RecordFiles& files() const noexcept { return *files_; }

 private:
  void begin(std::uint64_t epoch);
  bool read(Record& record);  // the next one of the files in their order
  bool draw(Record& record);  // the next one of the stream
  std::shared_ptr<const RecordFiles> files_;
  RecordOrderOptions options_;
  std::uint64_t epoch_ = 0, index_ = 0;  // index_: of the stream, the next one
  bool has_begun_ = false;
  std::vector<std::uint32_t> file_order_;
  std::size_t next_file_ = 0;
  std::unique_ptr<RecordReader> reader_;
  std::optional<Random> random_;
  std::vector<Record> waiting_;
  std::uint64_t waiting_bytes_ = 0;
};

}  // namespace lyceum
