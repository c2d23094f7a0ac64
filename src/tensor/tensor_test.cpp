#include "tensor/tensor.h"

#include <gtest/gtest.h>

#include "check/message_of.h"

namespace lyceum {
namespace {

Tensor counting(Shape shape) {
  Tensor t = Tensor::empty(shape);
  for (std::int64_t i = 0; i < t.elements(); ++i) t.mutable_data<float>()[i] = static_cast<float>(i);
  return t;
}

using Values = std::vector<float>;

TEST(Tensor, CopiesShareTheirBytesAndClonesDoNot) {
  Tensor a = counting({2, 3});
  const Tensor b = a, c = a.clone();
  a.mutable_data<float>()[0] = 9;
  EXPECT_EQ(b.data<float>()[0], 9.0f);
  EXPECT_EQ(c.data<float>()[0], 0.0f);
}

TEST(Tensor, ColumnsAreViewsWithARowStride) {
  const Tensor x = counting({3, 5}), part = x.columns(1, 3);
  EXPECT_EQ(part.shape(), (Shape{3, 2}));
  EXPECT_EQ(part.row_stride(), 5);
  EXPECT_FALSE(part.is_contiguous());
  EXPECT_EQ(part.values<float>(), (Values{1, 2, 6, 7, 11, 12}));
  EXPECT_EQ(part.contiguous().row_stride(), 2);
  EXPECT_EQ(part.clone().values<float>(), part.values<float>());
  EXPECT_EQ(part.columns(1, 2).values<float>(), (Values{2, 7, 12}));
  EXPECT_EQ(part.row_range(1, 3).values<float>(), (Values{6, 7, 11, 12}));
  EXPECT_EQ(part.storage(), x.storage());
}

TEST(Tensor, RowRangesCutTheFirstDimension) {
  EXPECT_EQ(counting({3, 2, 2}).row_range(1, 2).values<float>(), (Values{4, 5, 6, 7}));
  EXPECT_EQ(counting({5}).row_range(2, 4).values<float>(), (Values{2, 3}));
  EXPECT_EQ(counting({3, 2}).row_range(1, 1).elements(), 0);
}

TEST(Tensor, ViewsAreConstantsForTheTape) {
  Tensor x = counting({3, 5});
  x.set_variable(7);
  EXPECT_EQ(x.columns(0, 5).variable(), 0u);
  EXPECT_EQ(x.row_range(0, 3).variable(), 0u);
  EXPECT_EQ(x.reshaped({5, 3}).variable(), 0u);
  EXPECT_EQ(x.clone().variable(), 0u);
  EXPECT_EQ(x.detached().variable(), 0u);
  EXPECT_EQ(x.variable(), 7u);
}

TEST(Tensor, SaysWhatDoesNotFit) {
  const Tensor x = counting({3, 5});
  const auto internal = [](auto&& body) { return check::message_of(Errc::kInternal, body); };
  EXPECT_EQ(internal([&] { x.data<double>(); }), "tensor [3, 5]: found F32, expected F64");
  EXPECT_EQ(internal([] { Tensor().data<float>(); }), "tensor: used before it was given a value");
  EXPECT_EQ(internal([&] { x.columns(2, 6); }), "columns: found [2, 6), expected a part of [0, 5)");
  EXPECT_EQ(internal([&] { x.row_range(-1, 2); }),
            "rows: found [-1, 2), expected a part of the first dimension of [3, 5]");
  EXPECT_EQ(internal([&] {
              x.reshaped({4, 4});
            }),
            "reshape: found [3, 5], expected a contiguous tensor of 16 elements for [4, 4]");
  EXPECT_EQ(internal([&] { x.columns(0, 4).reshaped({12}); }),
            "reshape: found [3, 4] with a row stride, expected a contiguous tensor of 12 elements for [12]");
  const Values two = {1, 2};
  EXPECT_EQ(check::message_of(Errc::kData, [&] { Tensor::of<float>({3}, two); }),
            "tensor: found 2 values, expected 3 for the shape [3]");
}

// 2^60 elements of 32 bits wrap to a few bytes when bits are counted in 64-bit arithmetic.
TEST(Tensor, SizesWhoseBytesWouldWrapAreRefused) {
  for (const int power : {57, 58, 59, 60, 61, 62})
    for (const DType type : {DType::kU8, DType::kF16, DType::kF32, DType::kF64})
      EXPECT_NE(check::message_of(Errc::kLimit, [&] { Tensor::empty({std::int64_t{1} << power}, type); })
                    .find("found no room for"),
                std::string::npos)
          << power << " " << dtype_name(type);
}

TEST(DType, NamesAreSafetensorsOwnAndComeBack) {
  for (int i = 0; i < kDTypes; ++i) {
    const auto type = static_cast<DType>(i);
    EXPECT_EQ(dtype_from_name(dtype_name(type)), type);
    EXPECT_GT(dtype_bits(type), 0);
  }
  EXPECT_EQ(dtype_name(DType::kF8E4M3), "F8_E4M3");
  EXPECT_EQ(dtype_bits(DType::kF4), 4);
  EXPECT_EQ(dtype_from_name("F33"), std::nullopt);
}

}  // namespace
}  // namespace lyceum
