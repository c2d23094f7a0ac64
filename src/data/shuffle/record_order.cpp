#include "data/shuffle/record_order.h"

#include <numeric>
#include <utility>

#include "base/error.h"
#include "data/shuffle/random_streams.h"

namespace lyceum {
namespace {

std::uint64_t cost(const Record& record) { return record.bytes.size() + sizeof(Record); }

}  // namespace

RecordOrder::RecordOrder(std::shared_ptr<const RecordFiles> files, const RecordOrderOptions& options)
    : files_(std::move(files)), options_(options) {
  const DataPart& part = options_.part;
  if (part.count == 0 || part.index >= part.count)
    fail(Errc::kUsage, "data: found part {} of {}, expected 0 to {}", part.index, part.count,
         part.count == 0 ? 0 : part.count - 1);
}

void RecordOrder::begin(std::uint64_t epoch) {
  epoch_ = epoch;
  index_ = 0;
  has_begun_ = true;
  next_file_ = 0;
  reader_.reset();
  waiting_.clear();
  waiting_bytes_ = 0;
  file_order_.resize(files_->count());
  std::iota(file_order_.begin(), file_order_.end(), 0u);
  if (!options_.shuffle) return;
  Random random = random_stream(options_.seed, RandomUse::kFileOrder, epoch);
  for (std::size_t i = file_order_.size(); i > 1; --i)
    std::swap(file_order_[i - 1], file_order_[random.below(static_cast<std::uint32_t>(i))]);
  random_ = random_stream(options_.seed, RandomUse::kRecordOrder, epoch);
}

bool RecordOrder::read(Record& record) {
  while (true) {
    if (reader_ == nullptr) {
      if (next_file_ == file_order_.size()) return false;
      reader_ = files_->open(file_order_[next_file_]);
    }
    if (reader_->next(record)) {
      record.file = file_order_[next_file_];
      return true;
    }
    reader_.reset();
    ++next_file_;
  }
}

bool RecordOrder::draw(Record& record) {
  if (!options_.shuffle) return read(record);
  while (waiting_.empty() || waiting_bytes_ < options_.shuffle_bytes) {
    Record fresh;
    if (!read(fresh)) break;
    waiting_bytes_ += cost(fresh);
    waiting_.push_back(std::move(fresh));
  }
  if (waiting_.empty()) return false;
  std::swap(waiting_[random_->below(static_cast<std::uint32_t>(waiting_.size()))], waiting_.back());
  record = std::move(waiting_.back());
  waiting_.pop_back();
  waiting_bytes_ -= cost(record);
  return true;
}

bool RecordOrder::next(Record& record) {
  if (!has_begun_) begin(epoch_);
  while (draw(record))
    if (index_++ % options_.part.count == options_.part.index) return true;
  if (index_ == 0) fail(Errc::kData, "data: found no record in {}, expected at least one", files_->names());
  ++epoch_;
  index_ = 0;
  has_begun_ = false;
  return false;
}

RecordPosition RecordOrder::position() const noexcept {
  const std::uint64_t n = options_.part.count;
  return {epoch_, (index_ + n - 1) / n * n};
}

void RecordOrder::seek(const RecordPosition& position) {
  if (!has_begun_ || epoch_ != position.epoch || index_ > position.record) begin(position.epoch);
  Record skipped;
  while (index_ < position.record && draw(skipped)) ++index_;
}

}  // namespace lyceum
