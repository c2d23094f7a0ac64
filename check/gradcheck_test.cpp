#include "check/gradcheck.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tensor/tape.h"

namespace lyceum::check {
namespace {

// y = x^2 with a gradient that is `factor` times the right one.
Op square(float factor) {
  return [factor](const std::vector<Tensor>& in) {
    const Tensor x = in[0];
    Tensor y = Tensor::empty(x.shape());
    for (std::int64_t i = 0; i < x.elements(); ++i)
      y.mutable_data<float>()[i] = x.data<float>()[i] * x.data<float>()[i];
    if (Tape* tape = recording({&x}))
      tape->record("square", {&y}, [x, factor](BackwardPass& pass) {
        Tensor dx = Tensor::empty(x.shape());
        for (std::int64_t i = 0; i < x.elements(); ++i)
          dx.mutable_data<float>()[i] = factor * 2 * x.data<float>()[i] * pass.cotangent().data<float>()[i];
        pass.add(x, dx);
      });
    return y;
  };
}

Tensor definition(const std::vector<Tensor>& in) {
  return generate(in[0].shape(), [&](std::int64_t i) { return at(in[0], i) * at(in[0], i); });
}

TEST(Gradcheck, AcceptsTheRightGradient) {
  EXPECT_EQ(gradcheck(square(1), definition, {random_tensor({3, 4}, 1)}), "");
}
TEST(Gradcheck, RejectsAZeroGradient) {
  EXPECT_NE(gradcheck(square(0), definition, {random_tensor({3, 4}, 1)}), "");
}
TEST(Gradcheck, RejectsAHalvedGradient) {
  EXPECT_NE(gradcheck(square(0.5f), definition, {random_tensor({3, 4}, 1)}), "");
}
TEST(Gradcheck, RejectsANaNGradient) {
  EXPECT_NE(gradcheck(square(NAN), definition, {random_tensor({3, 4}, 1)}), "");
}
TEST(Gradcheck, RejectsAWrongValue) {
  const Op wrong = [](const std::vector<Tensor>& in) {
    return generate(in[0].shape(), [&](std::int64_t i) { return at(in[0], i); });
  };
  EXPECT_NE(gradcheck(square(1), wrong, {random_tensor({3, 4}, 1)}), "");
}

}  // namespace
}  // namespace lyceum::check
