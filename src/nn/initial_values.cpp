#include "nn/initial_values.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/parallel.h"
#include "base/random.h"

namespace lyceum {
namespace {

// FNV-1a
std::uint64_t hash_of(const std::string& name) {
  std::uint64_t hash = 0xCBF29CE484222325u;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3u;
  return hash;
}

// ln x of a normal number, in additions, products and quotients only, so that its bits are nobody's choice:
// x = m 2^e with m in [1/sqrt 2, sqrt 2), ln m = 2 (z + z^3/3 + z^5/5 + ...), z = (m - 1) / (m + 1), |z| <
// 0.172: what follows z^21 is below 2^-54.
double natural_log(double x) {
  const auto bits = std::bit_cast<std::uint64_t>(x);
  auto exponent = static_cast<std::int64_t>(bits >> 52) - 1023;
  double m = std::bit_cast<double>((bits & 0xFFFFFFFFFFFFFu) | 0x3FF0000000000000u);
  if (m > 1.4142135623730951) {
    m *= 0.5;
    ++exponent;
  }
  const double z = (m - 1) / (m + 1), square = z * z;
  double sum = 0;
  for (int n = 21; n >= 1; n -= 2) sum = sum * square + 1.0 / n;
  return static_cast<double>(exponent) * 0.6931471805599453 + 2 * z * sum;
}

// Two independent normal numbers (Marsaglia's polar method); draws from a stream of the pair's own.
std::pair<double, double> normal_pair(std::uint64_t key, std::uint64_t pair) {
  const auto signed_unit = [](std::uint32_t high, std::uint32_t low) {
    const std::uint64_t bits = (std::uint64_t{high} << 32 | low) >> 11;
    return static_cast<double>(bits) * 0x1p-52 - 1.0;
  };
  for (std::uint64_t attempt = 0;; ++attempt) {
    const PhiloxBlock block = philox(key, pair, attempt);
    const double u = signed_unit(block[0], block[1]), v = signed_unit(block[2], block[3]);
    const double square = u * u + v * v;
    if (square >= 1 || square < 1e-280) continue;
    const double factor = std::sqrt(-2 * natural_log(square) / square);
    return {u * factor, v * factor};
  }
}

std::uint64_t key_of(std::uint64_t seed, const std::string& name) {
  const PhiloxBlock mixed = philox(seed, hash_of(name), 0x696E697469616C);  // "initial" in ASCII
  return std::uint64_t{mixed[1]} << 32 | mixed[0];
}

}  // namespace

Tensor initial_linear(const std::string& name, const Shape& shape, std::int64_t inputs, std::uint64_t seed) {
  const std::uint64_t key = key_of(seed, name);
  const float bound = 1 / std::sqrt(static_cast<float>(inputs));
  Tensor out = Tensor::empty(shape);
  for (std::int64_t i = 0; i < out.elements(); ++i)
    out.mutable_data<float>()[i] =
        bound * (2 * unit_float(philox(key, static_cast<std::uint64_t>(i), 0)[0]) - 1);
  return out;
}

Tensor initial_value(const std::string& name, const Shape& shape, const InitialValues& values) {
  if (shape.dims() < 2) {
    const bool is_bias = name.ends_with("bias") || name.ends_with("beta");
    return Tensor::full(shape, is_bias ? 0.0f : 1.0f);
  }
  const double deviation = values.deviation_of == nullptr
                               ? values.deviation
                               : values.deviation_of(name, values.deviation, values.layers);
  const std::uint64_t key = key_of(values.seed, name);
  Tensor out = Tensor::empty(shape);
  float* to = out.mutable_data<float>();
  const std::int64_t count = out.elements();
  parallel_for((count + 1) / 2, 1 << 12, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t pair = begin; pair < end; ++pair) {
      const auto [first, second] = normal_pair(key, static_cast<std::uint64_t>(pair));
      to[2 * pair] = static_cast<float>(first * deviation);
      if (2 * pair + 1 < count) to[2 * pair + 1] = static_cast<float>(second * deviation);
    }
  });
  if (values.padding_id >= 0 && values.padding_id < shape[0] && name.ends_with("word_embeddings.weight"))
    std::fill_n(out.mutable_row<float>(values.padding_id), shape[1], 0.0f);
  return out;
}

}  // namespace lyceum
