// The vectors of an index in memory, as of one state of the file: all of them, or those that were asked for.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "tasks/search/ann_engine.h"
#include "tasks/search/index_store.h"
#include "tensor/tensor.h"

namespace lyceum {

class PassageVectors {
 public:
  explicit PassageVectors(const IndexStore& store);

  // Inside a transaction. True when somebody wrote to the file since the last call: nothing is known then.
  bool refresh();
  // Our own writes do not count as somebody's.
  void forget();

  // The rows, from a source that belongs to this state; or from the file together with all vectors.
  void know_rows(std::vector<std::int64_t> ids);
  // False when the rows are known and are not those of the file.
  bool load_all();
  void forget_rows();

  std::int64_t rows() const noexcept { return static_cast<std::int64_t>(ids_.size()); }
  std::int64_t id(std::int64_t row) const { return ids_[static_cast<std::size_t>(row)]; }
  std::optional<std::int64_t> row_of(std::int64_t id) const;
  std::span<const std::int64_t> ids() const noexcept { return ids_; }
  // [width]; read from the file the first time, inside a transaction. Stays where it is until forget().
  const float* vector(std::int64_t row);

 private:
  void keep(std::int64_t row, const Statement& from, int column);
  const IndexStore& store_;
  Statement one_;
  std::int64_t version_ = -1;  // of the file; -1: nothing is known
  bool knows_rows_ = false, all_ = false;
  std::vector<std::int64_t> ids_;    // ascending
  std::vector<const float*> slots_;  // of each row; nullptr: not read yet
  std::vector<Tensor> blocks_;       // [kBlockRows, width] each, filled one after another
  std::int64_t used_ = 0;            // slots of all blocks
};

// Cosines between passages and with a question. Vectors of length 1 need no division.
class Cosines {
 public:
  Cosines(PassageVectors& vectors, std::int64_t width, bool is_normalized)
      : vectors_(vectors), width_(width), is_normalized_(is_normalized) {}
  void ask(const float* query);
  // The score of the exact search, whoever asks.
  float to_query(std::int64_t row) const { return cosine(query_, own_, vectors_.vector(row)); }
  float between(std::int64_t row, std::int64_t other) const;

 private:
  float length(const float* v) const;
  float cosine(const float* a, float length_of_a, const float* b) const;
  PassageVectors& vectors_;
  std::int64_t width_;
  bool is_normalized_;
  const float* query_ = nullptr;
  float own_ = 1;
};

// The same as distances.
class CosineDistances final : public AnnDistances {
 public:
  explicit CosineDistances(Cosines& cosines) : cosines_(cosines) {}
  float to_query(std::int64_t row) override { return -cosines_.to_query(row); }
  float between(std::int64_t row, std::int64_t other) override { return -cosines_.between(row, other); }

 private:
  Cosines& cosines_;
};

}  // namespace lyceum
