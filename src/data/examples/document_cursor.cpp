#include "data/examples/document_cursor.h"

#include <utility>

#include "base/error.h"

namespace lyceum {

bool DocumentCursor::find_token() {
  while (!is_inside()) {
    if (current_.ends_epoch) return false;
    const RecordPosition end = current_.after;
    if (!documents_.next(current_)) {  // all epochs are over
      current_ = {};
      current_.at = current_.after = end;
      current_.ends_epoch = true;
    }
    offset_ = std::exchange(wanted_, 0);
    if (offset_ > current_.out.ids.size() && !current_.ends_epoch)
      fail(Errc::kData,
           "{}: found {} tokens, expected to go on at token {}. Fix: the data has changed; restart",
           current_.where, current_.out.ids.size(), offset_);
  }
  return true;
}

void DocumentCursor::begin(Example& example) const {
  example.id = mixed_bits(current_.id, offset_);
  example.epoch = current_.at.epoch;
  example.where = current_.where;
}

DataPosition DocumentCursor::position() const noexcept {
  if (is_inside()) return {.epoch = current_.at.epoch, .record = current_.at.record, .piece = offset_};
  const RecordPosition& at = current_.ends_epoch ? current_.at : current_.after;
  return {.epoch = at.epoch, .record = at.record, .piece = wanted_};
}

void DocumentCursor::seek(const DataPosition& position) {
  documents_.seek({position.epoch, position.record});
  current_ = {};
  current_.after = {position.epoch, position.record};
  offset_ = 0;
  wanted_ = static_cast<std::size_t>(position.piece);
}

}  // namespace lyceum
