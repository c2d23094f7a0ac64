#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "check/gradcheck.h"
#include "check/reference_case.h"
#include "kernels/narrow/narrow.h"
#include "ops/attention/attention.h"
#include "tensor/tape.h"

namespace lyceum {
namespace {

using check::random_tensor;

struct ByteCase {
  std::vector<std::int64_t> queries, keys;
  std::int64_t heads, kv_heads, width, value_width;
  std::int64_t bias_reach = -1;  // none
};
// Around every edge: of vectors, groups of 16 columns, steps of 64 bytes, blocks of 48 rows, of depth (768,
// 1024).
const ByteCase kCases[] = {{{1}, {1}, 1, 1, 1, 1},
                           {{3, 15, 0, 16, 17}, {3, 15, 0, 16, 17}, 3, 3, 20, 20},
                           {{130, 47, 64, 65}, {130, 47, 64, 65}, 2, 2, 32, 32},
                           {{6, 80, 1}, {90, 11, 63}, 6, 2, 12, 24},
                           {{97}, {1100}, 1, 1, 130, 33},
                           {{49}, {770}, 2, 1, 64, 64},
                           {{70, 3, 20}, {70, 9, 4}, 2, 2, 16, 16, 10},
                           {{5}, {5}, 1, 1, 8, 8, 0}};

struct Inputs {
  explicit Inputs(const ByteCase& c)
      : queries(SequenceLayout::from_lengths(c.queries)),
        keys(SequenceLayout::from_lengths(c.keys)),
        spec{.heads = c.heads, .kv_heads = c.kv_heads, .int8 = true},
        q(random_tensor({queries.tokens(), c.heads * c.width}, 1, -2, 2)),
        k(random_tensor({keys.tokens(), c.kv_heads * c.width}, 2, -2, 4)),
        v(random_tensor({keys.tokens(), c.kv_heads * c.value_width}, 3)) {
    if (c.bias_reach >= 0) spec.relative_bias = random_tensor({c.heads, 2 * c.bias_reach + 1}, 5);
  }
  Tensor run() const { return attention(q, k, v, queries, keys, spec); }
  SequenceLayout queries, keys;
  AttentionSpec spec;
  Tensor q, k, v;
};

std::vector<double> bytes_of(std::vector<float> x) {
  std::vector<std::int8_t> q(x.size());
  const float scale = kernels::quantize_row(x.data(), static_cast<std::int64_t>(x.size()), q.data());
  std::vector<double> out(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) out[i] = static_cast<double>(q[i]) * static_cast<double>(scale);
  return out;
}

// The rule as attention_int8.h states it, one output at a time.
Tensor definition(const ByteCase& c, const Inputs& in) {
  Tensor out = Tensor::zeros({in.queries.tokens(), c.heads * c.value_width});
  for (std::int64_t s = 0; s < in.keys.sequences(); ++s)
    for (std::int64_t h = 0; h < c.heads; ++h) {
      const std::int64_t g = h / (c.heads / c.kv_heads), n = in.keys.length(s);
      std::vector<std::vector<double>> keys, values;
      std::vector<float> mean(static_cast<std::size_t>(c.width), 0.0f);
      const auto key = [&](std::int64_t j) { return in.k.row<float>(in.keys.begin(s) + j) + g * c.width; };
      for (std::size_t i = 0; i < mean.size(); ++i) {
        for (std::int64_t j = 0; j < n; ++j) mean[i] += key(j)[i];
        mean[i] *= 1.0f / static_cast<float>(n);
      }
      for (std::int64_t j = 0; j < n; ++j) {
        std::vector<float> row(mean.size());
        for (std::size_t i = 0; i < row.size(); ++i) row[i] = key(j)[i] - mean[i];
        keys.push_back(bytes_of(row));
      }
      for (std::int64_t d = 0; d < c.value_width; ++d) {
        std::vector<float> column;
        for (std::int64_t j = 0; j < n; ++j)
          column.push_back(in.v.row<float>(in.keys.begin(s) + j)[g * c.value_width + d]);
        values.push_back(bytes_of(column));
      }
      for (std::int64_t m = in.queries.begin(s); m < in.queries.end(s); ++m) {
        const float* row = in.q.row<float>(m) + h * c.width;
        const std::vector<double> query = bytes_of({row, row + c.width});
        std::vector<double> score;
        double most = -1e300, total = 0;
        for (const auto& k : keys) {
          double sum = 0;
          for (std::size_t i = 0; i < query.size(); ++i) sum += query[i] * k[i];
          score.push_back(sum / std::sqrt(static_cast<double>(c.width)));
          if (c.bias_reach >= 0) {
            const std::int64_t place = m - in.queries.begin(s) + n - in.queries.length(s),
                               distance = static_cast<std::int64_t>(score.size()) - 1 - place;
            score.back() += static_cast<double>(in.spec.relative_bias.row<float>(
                h)[std::clamp(distance, -c.bias_reach, c.bias_reach) + c.bias_reach]);
          }
          most = std::max(most, score.back());
        }
        for (double& p : score) total += p = std::nearbyint(65535 * std::exp(p - most));
        for (std::int64_t d = 0; d < c.value_width; ++d) {
          double sum = 0;
          for (std::size_t j = 0; j < score.size(); ++j)
            sum += score[j] * values[static_cast<std::size_t>(d)][j];
          out.mutable_row<float>(m)[h * c.value_width + d] = static_cast<float>(sum / total);
        }
      }
    }
  return out;
}

// What is left is the exponential's rounding, which now and then moves a probability by 1 / 65535.
TEST(AttentionInt8, IsItsDefinitionAndNearTheExactOne) {
  for (const ByteCase& c : kCases) {
    const Inputs in(c);
    const Tensor out = in.run();
    EXPECT_LT(check::difference(out, definition(c, in)), 3e-5) << c.queries[0] << "x" << c.keys[0];
    const Tensor exact = attention_definition(in.q, in.k, in.v, in.queries, in.keys, in.spec);
    EXPECT_LT(check::difference(out, exact), 0.03) << c.queries[0] << "x" << c.keys[0];
    EXPECT_EQ(check::same_bits(out, exact).empty(), c.keys[0] == 1);
  }
}

TEST(AttentionInt8, HasTheSameBitsForEveryThreadCountAndInstructionSet) {
  for (const ByteCase& c : kCases)
    EXPECT_EQ(check::same_bits_everywhere([&] { return std::vector{Inputs(c).run()}; }), "") << c.keys[0];
}

TEST(AttentionInt8, ARowDoesNotDependOnItsNeighboursNorOnStrides) {
  const ByteCase& c = kCases[2];
  const Inputs in(c);
  const std::int64_t one[] = {47};
  const SequenceLayout alone = SequenceLayout::from_lengths(one);
  const Tensor all = in.run();
  const auto part = [](const Tensor& t) { return t.row_range(130, 177); };
  EXPECT_EQ(check::same_bits(part(all), attention(part(in.q), part(in.k), part(in.v), alone, alone, in.spec)),
            "");
  EXPECT_EQ(check::same_bits(all, attention(check::strided(in.q), check::strided(in.k), check::strided(in.v),
                                            in.queries, in.keys, in.spec)),
            "");
}

// One large probability and many that one byte would round to nothing: half of the sum.
TEST(AttentionInt8, KeepsManySmallProbabilities) {
  const std::int64_t keys[] = {401}, one[] = {1};
  Tensor q = Tensor::full({1, 4}, 1.0f), k = Tensor::zeros({401, 4}), v = Tensor::full({401, 4}, 1.0f);
  for (int i = 0; i < 4; ++i) {
    k.mutable_row<float>(0)[i] = std::log(400.0f) / 2;  // times 4, over sqrt(4)
    v.mutable_row<float>(0)[i] = -1.0f;
  }
  const Tensor out = attention(q, k, v, SequenceLayout::from_lengths(one), SequenceLayout::from_lengths(keys),
                               {.int8 = true});
  EXPECT_NEAR(out.row<float>(0)[0], 0.0f, 0.01f);
}

TEST(AttentionInt8, WhatIsNotFiniteStaysWhereItIs) {
  const ByteCase c{{40, 20}, {40, 20}, 2, 2, 16, 16};
  const auto nans = [&](const Inputs& in, std::int64_t row, std::int64_t column) {
    return std::isnan(in.run().row<float>(row)[column]);
  };
  for (const float bad : {NAN, INFINITY}) {
    Inputs query(c), key(c), value(c);
    query.q.mutable_row<float>(7)[3] = bad;  // row 7 of head 0
    EXPECT_TRUE(nans(query, 7, 0) && nans(query, 7, 15));
    EXPECT_FALSE(nans(query, 7, 16) || nans(query, 6, 0) || nans(query, 8, 0));
    key.k.mutable_row<float>(7)[3] = bad;  // head 0 of the first sequence
    EXPECT_TRUE(nans(key, 0, 0) && nans(key, 39, 15));
    EXPECT_FALSE(nans(key, 0, 16) || nans(key, 40, 0));
    value.v.mutable_row<float>(7)[3] = bad;  // its column
    EXPECT_TRUE(nans(value, 0, 3) && nans(value, 39, 3));
    EXPECT_FALSE(nans(value, 0, 2) || nans(value, 0, 4) || nans(value, 40, 3));
  }
}

TEST(AttentionInt8, PlacesWithoutHolesAreNone) {
  const std::int64_t lengths[] = {20, 12};
  const SequenceLayout layout = SequenceLayout::from_lengths(lengths);
  const Tensor q = random_tensor({32, 16}, 1), k = random_tensor({32, 16}, 2), v = random_tensor({32, 16}, 3);
  AttentionSpec spec{.heads = 2, .relative_bias = random_tensor({2, 9}, 5), .int8 = true};
  const Tensor without = attention(q, k, v, layout, layout, spec);
  for (std::int32_t t = 0; t < 32; ++t) spec.bias_places.push_back(t < 20 ? t + t / 7 : t - 15);
  AttentionSpec f32 = spec;
  f32.int8 = false;
  const Tensor with = attention(q, k, v, layout, layout, spec),
               exact = attention(q, k, v, layout, layout, f32);
  EXPECT_EQ(check::same_bits(with.row_range(20, 32), without.row_range(20, 32)), "");
  EXPECT_EQ(check::same_bits(with.row_range(0, 20), exact.row_range(0, 20)), "") << "holes are done in f32";
}

TEST(AttentionInt8, WhatItIsNotMadeForIsDoneInF32) {
  const std::int64_t lengths[] = {30};
  const SequenceLayout layout = SequenceLayout::from_lengths(lengths);
  const Tensor q = random_tensor({30, 16}, 1), k = random_tensor({30, 16}, 2), v = random_tensor({30, 16}, 3);
  for (AttentionSpec spec : {AttentionSpec{.heads = 2, .right = 0}, AttentionSpec{.heads = 2, .left = 9},
                             AttentionSpec{.heads = 2, .softcap = 2.0f},
                             AttentionSpec{.heads = 2, .slopes = random_tensor({2}, 5)},
                             AttentionSpec{.heads = 2, .dropout = 0.5f, .seed = 3}}) {
    const Tensor want = attention(q, k, v, layout, layout, spec);
    spec.int8 = true;
    EXPECT_EQ(check::same_bits(attention(q, k, v, layout, layout, spec), want), "");
  }
  Tape tape;
  const Tensor watched = tape.watch(q);
  const Tape::Recording on(tape);
  EXPECT_EQ(check::same_bits(attention(watched, k, v, layout, layout, {.heads = 2, .int8 = true}),
                             attention(watched, k, v, layout, layout, {.heads = 2})),
            "");
}

}  // namespace
}  // namespace lyceum
