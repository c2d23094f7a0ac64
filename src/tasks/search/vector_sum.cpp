#include "tasks/search/vector_sum.h"

#include <fmt/core.h>

#include <charconv>
#include <cstring>

#include "base/digest.h"

namespace lyceum {
namespace {

std::array<std::uint64_t, 4> hash(std::int64_t id, const float* vector, std::int64_t width) {
  static thread_local Digest digest(Digest::Kind::kSha256);
  digest.update(&id, sizeof id);
  digest.update(vector, static_cast<std::size_t>(width) * sizeof(float));
  std::array<std::uint64_t, 4> lanes;
  std::memcpy(lanes.data(), digest.bytes().data(), sizeof lanes);
  return lanes;
}

}  // namespace

void VectorSum::add(std::int64_t id, const float* vector, std::int64_t width) {
  const auto lanes = hash(id, vector, width);
  for (std::size_t i = 0; i < lanes.size(); ++i) lanes_[i] += lanes[i];
}

void VectorSum::remove(std::int64_t id, const float* vector, std::int64_t width) {
  const auto lanes = hash(id, vector, width);
  for (std::size_t i = 0; i < lanes.size(); ++i) lanes_[i] -= lanes[i];
}

std::string VectorSum::text() const {
  return fmt::format("{:016x}{:016x}{:016x}{:016x}", lanes_[0], lanes_[1], lanes_[2], lanes_[3]);
}

std::optional<VectorSum> VectorSum::parse(std::string_view text) {
  VectorSum sum;
  if (text.size() != 64) return std::nullopt;
  for (std::size_t i = 0; i < 4; ++i) {
    const char* const begin = text.data() + 16 * i;
    const auto [end, error] = std::from_chars(begin, begin + 16, sum.lanes_[i], 16);
    if (error != std::errc() || end != begin + 16) return std::nullopt;
  }
  return sum;
}

}  // namespace lyceum
