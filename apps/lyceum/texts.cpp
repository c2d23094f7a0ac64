#include "apps/lyceum/texts.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "base/utf8.h"

namespace lyceum::app {

std::string byte_text(std::uint64_t bytes) {
  const auto value = static_cast<double>(bytes);
  if (bytes >= 1'000'000'000) return fmt::format("{:.1f} GB", value / 1e9);
  if (bytes >= 1'000'000) return fmt::format("{:.1f} MB", value / 1e6);
  if (bytes >= 1'000) return fmt::format("{:.1f} kB", value / 1e3);
  return fmt::format("{} bytes", bytes);
}

std::string duration_text(double seconds) {
  constexpr double kLongest = 1e12;
  const auto whole = static_cast<std::int64_t>(std::round(std::clamp(seconds, 0.0, kLongest)));
  if (whole < 100) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{} min {} s", whole / 60, whole % 60);
  if (whole < 48 * 3600) return fmt::format("{} h {} min", whole / 3600, whole / 60 % 60);
  return fmt::format("{} d {} h", whole / 86400, whole / 3600 % 24);
}

std::string shortened(std::string_view text, std::size_t characters) {
  std::string out;
  for (; characters > 0 && !text.empty(); --characters) {
    const Utf8Char c = decode_utf8(text);
    append_utf8(out, c.code < 32 || c.code == 127 ? U' ' : c.code);
    text.remove_prefix(static_cast<std::size_t>(c.bytes));
  }
  return out;
}

}  // namespace lyceum::app
