// Shape comments that run: the first use of a letter binds it, later uses must agree.
//
//   Legend d("linear");
//   d.bind("x", x.shape(), "T C");     // T: tokens of the packed batch
//   d.bind("w", w.shape(), "D C");     // linear: w is [512, 64], expected [D, C] with C = 768 as bound by x
//
// A word is a letter, a number, or a number before a letter ("3C"). Nothing is allocated when all is well.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "tensor/shape.h"

namespace lyceum {

class Legend {
 public:
  explicit constexpr Legend(std::string_view where) : where_(where) {}
  // Throws Errc::kData. The name must outlive the legend (a literal).
  void bind(std::string_view name, const Shape& shape, std::string_view pattern);
  void set(char letter, std::int64_t size, std::string_view source);
  std::int64_t operator[](char letter) const { return slot(letter).size; }

 private:
  struct Slot {
    std::int64_t size = -1;
    std::string_view source;
  };
  const Slot& slot(char letter) const { return slots_[static_cast<std::size_t>((letter & 31))]; }
  [[noreturn]] void reject(std::string_view name, const Shape& shape, std::string_view pattern) const;
  std::string_view where_;
  std::array<Slot, 32> slots_{};
};

}  // namespace lyceum
