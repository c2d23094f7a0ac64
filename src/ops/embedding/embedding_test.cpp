#include "ops/embedding/embedding.h"

#include <gtest/gtest.h>

#include "check/gradcheck.h"
#include "check/message_of.h"
#include "kernels/convert.h"

namespace lyceum {
namespace {

using check::random_tensor;
using Ids = std::vector<std::int64_t>;

// The rows of `padding` are constants to the gradient, so the definition reads them from `frozen`.
Tensor definition(const Tensor& table, const Ids& ids, std::int64_t padding, const Tensor& frozen) {
  const std::int64_t cols = table.cols();
  return check::generate({static_cast<std::int64_t>(ids.size()), cols}, [&](std::int64_t i) {
    const std::int64_t id = ids[static_cast<std::size_t>(i / cols)];
    return check::at(id == padding ? frozen : table, id * cols + i % cols);
  });
}

TEST(Embedding, EqualsItsDefinitionWithItsGradient) {
  for (const std::int64_t cols : {1, 2, 3, 5, 17, 33, 130})
    for (const Ids& ids : {Ids{}, Ids{6}, Ids{0, 3, 3, 6, 0, 1, 3}}) {
      const Tensor table = random_tensor({7, cols}, 1);
      for (const std::int64_t padding : {-1, 3}) {
        const auto op = [&](const std::vector<Tensor>& in) { return embedding(in[0], ids, padding); };
        const auto wanted = [&](const std::vector<Tensor>& in) {
          return definition(in[0], ids, padding, table);
        };
        EXPECT_EQ(check::gradcheck(op, wanted, {table}), "")
            << cols << ", " << ids.size() << " ids, padding " << padding;
        EXPECT_EQ(check::gradcheck(op, wanted, {check::strided(table)}), "") << cols << ", a view";
      }
    }
}

TEST(Embedding, SeveralTablesAddUpEachWithItsOwnGradient) {
  const Ids words = {5, 0, 5, 2}, types = {0, 1, 1, 0}, positions = {0, 1, 2, 3};
  const auto op = [&](const std::vector<Tensor>& in) {
    const EmbeddingTerm terms[] = {{in[0], words}, {in[1], types}, {in[2], positions}};
    return embedding_sum(terms);
  };
  const auto wanted = [&](const std::vector<Tensor>& in) {
    const Tensor a = definition(in[0], words, -1, {}), b = definition(in[1], types, -1, {}),
                 c = definition(in[2], positions, -1, {});
    return check::generate(
        a.shape(), [&](std::int64_t i) { return check::at(a, i) + check::at(b, i) + check::at(c, i); });
  };
  const std::vector<Tensor> tables{random_tensor({6, 33}, 1), random_tensor({2, 33}, 2),
                                   random_tensor({9, 33}, 3)};
  EXPECT_EQ(check::gradcheck(op, wanted, tables), "");
  EXPECT_EQ(check::gradcheck(op, wanted, tables, {.differentiable = {false, true, false}}), "");
}

TEST(Embedding, OneTableUsedTwiceGetsBothGradients) {
  const Ids first = {1, 1, 0}, second = {0, 1, 2};
  const auto op = [&](const std::vector<Tensor>& in) {
    const EmbeddingTerm terms[] = {{in[0], first}, {in[0], second}};
    return embedding_sum(terms);
  };
  const auto wanted = [&](const std::vector<Tensor>& in) {
    const Tensor a = definition(in[0], first, -1, {}), b = definition(in[0], second, -1, {});
    return check::generate(a.shape(), [&](std::int64_t i) { return check::at(a, i) + check::at(b, i); });
  };
  EXPECT_EQ(check::gradcheck(op, wanted, {random_tensor({3, 5}, 1)}), "");
}

TEST(Embedding, SixteenBitTablesAreWidenedExactly) {
  const Tensor exact = random_tensor({4, 17}, 1);
  const Ids ids = {3, 0, 3};
  for (const DType type : {DType::kBF16, DType::kF16}) {
    std::vector<std::uint16_t> halves;
    Tensor wide = Tensor::empty(exact.shape());
    for (std::int64_t i = 0; i < exact.elements(); ++i) {
      const float v = exact.data<float>()[i];
      halves.push_back(type == DType::kBF16 ? kernels::f32_to_bf16(v) : kernels::f32_to_f16(v));
      wide.mutable_data<float>()[i] =
          type == DType::kBF16 ? kernels::bf16_to_f32(halves.back()) : kernels::f16_to_f32(halves.back());
    }
    const Tensor bytes = Tensor::of<std::uint16_t>(exact.shape(), halves);
    EXPECT_EQ(check::same_bits(embedding(Tensor::over(bytes.storage(), 0, exact.shape(), type), ids),
                               embedding(wide, ids)),
              "");
  }
}

TEST(Embedding, HasTheSameBitsForEveryThreadCountInstructionSetAndBatch) {
  Ids ids;
  for (std::int64_t i = 0; i < 500; ++i) ids.push_back(i * i % 23);
  const Tensor table = random_tensor({23, 200}, 1);
  EXPECT_EQ(check::same_bits_everywhere([&] {
              return check::with_gradients([&](const auto& in) { return embedding(in[0], ids); }, {table});
            }),
            "");
  EXPECT_EQ(check::same_bits(embedding(table, ids).row_range(200, 201), embedding(table, Ids{ids[200]})), "");
}

TEST(Embedding, SaysWhatDoesNotFit) {
  const Tensor table = random_tensor({4, 5}, 1), other = random_tensor({4, 6}, 1);
  EXPECT_EQ(check::message_of(Errc::kData,
                              [&] {
                                embedding(table, Ids{0, 4});
                              }),
            "embedding: found the id 4, expected 0 to 3");
  EXPECT_EQ(check::message_of(Errc::kData, [&] { embedding(table, Ids{-1}); }),
            "embedding: found the id -1, expected 0 to 3");
  const Ids ids = {0, 1}, fewer = {0};
  EXPECT_EQ(check::message_of(Errc::kData,
                              [&] {
                                const EmbeddingTerm terms[] = {{table, ids}, {table, fewer}};
                                embedding_sum(terms);
                              }),
            "embedding: ids is [1], expected [T]");
  EXPECT_NE(check::message_of(Errc::kData,
                              [&] {
                                const EmbeddingTerm terms[] = {{table, ids}, {other, ids}};
                                embedding_sum(terms);
                              })
                .find("embedding: table is [6], expected [C]"),
            std::string::npos);
  EXPECT_EQ(check::message_of(Errc::kUnsupported,
                              [&] {
                                embedding(Tensor::zeros({4, 5}, DType::kI8), ids);
                              }),
            "embedding: found a table of the number format I8, expected F32, BF16 or F16");
  EXPECT_EQ(check::message_of(Errc::kInternal, [] { embedding_sum({}); }), "embedding: found no table");
}

}  // namespace
}  // namespace lyceum
