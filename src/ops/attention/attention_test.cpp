#include "ops/attention/attention.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "check/gradcheck.h"
#include "ops/columns/columns.h"
#include "ops/rows/rows.h"
#include "tensor/tape.h"

namespace lyceum {
namespace {

using check::random_tensor;

struct Case {
  std::string name;
  std::vector<std::int64_t> queries, keys;
  std::int64_t heads, kv_heads, width, value_width;
  AttentionSpec spec;
};

AttentionSpec with_heads(std::int64_t heads, std::int64_t kv_heads, AttentionSpec spec = {}) {
  spec.heads = heads;
  spec.kv_heads = kv_heads;
  return spec;
}

Tensor slopes(std::int64_t heads) {
  Tensor t = Tensor::empty({heads});
  for (std::int64_t h = 0; h < heads; ++h)
    t.mutable_data<float>()[h] = std::exp2(-8.0f * static_cast<float>(h + 1) / static_cast<float>(heads));
  return t;
}

// Every third place is a hole.
std::vector<std::int32_t> places(std::initializer_list<std::int32_t> lengths) {
  std::vector<std::int32_t> all;
  for (const std::int32_t length : lengths)
    for (std::int32_t t = 0; t < length; ++t) all.push_back(t + t / 2);
  return all;
}

std::vector<Case> cases() {
  return {
      {"one key", {1}, {1}, 1, 1, 1, 1, with_heads(1, 0)},
      {"short rows", {3, 17, 0, 5}, {3, 17, 0, 5}, 3, 3, 20, 20, with_heads(3, 0)},
      {"across tiles", {130, 64, 65}, {130, 64, 65}, 2, 2, 32, 32, with_heads(2, 0)},
      {"causal", {70, 9}, {70, 9}, 2, 2, 16, 16, with_heads(2, 0, {.right = 0})},
      {"causal, more keys than queries",
       {5, 1, 66},
       {70, 9, 130},
       2,
       2,
       8,
       8,
       with_heads(2, 0, {.right = 0})},
      {"causal, fewer keys than queries", {12}, {7}, 1, 1, 5, 5, with_heads(1, 0, {.right = 0})},
      {"window", {150}, {150}, 1, 1, 33, 33, with_heads(1, 0, {.left = 20, .right = 3})},
      {"grouped heads, cross, other value width", {6, 80}, {90, 11}, 6, 2, 12, 24, with_heads(6, 2)},
      {"ALiBi", {75}, {75}, 4, 4, 16, 16, with_heads(4, 0, {.right = 0, .slopes = slopes(4)})},
      {"relative bias",
       {75, 4},
       {75, 4},
       2,
       2,
       16,
       16,
       with_heads(2, 0, {.relative_bias = random_tensor({2, 21}, 5)})},
      {"relative bias of places with holes",
       {75, 4},
       {75, 4},
       2,
       2,
       16,
       16,
       with_heads(2, 0, {.relative_bias = random_tensor({2, 21}, 5), .bias_places = places({75, 4})})},
      {"prefix", {30, 80}, {30, 80}, 2, 2, 40, 40, with_heads(2, 0, {.right = 0, .prefix = {4, 70}})},
      {"soft cap", {30}, {30}, 2, 2, 16, 16, with_heads(2, 0, {.softcap = 0.5f})},
      {"dropout", {70}, {70}, 2, 2, 16, 16, with_heads(2, 0, {.right = 0, .dropout = 0.3f, .seed = 11})},
      {"wide heads and a scale", {9, 70}, {9, 70}, 1, 1, 130, 96, with_heads(1, 0, {.scale = 0.3f})},
  };
}

std::vector<Tensor> inputs(const Case& c) {
  const SequenceLayout q = SequenceLayout::from_lengths(c.queries), k = SequenceLayout::from_lengths(c.keys);
  std::vector<Tensor> in{random_tensor({q.tokens(), c.heads * c.width}, 1, -2, 2),
                         random_tensor({k.tokens(), c.kv_heads * c.width}, 2, -2, 2),
                         random_tensor({k.tokens(), c.kv_heads * c.value_width}, 3)};
  if (c.spec.relative_bias.defined()) in.push_back(c.spec.relative_bias);
  return in;
}

AttentionSpec spec_of(const Case& c, const std::vector<Tensor>& in) {
  AttentionSpec spec = c.spec;
  if (in.size() > 3) spec.relative_bias = in[3];
  return spec;
}

// Scores lie within +-20 and are chains of at most 130 products: rounding of 130 * 2^-24 * 20 = 1.6e-4 in the
// exponent is the worst case, its square root the usual one.
TEST(Attention, EqualsItsDefinitionWithEveryGradient) {
  for (const Case& c : cases()) {
    const SequenceLayout q = SequenceLayout::from_lengths(c.queries),
                         k = SequenceLayout::from_lengths(c.keys);
    const auto op = [&](const std::vector<Tensor>& in) {
      return attention(in[0], in[1], in[2], q, k, spec_of(c, in));
    };
    const auto definition = [&](const std::vector<Tensor>& in) {
      return attention_definition(in[0], in[1], in[2], q, k, spec_of(c, in));
    };
    EXPECT_EQ(
        check::gradcheck(op, definition, inputs(c), {.forward_tolerance = 1e-5, .backward_tolerance = 2e-4}),
        "")
        << c.name;
  }
}

TEST(Attention, ReadsViewsWithARowStride) {
  for (const Case& c : cases()) {
    const SequenceLayout q = SequenceLayout::from_lengths(c.queries),
                         k = SequenceLayout::from_lengths(c.keys);
    const auto in = inputs(c);
    EXPECT_EQ(check::same_bits(attention(in[0], in[1], in[2], q, k, c.spec),
                               attention(check::strided(in[0]), check::strided(in[1]), check::strided(in[2]),
                                         q, k, c.spec)),
              "")
        << c.name;
  }
}

TEST(Attention, HasTheSameBitsForEveryThreadCountAndInstructionSet) {
  for (const Case& c : cases()) {
    const SequenceLayout q = SequenceLayout::from_lengths(c.queries),
                         k = SequenceLayout::from_lengths(c.keys);
    const auto op = [&](const std::vector<Tensor>& in) {
      return attention(in[0], in[1], in[2], q, k, spec_of(c, in));
    };
    EXPECT_EQ(check::same_bits_everywhere([&] { return check::with_gradients(op, inputs(c)); }), "")
        << c.name;
  }
}

TEST(Attention, ARowDoesNotDependOnItsNeighboursInTheBatch) {
  const std::int64_t lengths[] = {33, 130, 7}, one[] = {130};
  const SequenceLayout all = SequenceLayout::from_lengths(lengths), alone = SequenceLayout::from_lengths(one);
  const AttentionSpec spec{.heads = 2, .right = 0};
  const Tensor q = random_tensor({170, 40}, 1), k = random_tensor({170, 40}, 2),
               v = random_tensor({170, 40}, 3);
  const auto part = [](const Tensor& t) { return t.row_range(33, 163); };
  EXPECT_EQ(check::same_bits(part(attention(q, k, v, all, all, spec)),
                             attention(part(q), part(k), part(v), alone, alone, spec)),
            "");
}

TEST(Attention, TheLastQueryAloneGivesTheBitsOfTheWholeSequence) {
  for (const std::int64_t n : {1, 5, 64, 65, 200}) {
    const std::int64_t whole[] = {n}, last[] = {1};
    const SequenceLayout keys = SequenceLayout::from_lengths(whole),
                         query = SequenceLayout::from_lengths(last);
    const AttentionSpec spec{.heads = 2, .right = 0, .slopes = slopes(2)};
    const Tensor q = random_tensor({n, 48}, 1), k = random_tensor({n, 48}, 2), v = random_tensor({n, 48}, 3);
    EXPECT_EQ(check::same_bits(attention(q, k, v, keys, keys, spec).row_range(n - 1, n),
                               attention(q.row_range(n - 1, n), k, v, query, keys, spec)),
              "")
        << n;
  }
}

TEST(Attention, APagedCacheGivesTheBitsOfPackedKeys) {
  const std::int64_t lengths[] = {5, 19}, ones[] = {1, 1};
  const SequenceLayout keys = SequenceLayout::from_lengths(lengths),
                       queries = SequenceLayout::from_lengths(ones);
  const Tensor q = random_tensor({2, 24}, 1), k = random_tensor({24, 24}, 2), v = random_tensor({24, 24}, 3);
  PagedKeyValues cache{.keys = Tensor::zeros({6, 8, 24}),
                       .values = Tensor::zeros({6, 8, 24}),
                       .page_tokens = 8,
                       .first = {0, 1},
                       .pages = {4, 2, 0, 5}};
  for (std::int64_t s = 0; s < 2; ++s)
    for (std::int64_t j = 0; j < keys.length(s); ++j) {
      const std::int64_t row =
          cache.pages[static_cast<std::size_t>(cache.first[static_cast<std::size_t>(s)] + j / 8)] * 8 + j % 8;
      std::copy_n(k.row<float>(keys.begin(s) + j), 24, cache.keys.mutable_row<float>(row));
      std::copy_n(v.row<float>(keys.begin(s) + j), 24, cache.values.mutable_row<float>(row));
    }
  const AttentionSpec spec{.heads = 3, .right = 0};
  EXPECT_EQ(
      check::same_bits(attention(q, cache, queries, keys, spec), attention(q, k, v, queries, keys, spec)),
      "");
}

// Cross-attention in beam search: three beams of one source are three query rows over keys that stand there
// once.
TEST(Attention, BeamsAsRowsOfOneSourceGiveTheBitsOfRepeatedKeys) {
  const std::int64_t sources[] = {70, 5}, rows[] = {3, 3}, repeated[] = {70, 70, 70, 5, 5, 5},
                     ones[] = {1, 1, 1, 1, 1, 1};
  const SequenceLayout keys = SequenceLayout::from_lengths(sources),
                       copies = SequenceLayout::from_lengths(repeated);
  const Tensor q = random_tensor({6, 32}, 1), k = random_tensor({75, 32}, 2), v = random_tensor({75, 32}, 3);
  std::vector<std::int64_t> index;
  for (std::int64_t s = 0; s < 2; ++s)
    for (int beam = 0; beam < 3; ++beam)
      for (std::int64_t j = keys.begin(s); j < keys.end(s); ++j) index.push_back(j);
  const AttentionSpec spec{.heads = 2};
  const Tensor once = attention(q, k, v, SequenceLayout::from_lengths(rows), keys, spec);
  const Tensor each = attention(q, gather_rows(k, index), gather_rows(v, index),
                                SequenceLayout::from_lengths(ones), copies, spec);
  EXPECT_EQ(once.values<float>(), each.values<float>());
}

TEST(Attention, QueriesThatSeeNothingGiveZerosAndNaNStays) {
  const std::int64_t more[] = {4}, fewer[] = {2};
  const SequenceLayout queries = SequenceLayout::from_lengths(more),
                       keys = SequenceLayout::from_lengths(fewer);
  const Tensor q = random_tensor({4, 8}, 1), v = random_tensor({2, 8}, 3);
  Tensor k = random_tensor({2, 8}, 2);
  const AttentionSpec spec{.right = 0};
  const Tensor out =
      attention(q, k, v, queries, keys, spec);  // bottom-right: queries 0 and 1 stand before the first key
  for (int c = 0; c < 8; ++c) {
    EXPECT_EQ(out.row<float>(0)[c], 0.0f);
    EXPECT_EQ(out.row<float>(1)[c], 0.0f);
    EXPECT_EQ(out.row<float>(2)[c], v.row<float>(0)[c]);
  }
  k.mutable_row<float>(0)[3] = NAN;
  EXPECT_TRUE(std::isnan(attention(q, k, v, queries, keys, spec).row<float>(3)[0]));
}

// The largest score is then the smallest product: taken for the other one, exponentials overflow.
TEST(Attention, ANegativeScaleIsThePositiveOneOfNegatedQueries) {
  const std::int64_t lengths[] = {70};
  const SequenceLayout layout = SequenceLayout::from_lengths(lengths);
  const Tensor q = random_tensor({70, 16}, 1, -2, 2), k = random_tensor({70, 16}, 2, -2, 2),
               v = random_tensor({70, 16}, 3);
  Tensor negated = Tensor::empty(q.shape());
  for (std::int64_t i = 0; i < q.elements(); ++i) negated.mutable_data<float>()[i] = -q.data<float>()[i];
  EXPECT_EQ(check::same_bits(attention(q, k, v, layout, layout, {.scale = -30.0f}),
                             attention(negated, k, v, layout, layout, {.scale = 30.0f})),
            "");
}

TEST(Attention, NeedsMemoryForTheTokensOnly) {
  const std::int64_t lengths[] = {4096};
  const SequenceLayout layout = SequenceLayout::from_lengths(lengths);
  Tape tape;
  const Tensor q = tape.watch(random_tensor({4096, 16}, 1)), k = tape.watch(random_tensor({4096, 16}, 2)),
               v = tape.watch(random_tensor({4096, 16}, 3));
  reset_peak_memory();
  const std::uint64_t before = memory_use().live_bytes;
  Tensor out;
  {
    const Tape::Recording on(tape);
    out = attention(q, k, v, layout, layout, {.right = 0});
  }
  tape.backward({{out, random_tensor(out.shape(), 4)}});
  const std::uint64_t tensors = 4 * q.bytes();  // q, k, v and the output
  EXPECT_LT(memory_use().peak_bytes - before, 3 * tensors);
}

TEST(Attention, SaysWhatDoesNotFit) {
  const std::int64_t lengths[] = {4};
  const SequenceLayout layout = SequenceLayout::from_lengths(lengths);
  const Tensor q = random_tensor({4, 9}, 1);
  try {
    attention(q, q, q, layout, layout, {.heads = 2});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::kData);
    EXPECT_STREQ(error.what(), "attention: q is [4, 9], expected [tokens, 2 heads times their width]");
  }
}

TEST(Attention, RefusesABiasInHalfPrecisionInsteadOfLeavingItOut) {
  const std::int64_t lengths[] = {4};
  const SequenceLayout layout = SequenceLayout::from_lengths(lengths);
  const Tensor q = random_tensor({4, 8}, 1);
  try {
    attention(q, q, q, layout, layout, {.relative_bias = Tensor::zeros({1, 3}, DType::kBF16)});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::kData);
    EXPECT_STREQ(error.what(), "attention: relative_bias is BF16, expected F32. Fix: widen it (Weight::f32)");
  }
}

}  // namespace
}  // namespace lyceum
