#include "ops/columns/columns.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/parallel.h"
#include "tensor/legend.h"
#include "tensor/tape.h"

namespace lyceum {
namespace {

void same_shape(const char* op, const Tensor& a, const Tensor& b) {
  if (a.shape() != b.shape())
    fail(Errc::kData, "{}: found {} and {}, expected one shape", op, a.shape().text(), b.shape().text());
}

template <class F>
Tensor elementwise(const Tensor& a, const Tensor& b, F f) {
  const Tensor x = a.contiguous(), y = b.contiguous();
  Tensor out = Tensor::empty(a.shape());
  float* to = out.mutable_data<float>();
  const float *u = x.data<float>(), *v = y.data<float>();
  parallel_for(a.elements(), 1 << 15, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) to[i] = f(u[i], v[i]);
  });
  return out;
}

// In squares, whose lines stay in the first-level cache on both sides.
Tensor transposed(const Tensor& x) {
  constexpr std::int64_t kSide = 32;
  Tensor y = Tensor::empty({x.cols(), x.rows()});
  float* to = y.mutable_data<float>();
  const std::int64_t rows = x.rows(), cols = x.cols();
  parallel_for(cols, kSide, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r0 = 0; r0 < rows; r0 += kSide)
      for (std::int64_t c = begin; c < end; ++c)
        for (std::int64_t r = r0; r < std::min(rows, r0 + kSide); ++r) to[c * rows + r] = x.row<float>(r)[c];
  });
  return y;
}

}  // namespace

Tensor slice_columns(const Tensor& x, std::int64_t begin, std::int64_t end) {
  Tensor y = x.columns(begin, end);
  if (Tape* tape = recording({&x}))
    tape->record("slice_columns", {&y}, [x, begin, end](BackwardPass& pass) {
      const Tensor& dy = pass.cotangent();
      Tensor dx = Tensor::zeros(x.shape());
      for (std::int64_t r = 0; r < x.rows(); ++r)
        std::copy_n(dy.data<float>() + r * (end - begin), end - begin, dx.mutable_row<float>(r) + begin);
      pass.add(x, std::move(dx));
    });
  return y;
}

std::vector<Tensor> split_columns(const Tensor& x, std::int64_t parts) {
  if (parts < 1 || x.cols() % parts != 0)
    fail(Errc::kInternal, "split_columns: found {} columns, expected a multiple of {}", x.cols(), parts);
  const std::int64_t width = x.cols() / parts;
  std::vector<Tensor> out;
  for (std::int64_t i = 0; i < parts; ++i) out.push_back(x.columns(i * width, (i + 1) * width));
  Tape* tape = recording({&x});
  if (tape == nullptr) return out;
  std::vector<Tensor*> outputs;
  for (Tensor& part : out) outputs.push_back(&part);
  tape->record("split_columns", outputs, [x, parts, width](BackwardPass& pass) {
    Tensor dx = Tensor::empty(x.shape());
    parallel_for(x.rows(), 16, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r)
        for (std::int64_t i = 0; i < parts; ++i) {
          const Tensor& dy = pass.cotangent(static_cast<std::size_t>(i));
          float* to = dx.mutable_row<float>(r) + i * width;
          if (dy.defined()) {
            std::copy_n(dy.row<float>(r), width, to);
          } else {
            std::fill_n(to, width, 0.0f);
          }
        }
    });
    pass.add(x, std::move(dx));
  });
  return out;
}

Tensor concat_columns(std::span<const Tensor> parts) {
  if (parts.empty()) fail(Errc::kInternal, "concat_columns: found no part");
  std::int64_t cols = 0;
  Legend d("concat_columns");
  Tape* tape = nullptr;
  for (const Tensor& part : parts) {
    d.bind("part", Shape{part.rows()}, "T");
    cols += part.cols();
    if (Tape* t = recording({&part})) tape = t;
  }
  const std::int64_t rows = d['T'];
  Tensor y = Tensor::empty({rows, cols});
  for (std::int64_t r = 0; r < rows; ++r) {
    float* to = y.mutable_row<float>(r);
    for (const Tensor& part : parts) to = std::copy_n(part.row<float>(r), part.cols(), to);
  }
  if (tape != nullptr)
    tape->record("concat_columns", {&y},
                 [inputs = std::vector<Tensor>(parts.begin(), parts.end())](BackwardPass& pass) {
                   std::int64_t first = 0;
                   for (const Tensor& part : inputs) {
                     pass.add(
                         part,
                         pass.cotangent().columns(first, first + part.cols()).clone().reshaped(part.shape()));
                     first += part.cols();
                   }
                 });
  return y;
}

Tensor add(const Tensor& a, const Tensor& b) {
  same_shape("add", a, b);
  Tensor y = elementwise(a, b, [](float u, float v) { return u + v; });
  if (Tape* tape = recording({&a, &b}))
    tape->record("add", {&y}, [left = a.variable(), right = b.variable()](BackwardPass& pass) {
      pass.add(left, pass.cotangent());
      pass.add(right, pass.cotangent());
    });
  return y;
}

Tensor multiply(const Tensor& a, const Tensor& b) {
  same_shape("multiply", a, b);
  const auto product = [](float u, float v) { return u * v; };
  Tensor y = elementwise(a, b, product);
  if (Tape* tape = recording({&a, &b}))
    tape->record("multiply", {&y}, [a, b, product](BackwardPass& pass) {
      if (a.variable() != 0) pass.add(a, elementwise(pass.cotangent(), b, product));
      if (b.variable() != 0) pass.add(b, elementwise(pass.cotangent(), a, product));
    });
  return y;
}

Tensor scale(const Tensor& x, float factor) {
  const auto product = [factor](float u, float) { return u * factor; };
  Tensor y = elementwise(x, x, product);
  if (Tape* tape = recording({&x}))
    tape->record("scale", {&y}, [input = x.variable(), product](BackwardPass& pass) {
      pass.add(input, elementwise(pass.cotangent(), pass.cotangent(), product));
    });
  return y;
}

Tensor transpose(const Tensor& x) {
  Tensor y = transposed(x);
  if (Tape* tape = recording({&x}))
    tape->record("transpose", {&y}, [input = x.variable()](BackwardPass& pass) {
      pass.add(input, transposed(pass.cotangent()));
    });
  return y;
}

}  // namespace lyceum
