#include "ranks/array_mail.h"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

#include "base/error.h"

namespace lyceum {

// Followed by its bytes. Those of one array come in order from one rank.
struct ArrayMail::Piece {
  std::uint64_t all = 0, begin = 0, bytes = 0;
  std::uint32_t number = 0, is_there = 1;
};

ArrayMail::ArrayMail(Ranks& ranks, Ranks::Message kind)
    : ranks_(ranks), kind_(kind), open_(static_cast<std::size_t>(ranks.size())) {}

void ArrayMail::put(int to, const Piece& piece, const std::byte* bytes) {
  std::string& message = open_[static_cast<std::size_t>(to)];
  if (message.empty()) message.reserve(kMailBytes);
  message.append(reinterpret_cast<const char*>(&piece), sizeof piece);
  if (piece.bytes > 0) message.append(reinterpret_cast<const char*>(bytes), piece.bytes);
  if (message.size() + sizeof piece >= kMailBytes) post(to);
}

void ArrayMail::post(int to) {
  std::string& message = open_[static_cast<std::size_t>(to)];
  if (!message.empty()) ranks_.send(to, kind_, std::exchange(message, {}));
}

void ArrayMail::send(int to, std::uint32_t number, std::span<const std::byte> bytes) {
  Piece piece{.all = bytes.size(), .number = number};
  do {
    const std::size_t room = kMailBytes - sizeof piece - open_[static_cast<std::size_t>(to)].size();
    piece.bytes = std::min<std::uint64_t>(room, bytes.size() - piece.begin);
    put(to, piece, bytes.data() + piece.begin);
    piece.begin += piece.bytes;
  } while (piece.begin < piece.all);
}

void ArrayMail::send_absence(int to, std::uint32_t number) {
  put(to, {.number = number, .is_there = 0}, nullptr);
}

void ArrayMail::flush() {
  for (int to = 0; to < ranks_.size(); ++to) post(to);
}

bool ArrayMail::receive(FunctionRef<std::byte*(int, std::uint32_t, std::uint64_t)> place,
                        FunctionRef<void(int, std::uint32_t, bool)> done) {
  std::string message;
  int from = 0;
  if (!ranks_.receive(kind_, message, from)) return false;
  for (std::string_view rest = message; !rest.empty();) {
    Piece piece;
    const bool has_head = rest.size() >= sizeof piece;
    if (has_head) std::memcpy(&piece, rest.data(), sizeof piece);
    if (!has_head || piece.bytes > rest.size() - sizeof piece || piece.begin > piece.all ||
        piece.bytes > piece.all - piece.begin)
      fail(Errc::kInternal, "array mail: found {} bytes that are no piece of an array", rest.size());
    rest.remove_prefix(sizeof piece);
    if (piece.is_there != 0) {
      std::byte* const room = place(from, piece.number, piece.all);
      if (piece.bytes > 0) std::memcpy(room + piece.begin, rest.data(), piece.bytes);
      rest.remove_prefix(piece.bytes);
    }
    if (piece.begin + piece.bytes == piece.all) done(from, piece.number, piece.is_there != 0);
  }
  return true;
}

}  // namespace lyceum
