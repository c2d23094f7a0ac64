// Against what PyTorch and others compute (golden/make_golden.py): 10 and 100 steps, weights and states.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <optional>
#include <set>

#include "formats/safetensors.h"
#include "train/optimizer/optimizer.h"
#include "train/schedule/schedule.h"

namespace lyceum {
namespace {

// number() of make_golden.py
Tensor drawn(std::uint32_t stream, const Shape& shape) {
  Tensor t = Tensor::empty(shape);
  for (std::int64_t i = 0; i < t.elements(); ++i) {
    std::uint32_t x = static_cast<std::uint32_t>(i) * 0x9E3779B1u + stream * 0x85EBCA77u + 1u;
    x ^= x >> 15;
    x *= 0x2C1B3C6Du;
    x ^= x >> 12;
    t.mutable_data<float>()[i] = static_cast<float>(x >> 16) / 65536.0f - 0.5f;
  }
  return t;
}

Tensor gradient(std::uint32_t k, std::uint32_t step, const Shape& shape) {
  Tensor sum = drawn(1000 * (k + 1) + step, shape);
  const Tensor mean = drawn(1000 * (k + 1), shape);
  for (std::int64_t i = 0; i < sum.elements(); ++i) sum.mutable_data<float>()[i] += mean.data<float>()[i];
  return sum;
}

struct Parameter {
  const char* name;
  Shape shape;
  bool decays;
  double rate_scale;
};
const Parameter kParameters[] = {{"vector", {37}, false, 1},
                                 {"matrix", {7, 17}, true, 1},
                                 {"tiny", {1}, false, 1},
                                 {"cube", {2, 3, 5}, true, 0.5},
                                 {"wide", {2, 35}, true, 1}};

struct Case {
  const char* name;
  OptimizerSpec spec;
  double weight_decay = 0;
  bool misses = true;                      // the first parameter has a gradient at odd steps only
  std::optional<ScheduleSpec> relative{};  // Adafactor's own rate, with a peak of 0.01
};

std::vector<Case> cases() {
  constexpr auto kSgd = OptimizerKind::kSgd;
  constexpr auto kLamb = OptimizerKind::kLamb;
  constexpr auto kAdafactor = OptimizerKind::kAdafactor;
  const ScheduleSpec relative{.kind = ScheduleKind::kInverseSqrt, .warmup_steps = 10000, .ramp = false},
      warmup{.kind = ScheduleKind::kInverseSqrt, .warmup_steps = 10000};
  return {
      {"adamw", {}, 0.1},
      {"adamw_settings", {.beta1 = 0.8, .beta2 = 0.95, .epsilon = 1e-3}},
      {"adam", {.kind = OptimizerKind::kAdam}, 0.1},
      {"bert", {.epsilon = 1e-6, .bias_correction = false}, 0.1},
      {"sgd", {.kind = kSgd}, 0.1},
      {"momentum", {.kind = kSgd, .sgd = {.momentum = 0.9}}, 0.1},
      {"dampening", {.kind = kSgd, .sgd = {.momentum = 0.8, .dampening = 0.3}}},
      {"nesterov", {.kind = kSgd, .sgd = {.momentum = 0.9, .nesterov = true}}, 0.1},
      {"lamb", {.kind = kLamb, .epsilon = 1e-6}, 0.1, false},
      {"lamb_paper", {.kind = kLamb, .epsilon = 1e-6, .lamb = {.exclude_vectors = false}}, 0, false},
      {"lamb_authors", {.kind = kLamb, .epsilon = 1e-6, .bias_correction = false}, 0.1},
      {"adafactor", {.kind = kAdafactor}, 0.1},
      {"adafactor_plain",
       {.kind = kAdafactor,
        .adafactor = {.epsilon1 = 1e-4,
                      .epsilon2 = 1e-2,
                      .clip_threshold = 0.7,
                      .decay_rate = -0.6,
                      .scale_parameter = false}}},
      {"adafactor_momentum", {.kind = kAdafactor, .adafactor = {.beta1 = 0.9}}, 0.1},
      {"adafactor_relative", {.kind = kAdafactor}, 0, false, relative},
      {"adafactor_warmup", {.kind = kAdafactor}, 0, false, warmup},
  };
}

class OptimizerGolden : public ::testing::Test {
 protected:
  void SetUp() override {
    const Safetensors file =
        Safetensors::open(LYCEUM_SOURCE_DIR "/src/train/optimizer/golden/optimizers.safetensors");
    for (const SafetensorsEntry& entry : file.entries()) golden_[entry.name] = file.tensor(entry);
  }

  // Relative to the largest of them: one unit in the last place a step. A step rounds a weight once here and
  // twice in PyTorch, which also rounds the factor 1 - rate w; roundings of the moments are weighed by what
  // remains of them. They go both ways: the most that is seen is 0.3 units a step.
  void expect_close(const std::vector<float>& found, const std::string& name, int steps) {
    ASSERT_TRUE(golden_.contains(name)) << name;
    const std::vector<float> want = golden_.at(name).values<float>();
    ASSERT_EQ(found.size(), want.size()) << name;
    double most = 0;
    for (const float value : want) most = std::max(most, std::fabs(static_cast<double>(value)));
    for (std::size_t i = 0; i < want.size(); ++i)
      ASSERT_NEAR(found[i], want[i], most * steps * 0x1p-23) << name << " at " << i;
    seen_.insert(name);
  }

  std::map<std::string, Tensor> golden_;
  std::set<std::string> seen_;
};

TEST_F(OptimizerGolden, TenAndAHundredStepsAreThoseOfTheReferences) {
  for (const Case& c : cases()) {
    std::vector<TrainedParameter> parameters;
    std::uint32_t stream = 0;
    for (const Parameter& p : kParameters)
      parameters.push_back({.weight = std::make_shared<Weight>(p.name, drawn(stream++, p.shape)),
                            .weight_decay = p.decays ? c.weight_decay : 0,
                            .rate_scale = c.relative ? 1 : p.rate_scale});
    Optimizer optimizer(c.spec, parameters);
    const std::string prefix = std::string(c.name) + ".";
    for (std::uint32_t step = 1; step <= 100; ++step) {
      std::vector<Tensor> gradients;
      for (std::uint32_t k = 0; k < parameters.size(); ++k)
        gradients.push_back(c.misses && k == 0 && step % 2 == 0 ? Tensor()
                                                                : gradient(k, step, kParameters[k].shape));
      optimizer.step(gradients,
                     c.relative ? learning_rate_at(*c.relative, 0.01, step) : 0.02 * (1 - step / 200.0));
      if (step != 10 && step != 100) continue;
      std::vector<float> weights;
      for (const TrainedParameter& p : parameters)
        for (const float value : p.weight->value().values<float>()) weights.push_back(value);
      expect_close(weights, prefix + std::to_string(step) + ".weights", static_cast<int>(step));
    }
    const NamedTensors state = optimizer.state();
    std::map<std::string, std::vector<float>> kept;
    for (const Parameter& p : kParameters)
      for (const StateTensor& tensor : state_layout(c.spec, p.name, p.shape))
        if (tensor.dtype == DType::kF32)
          for (const float value : state.at(tensor.name).values<float>())
            kept[tensor.name.substr(0, tensor.name.find('.'))].push_back(value);
    for (const auto& [what, values] : kept) expect_close(values, prefix + "100." + what, 100);
    EXPECT_EQ(state.at("step.vector").data<std::int64_t>()[0], c.misses ? 50 : 100);
    EXPECT_EQ(optimizer.steps(), 100);
  }
  for (const auto& [name, tensor] : golden_) EXPECT_TRUE(seen_.contains(name)) << name << " was not compared";
}

}  // namespace
}  // namespace lyceum
