#include "train/optimizer/optimizer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/parallel.h"
#include "check/expect_error.h"
#include "check/gradcheck.h"
#include "check/temporary_folder.h"
#include "formats/safetensors.h"

namespace lyceum {
namespace {

using check::expect_error;
using check::random_tensor;
using check::same_bits;

// Every path of every kind.
std::vector<OptimizerSpec> specs() {
  return {{},
          {.bias_correction = false},
          {.kind = OptimizerKind::kAdam},
          {.kind = OptimizerKind::kSgd},
          {.kind = OptimizerKind::kSgd, .sgd = {.momentum = 0.9, .dampening = 0.1}},
          {.kind = OptimizerKind::kSgd, .sgd = {.momentum = 0.9, .nesterov = true}},
          {.kind = OptimizerKind::kLamb},
          {.kind = OptimizerKind::kLamb, .epsilon = 0, .lamb = {.exclude_vectors = false}},
          {.kind = OptimizerKind::kAdafactor},
          {.kind = OptimizerKind::kAdafactor, .adafactor = {.beta1 = 0.9, .scale_parameter = false}}};
}

// From one element to several blocks; rows that fit no vector, a scalar, nothing at all.
std::vector<Shape> shapes() {
  std::vector<Shape> all{{}, {1}, {20000}, {150, 131}, {3, 2, 65}, {1, 7}, {7, 1}, {0, 5}, {2, 17000}};
  for (std::int64_t n = 2; n <= 35; ++n) all.push_back({n});
  return all;
}

std::vector<TrainedParameter> parameters(const std::vector<Shape>& sizes) {
  std::vector<TrainedParameter> all;
  for (std::size_t i = 0; i < sizes.size(); ++i)
    all.push_back({.weight = std::make_shared<Weight>("p" + std::to_string(i), random_tensor(sizes[i], i)),
                   .weight_decay = sizes[i].dims() > 1 ? 0.1 : 0,
                   .rate_scale = i % 2 == 0 ? 1 : 0.5});
  return all;
}

std::vector<Tensor> gradients(const std::vector<Shape>& sizes, std::uint64_t step) {
  std::vector<Tensor> all;
  for (std::size_t i = 0; i < sizes.size(); ++i) all.push_back(random_tensor(sizes[i], 1000 * step + i));
  return all;
}

// Weights, then the floats of the state.
std::vector<Tensor> everything(const std::vector<TrainedParameter>& trained, const Optimizer& optimizer) {
  std::vector<Tensor> all;
  for (const TrainedParameter& p : trained) all.push_back(p.weight->value().clone());
  for (const auto& [name, tensor] : optimizer.state())
    if (tensor.dtype() == DType::kF32) all.push_back(tensor.clone());
  return all;
}

TEST(Optimizer, HasTheSameBitsForEveryThreadCountAndInstructionSet) {
  for (const OptimizerSpec& spec : specs())
    EXPECT_EQ(check::same_bits_everywhere([&] {
                const auto trained = parameters(shapes());
                Optimizer optimizer(spec, trained);
                for (std::uint64_t step = 1; step <= 3; ++step)
                  optimizer.step(gradients(shapes(), step), 0.01, 0.7);
                return everything(trained, optimizer);
              }),
              "")
        << static_cast<int>(spec.kind);
}

// What makes sharing the state among processes possible.
TEST(Optimizer, AStepOnShardsEqualsTheStepOnAll) {
  const std::vector<Shape> sizes = shapes();
  for (const OptimizerSpec& spec : specs()) {
    const auto whole = parameters(sizes), shared = parameters(sizes);
    Optimizer all(spec, whole);
    std::vector<TrainedParameter> even, odd;
    for (std::size_t i = 0; i < shared.size(); ++i) (i % 2 == 0 ? even : odd).push_back(shared[i]);
    Optimizer first(spec, even), second(spec, odd);
    for (std::uint64_t step = 1; step <= 3; ++step) {
      const auto g = gradients(sizes, step);
      std::vector<Tensor> g_even, g_odd;
      for (std::size_t i = 0; i < g.size(); ++i) (i % 2 == 0 ? g_even : g_odd).push_back(g[i]);
      all.step(g, 0.01);
      second.step(g_odd, 0.01);
      first.step(g_even, 0.01);
    }
    NamedTensors merged = first.state();
    merged.merge(second.state());
    const NamedTensors state = all.state();
    ASSERT_EQ(merged.size(), state.size());
    for (const auto& [name, tensor] : state)
      if (tensor.dtype() == DType::kF32) {
        EXPECT_EQ(same_bits(tensor, merged.at(name)), "") << name;
      }
    for (std::size_t i = 0; i < sizes.size(); ++i)
      EXPECT_EQ(same_bits(whole[i].weight->value(), shared[i].weight->value()), "") << sizes[i].text();
  }
}

TEST(Optimizer, SavingAndLoadingContinuesTheRunBitByBit) {
  const std::vector<Shape> sizes = shapes();
  const check::TemporaryFolder folder;
  for (const OptimizerSpec& spec : specs()) {
    const auto trained = parameters(sizes);
    Optimizer optimizer(spec, trained);
    auto g = gradients(sizes, 1);
    g[2] = {};  // has taken a step less than the others
    optimizer.step(g, 0.01);
    optimizer.step(gradients(sizes, 2), 0.01);
    const NamedTensors state = optimizer.state();
    write_safetensors(folder / "state.safetensors",
                      std::vector<std::pair<std::string, Tensor>>(state.begin(), state.end()));
    std::vector<TrainedParameter> again;
    for (const TrainedParameter& p : trained)
      again.push_back({.weight = std::make_shared<Weight>(p.weight->name(), p.weight->value().clone()),
                       .weight_decay = p.weight_decay,
                       .rate_scale = p.rate_scale});
    Optimizer resumed(spec, again);
    const Safetensors file = Safetensors::open(folder / "state.safetensors");
    NamedTensors loaded;
    for (const SafetensorsEntry& entry : file.entries()) loaded[entry.name] = file.tensor(entry);
    resumed.load_state(loaded);
    EXPECT_EQ(resumed.steps(), 2);
    optimizer.step(gradients(sizes, 3), 0.01);
    resumed.step(gradients(sizes, 3), 0.01);
    const auto want = everything(trained, optimizer), found = everything(again, resumed);
    ASSERT_EQ(found.size(), want.size());
    for (std::size_t i = 0; i < want.size(); ++i) EXPECT_EQ(same_bits(found[i], want[i]), "");
  }
}

TEST(Optimizer, AParameterWithoutAGradientIsLeftAlone) {
  for (const OptimizerSpec& spec : specs()) {
    const std::vector<Shape> sizes{{5, 3}, {4}};
    const auto trained = parameters(sizes);
    Optimizer optimizer(spec, trained);
    optimizer.step(gradients(sizes, 1), 0.1);
    const auto before = everything(trained, optimizer);
    const std::uint64_t version = trained[0].weight->version();
    optimizer.step(std::vector<Tensor>(2), 0.1);
    const auto after = everything(trained, optimizer);
    for (std::size_t i = 0; i < before.size(); ++i) EXPECT_EQ(same_bits(before[i], after[i]), "");
    EXPECT_EQ(trained[0].weight->version(), version);
    EXPECT_EQ(optimizer.steps(), 2);
    EXPECT_EQ(optimizer.state().at("step.p0").data<std::int64_t>()[0], 1);
  }
}

// g times the scale is rounded once, exactly as a gradient scaled beforehand.
TEST(Optimizer, TheGradientScaleIsThatOfScaledGradients) {
  const std::vector<Shape> sizes = shapes();
  constexpr float kScale = 0.37f;
  for (const OptimizerSpec& spec : specs()) {
    const auto left = parameters(sizes), right = parameters(sizes);
    Optimizer a(spec, left), b(spec, right);
    for (std::uint64_t step = 1; step <= 2; ++step) {
      const auto g = gradients(sizes, step);
      a.step(g, 0.01, static_cast<double>(kScale));
      std::vector<Tensor> scaled;
      for (const Tensor& t : g) {
        scaled.push_back(t.clone());
        for (float& x :
             std::span(scaled.back().mutable_data<float>(), static_cast<std::size_t>(t.elements())))
          x *= kScale;
      }
      b.step(scaled, 0.01);
    }
    for (std::size_t i = 0; i < sizes.size(); ++i)
      EXPECT_EQ(same_bits(left[i].weight->value(), right[i].weight->value()), "") << sizes[i].text();
  }
}

TEST(Optimizer, NaNAndInfinityComeThrough) {
  for (const OptimizerSpec& spec : specs())
    for (const float bad : {std::nanf(""), HUGE_VALF}) {
      const std::vector<Shape> sizes{{5, 3}, {4}, {33}};
      const auto trained = parameters(sizes);
      Optimizer optimizer(spec, trained);
      auto g = gradients(sizes, 1);
      g[0].mutable_data<float>()[7] = bad;
      EXPECT_FALSE(std::isfinite(global_norm(g)));
      optimizer.step(g, 0.1);
      EXPECT_FALSE(std::isfinite(trained[0].weight->value().data<float>()[7])) << static_cast<int>(spec.kind);
      for (const float x : trained[2].weight->value().values<float>()) EXPECT_TRUE(std::isfinite(x));
    }
}

TEST(Optimizer, LambOnWeightsOrUpdatesOfNormZeroMovesByTheRateAlone) {
  const OptimizerSpec spec{.kind = OptimizerKind::kLamb};
  auto w = std::make_shared<Weight>("w", Tensor::zeros({2, 3}));
  Optimizer optimizer(spec, {{.weight = w}});
  optimizer.step(std::vector{Tensor::full({2, 3}, 2.0f)}, 0.5);
  for (const float x : w->value().values<float>()) EXPECT_NEAR(x, -0.5, 1e-6);  // m / sqrt(v) is 1 at first
  auto still = std::make_shared<Weight>("still", Tensor::full({2, 3}, 3.0f));
  Optimizer idle(spec, {{.weight = still}});
  idle.step(std::vector{Tensor::zeros({2, 3})}, 0.5);
  for (const float x : still->value().values<float>()) EXPECT_EQ(x, 3.0f);
}

// At the first step m / sqrt(v) is the gradient's sign and nothing else where epsilon is 0, so that |u| is
// sqrt(n), whatever lies beyond the end of a row of n. A few roundings in f32.
TEST(Optimizer, LambMovesAWeightByItsNormTimesTheRate) {
  for (std::int64_t n = 1; n <= 35; ++n) {
    const Tensor before = random_tensor({1, n}, 1), g = random_tensor({1, n}, 2);
    const auto w = std::make_shared<Weight>("w", before.clone());
    Optimizer optimizer({.kind = OptimizerKind::kLamb, .epsilon = 0}, {{.weight = w}});
    optimizer.step(std::vector{g}, 0.25);
    const double move = 0.25 * global_norm(std::vector{before}) / std::sqrt(static_cast<double>(n));
    for (std::int64_t i = 0; i < n; ++i)
      EXPECT_NEAR(w->value().data<float>()[i],
                  static_cast<double>(before.data<float>()[i]) - std::copysign(move, g.data<float>()[i]),
                  1e-6)
          << n;
  }
}

TEST(Optimizer, StateBytesAreThoseOfTheState) {
  const std::vector<Shape> sizes = shapes();
  for (const OptimizerSpec& spec : specs()) {
    std::uint64_t bytes = 0;
    for (const auto& [name, tensor] : Optimizer(spec, parameters(sizes)).state()) bytes += tensor.bytes();
    EXPECT_EQ(state_bytes(spec, sizes), bytes);
  }
  const Shape huge[] = {{std::int64_t{1} << 31, std::int64_t{1} << 31}, {std::int64_t{1} << 61}};
  EXPECT_EQ(state_bytes({}, huge), std::numeric_limits<std::uint64_t>::max());
}

TEST(Optimizer, RefusesAStateThatDoesNotFitAndStaysAsItWas) {
  const std::vector<Shape> sizes{{5, 3}, {4}};
  const auto trained = parameters(sizes);
  Optimizer optimizer({}, trained);
  optimizer.step(gradients(sizes, 1), 0.1);
  const auto before = everything(trained, optimizer);
  const auto refuses = [&](const char* part, auto change) {
    NamedTensors state;
    for (const auto& [name, tensor] : optimizer.state()) state[name] = tensor.clone();
    change(state);
    expect_error(Errc::kData, part, [&] { optimizer.load_state(state); });
    EXPECT_EQ(optimizer.steps(), 1);
    const auto after = everything(trained, optimizer);
    for (std::size_t i = 0; i < before.size(); ++i) EXPECT_EQ(same_bits(before[i], after[i]), "") << part;
  };
  const auto count = [](std::int64_t n) { return Tensor::of<std::int64_t>({}, std::span(&n, 1)); };
  refuses("found no 'exp_avg.p1', expected F32 [4]", [](auto& s) { s.erase("exp_avg.p1"); });
  refuses("found no 'exp_avg.p1', expected F32 [4]", [](auto& s) { s["exp_avg.p1"] = Tensor(); });
  refuses("'exp_avg_sq.p0': found F32 [3, 5], expected F32 [5, 3]", [](auto& s) {
    s["exp_avg_sq.p0"] = Tensor::zeros({3, 5});
  });
  refuses("'exp_avg_sq.p0': found F32 [15], expected F32 [5, 3]",
          [](auto& s) { s["exp_avg_sq.p0"] = Tensor::zeros({15}); });
  refuses("'exp_avg.p0': found F64 [5, 3], expected F32 [5, 3]", [](auto& s) {
    s["exp_avg.p0"] = Tensor::zeros({5, 3}, DType::kF64);
  });
  refuses("found no 'step', expected I64 []", [](auto& s) { s.erase("step"); });
  refuses("'step': found F32 [], expected I64 []", [](auto& s) { s["step"] = Tensor::zeros({}); });
  refuses("'step': found -1, expected 0 to", [&](auto& s) { s["step"] = count(-1); });
  refuses("'step': found 9223372036854775807, expected 0 to",
          [&](auto& s) { s["step"] = count(std::numeric_limits<std::int64_t>::max()); });
  refuses("'step.p0': found 2, expected 0 to 1", [&](auto& s) { s["step.p0"] = count(2); });
  refuses("'step.p1': found 8, expected 0 to 7", [&](auto& s) {
    s["step"] = s["step.p0"] = count(7);
    s["step.p1"] = count(8);
  });
  refuses("found 'exp_avg.p2', which belongs to nothing here",
          [](auto& s) { s["exp_avg.p2"] = Tensor::zeros({4}); });
  refuses("found no 'step.p0'", [](auto& s) { s = {{"step", Tensor::zeros({}, DType::kI64)}}; });
}

TEST(Optimizer, SaysWhatDoesNotFit) {
  const auto refuses = [](const char* part, const OptimizerSpec& spec) {
    expect_error(Errc::kData, part, [&] { Optimizer(spec, {}); });
  };
  for (const double beta : {1.0, -0.1, std::nan("")}) {
    refuses("found beta1 = ", {.beta1 = beta});
    refuses("found beta2 = ", {.beta2 = beta});
    refuses("found momentum = ", {.sgd = {.momentum = beta}});
    refuses("found dampening = ", {.sgd = {.dampening = beta}});
    refuses("found adafactor's beta1 = ", {.adafactor = {.beta1 = beta}});
  }
  for (const double number : {-1e-9, std::nan(""), HUGE_VAL}) {
    refuses("found epsilon = ", {.epsilon = number});
    refuses("found epsilon1 = ", {.adafactor = {.epsilon1 = number}});
    refuses("found epsilon2 = ", {.adafactor = {.epsilon2 = number}});
  }
  refuses("found clip_threshold = 0", {.adafactor = {.clip_threshold = 0}});
  refuses("found decay_rate = 0.8, expected less than 0", {.adafactor = {.decay_rate = 0.8}});
  refuses("found nesterov with momentum = 0", {.sgd = {.nesterov = true}});
  refuses("and dampening = 0.1", {.sgd = {.momentum = 0.9, .dampening = 0.1, .nesterov = true}});

  const auto w = std::make_shared<Weight>("w", Tensor::zeros({2, 3}));
  const auto with = [&](const TrainedParameter& p) { return Optimizer({}, {p}); };
  expect_error(Errc::kData, "without a weight", [&] { with({}); });
  expect_error(Errc::kData, "found two parameters named 'w'", [&] {
    Optimizer({}, {{.weight = w}, {.weight = w}});
  });
  expect_error(Errc::kData, "found weight_decay = -1", [&] { with({.weight = w, .weight_decay = -1}); });
  expect_error(Errc::kData, "found rate_scale = inf", [&] { with({.weight = w, .rate_scale = HUGE_VAL}); });
  expect_error(Errc::kUnsupported, "'q' is quantised", [&] {
    with({.weight = std::make_shared<Weight>("q", Tensor::zeros({2, 3}, DType::kI8),
                                             Orientation::kOutputsInputs, Tensor::zeros({2}))});
  });

  Optimizer optimizer = with({.weight = w});
  const auto step = [&](std::vector<Tensor> g, double rate) { optimizer.step(g, rate); };
  for (const double rate : {-0.1, std::nan(""), HUGE_VAL})
    expect_error(Errc::kData, "found rate = ", [&] { step({Tensor::zeros({2, 3})}, rate); });
  expect_error(Errc::kData, "found 0 gradients, expected 1", [&] { step({}, 1); });
  expect_error(Errc::kData, "gradient of 'w': found [3, 2], expected [2, 3]", [&] {
    step({Tensor::zeros({3, 2})}, 1);
  });
  expect_error(Errc::kData, "gradient of 'w': found F64, expected contiguous F32", [&] {
    step({Tensor::zeros({2, 3}, DType::kF64)}, 1);
  });
  expect_error(Errc::kData, "gradient of 'w': found F32 with a row stride, expected contiguous F32", [&] {
    step({Tensor::zeros({2, 5}).columns(1, 4)}, 1);
  });
  EXPECT_EQ(optimizer.steps(), 0);
}

// The sum in double has an error far below 2^-40.
TEST(GlobalNorm, IsTheRootOfTheSumOfSquares) {
  for (const Shape& shape : shapes()) {
    const Tensor a = random_tensor(shape, 1), b = random_tensor({7}, 2);
    double sum = 0;
    for (const Tensor& t : {a, b})
      for (const float x : t.values<float>()) sum += static_cast<double>(x) * static_cast<double>(x);
    EXPECT_NEAR(global_norm(std::vector{a, Tensor(), b}), std::sqrt(sum), std::sqrt(sum) * 0x1p-40);
  }
  EXPECT_EQ(global_norm({}), 0);
}

TEST(GlobalNorm, DoesNotOverflowOrVanishInF32) {
  EXPECT_NEAR(global_norm(std::vector{Tensor::full({4}, 0x1p120f)}), 0x1p121, 0x1p81);
  EXPECT_NEAR(global_norm(std::vector{Tensor::full({4}, 0x1p-120f)}), 0x1p-119, 0x1p-159);
}

TEST(GlobalNorm, HasTheSameBitsForEveryThreadCountAndInstructionSetAndFromShards) {
  std::vector<Tensor> g;
  for (const Shape& shape : shapes()) g.push_back(random_tensor(shape, g.size()));
  const double want = global_norm(g);
  EXPECT_EQ(check::same_bits_everywhere([&] {
              Tensor same = Tensor::zeros({1});
              same.mutable_data<float>()[0] = global_norm(g) == want ? 1.0f : 0.0f;
              return std::vector{same};
            }),
            "");
  double sum = 0;
  for (const Tensor& t : g) sum += squared_norms(std::vector{t})[0];
  EXPECT_EQ(std::sqrt(sum), want);
}

}  // namespace
}  // namespace lyceum
