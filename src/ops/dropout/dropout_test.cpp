#include "ops/dropout/dropout.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "base/random.h"
#include "check/gradcheck.h"
#include "check/message_of.h"
#include "tensor/tape.h"

namespace lyceum {
namespace {

using check::random_tensor;

SequenceLayout layout_of(std::initializer_list<std::int64_t> lengths) {
  return SequenceLayout::from_lengths(std::span(lengths.begin(), lengths.size()));
}

Tensor ones(std::int64_t rows, std::int64_t cols) { return Tensor::full({rows, cols}, 1.0f); }

// The mask is not differentiated: seen from the gradient check the definition is x times a fixed matrix.
TEST(Dropout, IsTheInputTimesOneMaskAndSoIsItsGradient) {
  for (const float p : {0.1f, 0.5f, 0.9f})
    for (const std::int64_t cols : {1, 2, 3, 4, 5, 17, 33}) {
      const SequenceLayout layout = layout_of({3, 0, 1, 7});
      const DropoutSpec spec{.probability = p, .seed = 5, .stream = 2};
      const Tensor mask = dropout(ones(11, cols), layout, spec);
      const auto op = [&](const std::vector<Tensor>& in) { return dropout(in[0], layout, spec); };
      const auto definition = [&](const std::vector<Tensor>& in) {
        return check::generate(in[0].shape(),
                               [&](std::int64_t i) { return check::at(in[0], i) * check::at(mask, i); });
      };
      const Tensor x = random_tensor({11, cols}, 1);
      EXPECT_EQ(check::gradcheck(op, definition, {x}), "") << p << " " << cols;
      EXPECT_EQ(check::gradcheck(op, definition, {check::strided(x)}), "") << p << " " << cols << ", a view";
    }
}

// The definition, a number at a time.
TEST(Dropout, ElementCHasNumberCMod4OfItsBlock) {
  const std::int64_t lengths[] = {2, 3};
  const SequenceLayout layout = SequenceLayout::from(lengths, {7, 8, 0, 1, (std::int64_t{1} << 33) + 5},
                                                     {11, (std::uint64_t{5} << 40) + 3});
  for (const float p : {1e-6f, 0.1f, 0.5f, 1 - 0x1p-24f})
    for (std::int64_t cols = 1; cols < 80; ++cols) {
      const DropoutSpec spec{.probability = p, .seed = 77, .stream = 5};
      const Tensor y = dropout(ones(5, cols), layout, spec);
      for (std::int64_t t = 0; t < 5; ++t)
        for (std::int64_t c = 0; c < cols; ++c) {
          const auto row = static_cast<std::uint64_t>(layout.positions()[static_cast<std::size_t>(t)]) << 32;
          const PhiloxBlock block =
              philox(dropout_key(spec), row | static_cast<std::uint64_t>(c / 4), layout.ids()[t < 2 ? 0 : 1]);
          const bool drops = unit_float(block[static_cast<std::size_t>(c % 4)]) < p;
          ASSERT_EQ(y.row<float>(t)[c], drops ? 0.0f : 1.0f / (1.0f - p)) << p << " " << t << " " << c;
        }
    }
}

// What is dropped is zero, whatever it was.
TEST(Dropout, NothingOfADroppedElementIsLeft) {
  const SequenceLayout layout = layout_of({9});
  const DropoutSpec spec{.probability = 0.5f, .seed = 2};
  const Tensor mask = dropout(ones(9, 37), layout, spec),
               y = dropout(Tensor::full({9, 37}, NAN), layout, spec);
  for (std::int64_t i = 0; i < y.elements(); ++i)
    ASSERT_EQ(std::isnan(y.data<float>()[i]), mask.data<float>()[i] != 0) << i;
}

// 40000 elements: the share of zeros has the standard deviation sqrt(p (1 - p) / 40000) <= 0.0025; five of
// them.
TEST(Dropout, DropsTheShareItWasToldAndScalesTheRest) {
  const SequenceLayout layout = layout_of({400});
  for (const float p : {0.1f, 0.5f, 0.75f}) {
    const Tensor y = dropout(ones(400, 100), layout, {.probability = p, .seed = 1});
    std::int64_t zeros = 0;
    for (std::int64_t i = 0; i < y.elements(); ++i) {
      const float value = y.data<float>()[i];
      ASSERT_TRUE(value == 0 || value == 1.0f / (1.0f - p)) << value;
      zeros += value == 0;
    }
    EXPECT_NEAR(static_cast<double>(zeros) / 40000, static_cast<double>(p), 0.0125);
  }
}

TEST(Dropout, SeedStreamSequencePositionAndColumnAllChangeTheMask) {
  const SequenceLayout layout = layout_of({64});
  const auto mask = [&](const DropoutSpec& spec) { return dropout(ones(64, 64), layout, spec); };
  const Tensor first = mask({.probability = 0.5f, .seed = 1, .stream = 1});
  EXPECT_NE(check::same_bits(first, mask({.probability = 0.5f, .seed = 2, .stream = 1})), "");
  EXPECT_NE(check::same_bits(first, mask({.probability = 0.5f, .seed = 1, .stream = 2})), "");
  const Tensor both =
      dropout(ones(128, 64), layout_of({64, 64}), {.probability = 0.5f, .seed = 1, .stream = 1});
  EXPECT_EQ(check::same_bits(both.row_range(0, 64), first), "");
  EXPECT_NE(check::same_bits(both.row_range(64, 128), first), "");
  EXPECT_NE(check::same_bits(first.row_range(0, 1), first.row_range(1, 2)), "");
  EXPECT_NE(check::same_bits(first.columns(0, 4).clone(), first.columns(4, 8).clone()), "");
}

TEST(Dropout, PackingAndBatchOrderChangeNothing) {
  const DropoutSpec spec{.probability = 0.3f, .seed = 9, .stream = 4};
  const Tensor a = random_tensor({5, 33}, 1), b = random_tensor({3, 33}, 2);
  const auto positions = [](std::initializer_list<std::int64_t> lengths) {
    const auto layout = layout_of(lengths);
    return std::vector<std::int64_t>(layout.positions().begin(), layout.positions().end());
  };
  const std::int64_t ab[] = {5, 3}, ba[] = {3, 5}, just_b[] = {3};
  Tensor x = Tensor::empty({8, 33}), y = Tensor::empty({8, 33});
  std::copy_n(b.data<float>(), 3 * 33, std::copy_n(a.data<float>(), 5 * 33, x.mutable_data<float>()));
  std::copy_n(a.data<float>(), 5 * 33, std::copy_n(b.data<float>(), 3 * 33, y.mutable_data<float>()));
  const Tensor forth = dropout(x, SequenceLayout::from(ab, positions({5, 3}), {70, 80}), spec);
  const Tensor back = dropout(y, SequenceLayout::from(ba, positions({3, 5}), {80, 70}), spec);
  const Tensor alone = dropout(b, SequenceLayout::from(just_b, positions({3}), {80}), spec);
  EXPECT_EQ(check::same_bits(forth.row_range(0, 5), back.row_range(3, 8)), "");
  EXPECT_EQ(check::same_bits(forth.row_range(5, 8), alone), "");
  // The last two tokens of a as a piece of their own: positions say where they stand.
  const std::int64_t piece[] = {2};
  EXPECT_EQ(check::same_bits(dropout(a.row_range(3, 5), SequenceLayout::from(piece, {3, 4}, {70}), spec),
                             forth.row_range(3, 5)),
            "");
}

TEST(Dropout, ProbabilityZeroIsTheInputItself) {
  Tape tape;
  const Tensor x = tape.watch(random_tensor({3, 5}, 1));
  const Tape::Recording on(tape);
  const Tensor y = dropout(x, layout_of({3}), {});
  EXPECT_EQ(y.raw(), x.raw());
  EXPECT_EQ(y.variable(), x.variable());
  EXPECT_EQ(tape.notes(), 0u);
}

TEST(Dropout, HasTheSameBitsForEveryThreadCountAndInstructionSet) {
  const SequenceLayout layout = layout_of({100, 0, 313, 1});
  const auto op = [&](const std::vector<Tensor>& in) {
    return dropout(in[0], layout, {.probability = 0.2f, .seed = 3});
  };
  EXPECT_EQ(check::same_bits_everywhere([&] {
              return check::with_gradients(op, {random_tensor({414, 67}, 1)});
            }),
            "");
}

TEST(Dropout, SaysWhatDoesNotFit) {
  const Tensor x = random_tensor({3, 5}, 1);
  for (const float p : {1.0f, -0.1f, NAN})
    EXPECT_NE(check::message_of(Errc::kData, [&] { dropout(x, layout_of({3}), {.probability = p}); })
                  .find("expected 0 <= p < 1"),
              std::string::npos);
  EXPECT_EQ(check::message_of(Errc::kData, [&] { dropout(x, layout_of({4}), {.probability = 0.5f}); }),
            "dropout: x is [3, 5], expected [T, C] with T = 4 as bound by the layout");
}

}  // namespace
}  // namespace lyceum
