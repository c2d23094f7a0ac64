#include "ops/distance/distance.h"

#include <cmath>
#include <utility>
#include <vector>

#include "kernels/dot.h"
#include "tensor/legend.h"
#include "tensor/tape.h"

namespace lyceum {
namespace {

void check_rows(const char* op, const Tensor& a, const Tensor& b) {
  Legend d(op);
  d.bind("a", a.shape(), "B D");
  d.bind("b", b.shape(), "B D");
}

float sign(float x) { return static_cast<float>(x > 0) - static_cast<float>(x < 0); }

// g_i x_i, row by row
Tensor scaled_rows(const Tensor& x, const Tensor& g) {
  Tensor y = Tensor::empty(x.shape());
  for (std::int64_t r = 0; r < x.rows(); ++r)
    for (std::int64_t c = 0; c < x.cols(); ++c)
      y.mutable_row<float>(r)[c] = g.data<float>()[r] * x.row<float>(r)[c];
  return y;
}

// Adds `slopes` as the gradient of a, and with the other sign as that of b.
void add_opposite(BackwardPass& pass, const Tensor& a, const Tensor& b, Tensor slopes) {
  if (b.variable() != 0) {
    Tensor negative = Tensor::empty(slopes.shape());
    for (std::int64_t i = 0; i < slopes.elements(); ++i)
      negative.mutable_data<float>()[i] = -slopes.data<float>()[i];
    pass.add(b, std::move(negative));
  }
  pass.add(a, std::move(slopes));
}

}  // namespace

Tensor dot_rows(const Tensor& a, const Tensor& b) {
  check_rows("dot_rows", a, b);
  Tensor y = Tensor::empty({a.rows(), 1});
  for (std::int64_t r = 0; r < a.rows(); ++r)
    y.mutable_data<float>()[r] = kernels::dot(a.row<float>(r), b.row<float>(r), a.cols());
  if (Tape* tape = recording({&a, &b}))
    tape->record("dot_rows", {&y}, [a, b](BackwardPass& pass) {
      if (a.variable() != 0) pass.add(a, scaled_rows(b, pass.cotangent()));
      if (b.variable() != 0) pass.add(b, scaled_rows(a, pass.cotangent()));
    });
  return y;
}

Tensor distance_rows(const Tensor& a, const Tensor& b, DistanceNorm norm, float shift) {
  check_rows("distance_rows", a, b);
  Tensor y = Tensor::empty({a.rows(), 1});
  std::vector<float> difference(static_cast<std::size_t>(a.cols()));
  for (std::int64_t r = 0; r < a.rows(); ++r) {
    double sum = 0;  // of Manhattan's, in order
    for (std::int64_t c = 0; c < a.cols(); ++c) {
      const float d = a.row<float>(r)[c] - b.row<float>(r)[c] + shift;
      difference[static_cast<std::size_t>(c)] = d;
      sum += static_cast<double>(std::fabs(d));
    }
    y.mutable_data<float>()[r] =
        norm == DistanceNorm::kManhattan
            ? static_cast<float>(sum)
            : std::sqrt(kernels::dot(difference.data(), difference.data(), a.cols()));
  }
  if (Tape* tape = recording({&a, &b}))
    tape->record("distance_rows", {&y}, [a, b, norm, shift, y = y.detached()](BackwardPass& pass) {
      // d|x|_1 = sign x;  d|x|_2 = x / |x|_2
      Tensor slopes = Tensor::empty(a.shape());
      for (std::int64_t r = 0; r < a.rows(); ++r) {
        const float g = pass.cotangent().data<float>()[r], length = y.data<float>()[r];
        for (std::int64_t c = 0; c < a.cols(); ++c) {
          const float d = a.row<float>(r)[c] - b.row<float>(r)[c] + shift;
          slopes.mutable_row<float>(r)[c] = norm == DistanceNorm::kManhattan ? g * sign(d)
                                            : length > 0                     ? g * (d / length)
                                                                             : 0.0f;
        }
      }
      add_opposite(pass, a, b, std::move(slopes));
    });
  return y;
}

Tensor absolute_difference(const Tensor& a, const Tensor& b) {
  check_rows("absolute_difference", a, b);
  Tensor y = Tensor::empty(a.shape());
  for (std::int64_t r = 0; r < a.rows(); ++r)
    for (std::int64_t c = 0; c < a.cols(); ++c)
      y.mutable_row<float>(r)[c] = std::fabs(a.row<float>(r)[c] - b.row<float>(r)[c]);
  if (Tape* tape = recording({&a, &b}))
    tape->record("absolute_difference", {&y}, [a, b](BackwardPass& pass) {
      Tensor slopes = Tensor::empty(a.shape());
      for (std::int64_t r = 0; r < a.rows(); ++r)
        for (std::int64_t c = 0; c < a.cols(); ++c)
          slopes.mutable_row<float>(r)[c] =
              pass.cotangent().row<float>(r)[c] * sign(a.row<float>(r)[c] - b.row<float>(r)[c]);
      add_opposite(pass, a, b, std::move(slopes));
    });
  return y;
}

}  // namespace lyceum
