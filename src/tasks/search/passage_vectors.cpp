#include "tasks/search/passage_vectors.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "kernels/dot.h"

namespace lyceum {
namespace {

constexpr std::int64_t kBlockRows = 4096;

}  // namespace

PassageVectors::PassageVectors(const IndexStore& store)
    : store_(store), one_(store.statement("SELECT vector FROM chunks WHERE id = ?")) {}

void PassageVectors::forget() {
  version_ = -1;
  forget_rows();
}

void PassageVectors::forget_rows() {
  knows_rows_ = all_ = false;
  ids_.clear();
  slots_.clear();
  blocks_.clear();
  used_ = 0;
}

bool PassageVectors::refresh() {
  // the first query of a transaction takes the lock; the version is that of what the lock protects
  store_.number("SELECT count(*) FROM meta");
  const std::int64_t version = store_.number("PRAGMA data_version");
  if (version == version_) return false;
  forget();
  version_ = version;
  return true;
}

void PassageVectors::know_rows(std::vector<std::int64_t> ids) {
  ids_ = std::move(ids);
  slots_.assign(ids_.size(), nullptr);
  knows_rows_ = true;
}

bool PassageVectors::load_all() {
  if (all_) return true;
  if (!knows_rows_) {
    std::vector<std::int64_t> ids;
    Statement s = store_.statement("SELECT id FROM chunks");  // by the smallest index that has it
    while (s.step()) ids.push_back(s.integer(0));
    std::sort(ids.begin(), ids.end());
    know_rows(std::move(ids));
  }
  Statement s = store_.statement("SELECT id, vector FROM chunks ORDER BY id");
  std::int64_t row = 0;
  for (; s.step(); ++row) {
    if (row >= rows() || id(row) != s.integer(0)) return false;
    if (slots_[static_cast<std::size_t>(row)] == nullptr) keep(row, s, 1);
  }
  all_ = row == rows();
  return all_;
}

// A slot belongs to the row when its vector was found to be in order.
void PassageVectors::keep(std::int64_t row, const Statement& from, int column) {
  if (used_ == static_cast<std::int64_t>(blocks_.size()) * kBlockRows)
    blocks_.push_back(Tensor::empty({std::min(kBlockRows, rows() - used_), store_.width()}));
  float* const slot = blocks_.back().mutable_row<float>(used_ % kBlockRows);
  store_.copy_vector(from, column, id(row), slot);
  slots_[static_cast<std::size_t>(row)] = slot;
  ++used_;
}

const float* PassageVectors::vector(std::int64_t row) {
  const auto at = static_cast<std::size_t>(row);
  if (slots_[at] != nullptr) return slots_[at];
  struct Reset {
    Statement& statement;
    ~Reset() { statement.reset(); }
  } const reset{one_};
  one_.bind(1, id(row));
  if (!one_.step()) fail(Errc::kFormat, "{}: passage {} is missing", store_.where(), id(row));
  keep(row, one_, 0);
  return slots_[at];
}

std::optional<std::int64_t> PassageVectors::row_of(std::int64_t id) const {
  const auto it = std::lower_bound(ids_.begin(), ids_.end(), id);
  if (it == ids_.end() || *it != id) return std::nullopt;
  return it - ids_.begin();
}

void Cosines::ask(const float* query) {
  query_ = query;
  own_ = length(query);
}

float Cosines::between(std::int64_t row, std::int64_t other) const {
  const float* const a = vectors_.vector(row);
  return cosine(a, length(a), vectors_.vector(other));
}

float Cosines::length(const float* v) const {
  return is_normalized_ ? 1.0f : std::sqrt(kernels::dot(v, v, width_));
}

float Cosines::cosine(const float* a, float length_of_a, const float* b) const {
  const float product = kernels::dot(a, b, width_);
  return is_normalized_ ? product : product / std::max(1e-12f, length_of_a * length(b));
}

}  // namespace lyceum
