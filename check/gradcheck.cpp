#include "check/gradcheck.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/parallel.h"
#include "check/sanitized.h"
#include "kernels/isa.h"
#include "tensor/tape.h"

namespace lyceum::check {

Tensor random_tensor(Shape shape, std::uint64_t seed, float low, float high) {
  Random random(seed);
  Tensor t = Tensor::empty(shape);
  for (std::int64_t i = 0; i < t.elements(); ++i) t.mutable_data<float>()[i] = random.uniform(low, high);
  return t;
}

Tensor strided(const Tensor& t) {
  Tensor wide = Tensor::full({t.rows(), t.cols() + 5}, NAN);  // whoever reads beside the view is found out
  Tensor view = wide.columns(3, 3 + t.cols());
  for (std::int64_t r = 0; r < t.rows(); ++r)
    for (std::int64_t c = 0; c < t.cols(); ++c)
      view.mutable_row<float>(r)[c] = static_cast<float>(at(t, r * t.cols() + c));
  return view;
}

Tensor to_double(const Tensor& t) {
  return generate(t.shape(), [&](std::int64_t i) { return at(t, i); });
}

double at(const Tensor& t, std::int64_t i) {
  const std::int64_t cols = std::max<std::int64_t>(1, t.cols()), r = i / cols, c = i % cols;
  return t.dtype() == DType::kF64 ? t.row<double>(r)[c] : static_cast<double>(t.row<float>(r)[c]);
}

Tensor generate(Shape shape, const std::function<double(std::int64_t)>& f) {
  Tensor t = Tensor::empty(shape, DType::kF64);
  for (std::int64_t i = 0; i < t.elements(); ++i) t.mutable_data<double>()[i] = f(i);
  return t;
}

namespace {

double largest(const Tensor& t) {
  double most = 0;
  for (std::int64_t i = 0; i < t.elements(); ++i) most = std::max(most, std::fabs(at(t, i)));
  return most;
}

}  // namespace

// Elements of each input, spread over it. A sanitizer wants the backward pass to run, and each costs the
// definition twice.
constexpr std::int64_t kMostLookedAt = unless_sanitized(24, 2);

std::string gradcheck(const Op& op, const Op& definition, const std::vector<Tensor>& inputs,
                      const GradcheckOptions& options) {
  Tape tape;
  std::vector<Tensor> watched, doubles;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const bool differentiable = options.differentiable.empty() || options.differentiable[i];
    watched.push_back(differentiable ? tape.watch(inputs[i]) : inputs[i]);
    doubles.push_back(to_double(inputs[i]));
  }
  Tensor out;
  {
    const Tape::Recording on(tape);
    out = op(watched);
  }
  const Tensor want = definition(doubles);
  if (want.shape() != out.shape())
    return fmt::format("the output is {}, expected {}", out.shape().text(), want.shape().text());
  const double scale = std::max(1e-30, largest(want));
  for (std::int64_t i = 0; i < out.elements(); ++i)
    if (!(std::fabs(at(out, i) - at(want, i)) <= options.forward_tolerance * scale))
      return fmt::format("output {}: found {}, expected {} (largest {})", i, at(out, i), at(want, i), scale);

  const Tensor cotangent = random_tensor(out.shape(), options.seed);
  const Gradients gradients = tape.backward({{out, cotangent}});
  const auto along = [&](const std::vector<Tensor>& at_inputs) {
    const Tensor y = definition(at_inputs);
    double sum = 0;
    for (std::int64_t i = 0; i < y.elements(); ++i) sum += at(y, i) * at(cotangent, i);
    return sum;
  };
  Random random(options.seed, 1);
  for (std::size_t k = 0; k < inputs.size(); ++k) {
    if (watched[k].variable() == 0) continue;
    const Tensor found = gradients.of(watched[k]);
    if (found.shape() != inputs[k].shape())
      return fmt::format("gradient of input {} is {}", k, found.shape().text());
    const std::int64_t count = inputs[k].elements(), looked = std::min(count, kMostLookedAt);
    std::vector<std::int64_t> places;
    std::vector<double> expected;
    double most = std::max(1e-30, largest(found));
    for (std::int64_t n = 0; n < looked; ++n) {
      const std::int64_t i = count <= kMostLookedAt
                                 ? n
                                 : static_cast<std::int64_t>(random.below(static_cast<std::uint32_t>(count)));
      constexpr double kStep = 1e-5;
      const double before = doubles[k].data<double>()[i];
      doubles[k].mutable_data<double>()[i] = before + kStep;
      const double up = along(doubles);
      doubles[k].mutable_data<double>()[i] = before - kStep;
      const double down = along(doubles);
      doubles[k].mutable_data<double>()[i] = before;
      places.push_back(i);
      expected.push_back((up - down) / (2 * kStep));
      most = std::max(most, std::fabs(expected.back()));
    }
    for (std::size_t n = 0; n < places.size(); ++n) {
      const double got = at(found, places[n]);
      if (!(std::fabs(got - expected[n]) <= options.backward_tolerance * most))
        return fmt::format("gradient of input {} at {}: found {}, expected {} (largest {})", k, places[n],
                           got, expected[n], most);
    }
  }
  return {};
}

std::vector<Tensor> with_gradients(const Op& op, const std::vector<Tensor>& inputs, std::uint64_t seed) {
  Tape tape;
  std::vector<Tensor> watched, all(1);
  for (const Tensor& input : inputs) watched.push_back(tape.watch(input));
  {
    const Tape::Recording on(tape);
    all[0] = op(watched);
  }
  const Gradients gradients = tape.backward({{all[0], random_tensor(all[0].shape(), seed)}});
  for (const Tensor& input : watched) all.push_back(gradients.of(input));
  return all;
}

std::string same_bits(const Tensor& a, const Tensor& b) {
  if (a.shape() != b.shape() || a.dtype() != b.dtype())
    return fmt::format("{} and {}", a.shape().text(), b.shape().text());
  for (std::int64_t r = 0; r < a.rows(); ++r)
    for (std::int64_t c = 0; c < a.cols(); ++c) {
      const float x = a.row<float>(r)[c], y = b.row<float>(r)[c];
      if (!(x == y || (x != x && y != y)))
        return fmt::format("row {}, column {}: {:.9g} and {:.9g}", r, c, x, y);
    }
  return {};
}

std::string same_bits_everywhere(const std::function<std::vector<Tensor>()>& f) {
  std::vector<Tensor> first;
  std::string difference;
  for (const Isa isa : available_isas())
    for (const int threads : {1, 2, 3}) {
      set_isa(isa);
      set_thread_count(threads);
      const std::vector<Tensor> now = f();
      if (first.empty()) first = now;
      for (std::size_t i = 0; i < now.size() && difference.empty(); ++i)
        if (const std::string d = same_bits(first[i], now[i]); !d.empty())
          difference = fmt::format("{} with {} threads, result {}: {}", isa_name(isa), threads, i, d);
    }
  set_thread_count(0);
  set_isa(available_isas().back());
  return difference;
}

}  // namespace lyceum::check
