// Sixteen-bit floating point: widened exactly, rounded to the nearest with ties to even.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace lyceum::kernels {

enum class Half : std::uint8_t { kF16, kBF16 };

inline float bf16_to_f32(std::uint16_t h) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(h) << 16);
}

inline std::uint16_t f32_to_bf16(float f) {
  const auto u = std::bit_cast<std::uint32_t>(f);
  if ((u & 0x7FFFFFFFu) > 0x7F800000u) return static_cast<std::uint16_t>((u >> 16) | 0x40u);  // a quiet NaN
  return static_cast<std::uint16_t>((u + 0x7FFFu + ((u >> 16) & 1u)) >> 16);
}

inline float f16_to_f32(std::uint16_t h) {
  const std::uint32_t sign = static_cast<std::uint32_t>(h & 0x8000u) << 16, rest = h & 0x7FFFu;
  if (rest >= 0x7C00u) return std::bit_cast<float>(sign | 0x7F800000u | (rest & 0x3FFu) << 13);
  if (rest >= 0x0400u) return std::bit_cast<float>(sign | ((rest << 13) + (112u << 23)));
  return std::bit_cast<float>(
      sign | std::bit_cast<std::uint32_t>(static_cast<float>(rest) * 0x1p-24f));  // subnormal
}

inline std::uint16_t f32_to_f16(float f) {
  const auto u = std::bit_cast<std::uint32_t>(f);
  const auto sign = static_cast<std::uint16_t>((u >> 16) & 0x8000u);
  const std::uint32_t a = u & 0x7FFFFFFFu;
  const auto with = [sign](std::uint32_t bits) { return static_cast<std::uint16_t>(sign | bits); };
  if (a > 0x7F800000u) return with(0x7E00u);
  if (a >= 0x477FF000u) return with(0x7C00u);  // 65520 and more round to infinity
  if (a < 0x38800000u) {                       // below 2^-14: multiples of 2^-24, rounded by the addition
    const float shifted = std::bit_cast<float>(a) + 0.5f;
    return with(std::bit_cast<std::uint32_t>(shifted) - std::bit_cast<std::uint32_t>(0.5f));
  }
  const std::uint32_t rounded = a + 0x0FFFu + ((a >> 13) & 1u);
  return with((rounded - (112u << 23)) >> 13);
}

// `from` may stand at any address.
inline void widen(const std::byte* from, Half half, std::int64_t count, float* to) {
  for (std::int64_t i = 0; i < count; ++i) {
    std::uint16_t h;
    std::memcpy(&h, from + 2 * i, 2);
    to[i] = half == Half::kBF16 ? bf16_to_f32(h) : f16_to_f32(h);
  }
}

}  // namespace lyceum::kernels
