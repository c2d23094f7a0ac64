// Arrays on their way between the processes of a run, each under a number: large ones in pieces, so that the
// receiver can begin before the sender has ended and no message grows with a model; small ones together.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/function_ref.h"
#include "ranks/ranks.h"

namespace lyceum {

// O: bytes of a message. Above it a network does not become faster, and the last one of a step has nothing
// to hide behind.
constexpr std::size_t kMailBytes = std::size_t{1} << 20;

class ArrayMail {
 public:
  ArrayMail(Ranks& ranks, Ranks::Message kind);

  // Copies the bytes; they leave when a message is full, or with flush(). Never waits.
  void send(int to, std::uint32_t number, std::span<const std::byte> bytes);
  // Says that there is no such array here.
  void send_absence(int to, std::uint32_t number);
  void flush();

  // Takes what has come, without waiting; false: nothing. place(from, number, bytes) gives the room for a
  // whole array, always the same; done(from, number, is_there) follows when it is complete.
  bool receive(FunctionRef<std::byte*(int from, std::uint32_t number, std::uint64_t bytes)> place,
               FunctionRef<void(int from, std::uint32_t number, bool is_there)> done);

 private:
  struct Piece;
  void put(int to, const Piece& piece, const std::byte* bytes);
  void post(int to);
  Ranks& ranks_;
  Ranks::Message kind_;
  std::vector<std::string> open_;  // messages that are not full, one a rank
};

}  // namespace lyceum
