#include "train/optimizer/ema.h"

#include <gtest/gtest.h>

#include <cmath>

#include "check/expect_error.h"
#include "check/gradcheck.h"

namespace lyceum {
namespace {

using check::expect_error;
using check::random_tensor;
using check::same_bits;

WeightPtr weight(const char* name, Shape shape, std::uint64_t seed) {
  return std::make_shared<Weight>(name, random_tensor(shape, seed));
}

// A rounding in f32 for each of 20 updates.
TEST(Ema, IsTheAverageThatItsFormulaSays) {
  const WeightPtr w = weight("w", {5, 7}, 0);
  Ema ema(0.9, {w});
  std::vector<double> want(35);
  for (std::size_t i = 0; i < 35; ++i) want[i] = static_cast<double>(w->value().data<float>()[i]);
  for (std::uint64_t step = 1; step <= 20; ++step) {
    w->assign(random_tensor({5, 7}, step));
    ema.update();
    for (std::size_t i = 0; i < 35; ++i)
      want[i] += 0.1 * (static_cast<double>(w->value().data<float>()[i]) - want[i]);
  }
  for (std::size_t i = 0; i < 35; ++i)
    EXPECT_NEAR(ema.state().at("ema.w").data<float>()[i], want[i], 20 * 0x1p-24);
}

TEST(Ema, StandsInForTheWeightsAndLeavesThemAsTheyWere) {
  const WeightPtr w = weight("w", {5, 7}, 0);
  w->set_trainable(true);
  const Variable variable = w->variable();
  Ema ema(0.5, {w});
  w->assign(random_tensor({5, 7}, 1));
  ema.update();
  const Tensor own = w->value().clone(), average = ema.state().at("ema.w").clone();
  EXPECT_NE(same_bits(own, average), "");
  const std::uint64_t version = w->version();
  {
    const Ema::InPlace averaged(ema);
    EXPECT_EQ(same_bits(w->value(), average), "");
    EXPECT_GT(w->version(), version);
    EXPECT_EQ(w->variable(), variable);
    expect_error(Errc::kInternal, "ema: update while", [&] { ema.update(); });
    expect_error(Errc::kInternal, "ema: state while", [&] { ema.state(); });
    expect_error(Errc::kInternal, "ema: load_state while", [&] { ema.load_state({}); });
    expect_error(Errc::kInternal, "ema: another exchange while", [&] { const Ema::InPlace twice(ema); });
  }
  EXPECT_EQ(same_bits(w->value(), own), "");
  EXPECT_EQ(same_bits(ema.state().at("ema.w"), average), "");
  EXPECT_EQ(w->variable(), variable);
}

TEST(Ema, HasTheSameBitsForEveryThreadCountAndInstructionSet) {
  EXPECT_EQ(check::same_bits_everywhere([] {
              std::vector<WeightPtr> weights{weight("a", {40000}, 1), weight("b", {3, 11}, 2)};
              Ema ema(0.999, weights);
              for (const WeightPtr& w : weights) w->assign(random_tensor(w->shape(), 3));
              ema.update();
              const NamedTensors state = ema.state();
              return std::vector{state.at("ema.a").clone(), state.at("ema.b").clone()};
            }),
            "");
}

TEST(Ema, TakesBackItsStateAndRefusesWhatDoesNotFit) {
  const WeightPtr w = weight("w", {5, 7}, 0);
  Ema ema(0.5, {w});
  const Tensor saved = random_tensor({5, 7}, 9);
  ema.load_state({{"ema.w", saved}});
  EXPECT_EQ(same_bits(ema.state().at("ema.w"), saved), "");
  ema.load_state(ema.state());
  EXPECT_EQ(same_bits(ema.state().at("ema.w"), saved), "");
  expect_error(Errc::kData, "ema: found no 'ema.w', expected F32 [5, 7]", [&] { ema.load_state({}); });
  expect_error(Errc::kData, "'ema.w': found F32 [7, 5], expected F32 [5, 7]", [&] {
    ema.load_state({{"ema.w", Tensor::zeros({7, 5})}});
  });
  expect_error(Errc::kData, "found 'ema.v', which belongs to nothing here", [&] {
    ema.load_state({{"ema.w", Tensor::zeros({5, 7})}, {"ema.v", saved}});
  });
  EXPECT_EQ(same_bits(ema.state().at("ema.w"), saved), "");
}

TEST(Ema, SaysWhatDoesNotFit) {
  for (const double decay : {1.0, -0.1, std::nan("")})
    expect_error(Errc::kData, "expected 0 <= decay < 1", [&] { Ema(decay, {}); });
  const WeightPtr w = weight("w", {2}, 0);
  expect_error(Errc::kData, "found two weights named 'w'", [&] { Ema(0.9, {w, w}); });
}

}  // namespace
}  // namespace lyceum
