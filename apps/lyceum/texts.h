// Amounts and texts as people read them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace lyceum::app {

// 1.5 GB, 90.9 MB, 12.0 kB, 7 bytes.
std::string byte_text(std::uint64_t bytes);
// 45 s, 12 min 5 s, 3 h 20 min, 2 d 3 h.
std::string duration_text(double seconds);
// The first characters of a text, control characters as spaces.
std::string shortened(std::string_view text, std::size_t characters);
constexpr std::size_t kShownCharacters = 90;  // of a text in a list

}  // namespace lyceum::app
