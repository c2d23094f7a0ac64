#include "text/windows.h"

#include <algorithm>

#include "base/error.h"

namespace lyceum {

std::vector<std::pair<std::size_t, std::size_t>> windows(std::size_t tokens, std::size_t room,
                                                         std::size_t overlap) {
  if (overlap >= room)
    fail(Errc::kUsage, "windows of {} tokens: found an overlap of {}, expected fewer", room, overlap);
  std::vector<std::pair<std::size_t, std::size_t>> out;
  for (std::size_t begin = 0;; begin += room - overlap) {
    out.emplace_back(begin, std::min(begin + room, tokens));
    if (out.back().second == tokens) return out;
  }
}

Encoding slice(const Encoding& text, std::size_t begin, std::size_t end) {
  const auto part = [&](const auto& from, auto& to) {
    if (!from.empty())
      to.assign(from.begin() + static_cast<std::ptrdiff_t>(begin),
                from.begin() + static_cast<std::ptrdiff_t>(end));
  };
  Encoding out;
  part(text.ids, out.ids);
  part(text.type_ids, out.type_ids);
  part(text.offsets, out.offsets);
  part(text.special, out.special);
  part(text.words, out.words);
  part(text.sequences, out.sequences);
  return out;
}

}  // namespace lyceum
