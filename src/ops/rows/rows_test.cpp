#include "ops/rows/rows.h"

#include <gtest/gtest.h>

#include "check/gradcheck.h"
#include "check/message_of.h"

namespace lyceum {
namespace {

using check::random_tensor;
using Indices = std::vector<std::int64_t>;

Tensor gather_definition(const Tensor& x, const Indices& indices) {
  const std::int64_t cols = x.cols();
  return check::generate({static_cast<std::int64_t>(indices.size()), cols}, [&](std::int64_t i) {
    const std::int64_t row = indices[static_cast<std::size_t>(i / cols)];
    return row < 0 ? 0.0 : check::at(x, row * cols + i % cols);
  });
}

Tensor scatter_definition(const Tensor& x, const Indices& indices, std::int64_t rows) {
  const std::int64_t cols = x.cols();
  return check::generate({rows, cols}, [&](std::int64_t i) {
    double sum = 0;
    for (std::size_t n = 0; n < indices.size(); ++n)
      if (indices[n] == i / cols) sum += check::at(x, static_cast<std::int64_t>(n) * cols + i % cols);
    return sum;
  });
}

const Indices kLists[] = {{}, {0}, {4, 4, 4}, {-1}, {4, 0, -1, 2, 0, 1, -1, 4}};

TEST(Rows, GatherEqualsItsDefinitionWithItsGradient) {
  for (const std::int64_t cols : {1, 2, 3, 5, 17, 33})
    for (const Indices& indices : kLists) {
      const auto op = [&](const std::vector<Tensor>& in) { return gather_rows(in[0], indices); };
      const auto definition = [&](const std::vector<Tensor>& in) {
        return gather_definition(in[0], indices);
      };
      const Tensor x = random_tensor({5, cols}, 1);
      EXPECT_EQ(check::gradcheck(op, definition, {x}), "") << cols << ", " << indices.size() << " indices";
      EXPECT_EQ(check::gradcheck(op, definition, {check::strided(x)}), "") << cols << ", a view";
    }
}

TEST(Rows, ScatterEqualsItsDefinitionWithItsGradient) {
  for (const std::int64_t cols : {1, 2, 3, 5, 17, 33})
    for (const Indices& indices : kLists) {
      const auto op = [&](const std::vector<Tensor>& in) { return scatter_rows(in[0], indices, 6); };
      const auto definition = [&](const std::vector<Tensor>& in) {
        return scatter_definition(in[0], indices, 6);
      };
      const Tensor x = random_tensor({static_cast<std::int64_t>(indices.size()), cols}, 1);
      EXPECT_EQ(check::gradcheck(op, definition, {x}), "") << cols << ", " << indices.size() << " indices";
      EXPECT_EQ(check::gradcheck(op, definition, {check::strided(x)}), "") << cols << ", a view";
    }
}

TEST(Rows, ScatterIsTheTransposeOfGather) {
  const Indices indices = {4, 0, -1, 2, 0};
  const Tensor x = random_tensor({5, 7}, 1), dy = random_tensor({5, 7}, 9);
  const auto found =
      check::with_gradients([&](const auto& in) { return gather_rows(in[0], indices); }, {x}, 9);
  EXPECT_EQ(check::same_bits(found[1], scatter_rows(dy, indices, 5)), "");
}

// 1 + 2^-24 rounds to 1, twice; 2^-24 + 2^-24 first would not.
TEST(Rows, SumsInTheOrderOfTheIndices) {
  const float values[] = {1, 0x1p-24f, 0x1p-24f};
  const Tensor x = Tensor::of<float>({3, 1}, values);
  EXPECT_EQ(scatter_rows(x, Indices{0, 0, 0}, 1).data<float>()[0], 1.0f);
  const float turned[] = {0x1p-24f, 0x1p-24f, 1};
  EXPECT_EQ(scatter_rows(Tensor::of<float>({3, 1}, turned), Indices{0, 0, 0}, 1).data<float>()[0],
            1.0f + 0x1p-23f);
}

TEST(Rows, HaveTheSameBitsForEveryThreadCountAndInstructionSet) {
  Indices indices;
  for (std::int64_t i = 0; i < 300; ++i) indices.push_back(i * i % 40 - 1);
  const Tensor few = random_tensor({40, 37}, 1), many = random_tensor({300, 37}, 2);
  EXPECT_EQ(check::same_bits_everywhere([&] {
              auto all =
                  check::with_gradients([&](const auto& in) { return gather_rows(in[0], indices); }, {few});
              for (Tensor& t : check::with_gradients(
                       [&](const auto& in) { return scatter_rows(in[0], indices, 40); }, {many}))
                all.push_back(t);
              return all;
            }),
            "");
}

TEST(Rows, SayWhichIndexIsOutside) {
  const Tensor x = random_tensor({2, 3}, 1);
  EXPECT_EQ(check::message_of(Errc::kData,
                              [&] {
                                gather_rows(x, Indices{1, 2});
                              }),
            "gather_rows: index 1 is 2, expected -1 to 1");
  EXPECT_EQ(check::message_of(Errc::kData, [&] { gather_rows(x, Indices{-2}); }),
            "gather_rows: index 0 is -2, expected -1 to 1");
  EXPECT_EQ(check::message_of(Errc::kData,
                              [&] {
                                scatter_rows(x, Indices{0, 4}, 4);
                              }),
            "scatter_rows: index 1 is 4, expected -1 to 3");
  EXPECT_EQ(check::message_of(Errc::kData, [&] { scatter_rows(x, Indices{0}, 4); }),
            "scatter_rows: x is [2, 3], expected [N, C] with N = 1 as bound by indices");
}

}  // namespace
}  // namespace lyceum
