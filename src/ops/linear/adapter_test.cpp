#include <gtest/gtest.h>

#include <cmath>

#include "check/gradcheck.h"
#include "check/message_of.h"
#include "kernels/narrow/narrow.h"
#include "ops/activation/activation.h"
#include "ops/columns/columns.h"
#include "ops/linear/adapter_dropout.h"
#include "ops/linear/linear.h"

namespace lyceum {
namespace {

using check::random_tensor;

WeightPtr named_weight(const std::string& name, Tensor value,
                       Orientation orientation = Orientation::kOutputsInputs) {
  return std::make_shared<Weight>(name, std::move(value), orientation);
}

// Inputs: x, A, B (and a residual). The weights take the values and the variables of the inputs.
struct Adapted {
  static constexpr std::int64_t kTokens = 5, kInputs = 17, kOutputs = 33, kRank = 3;
  static constexpr float kScale = 1.7f;
  Tensor w = random_tensor({kOutputs, kInputs}, 2), b = random_tensor({kOutputs}, 3);

  std::vector<Tensor> inputs(bool with_residual) const {
    std::vector<Tensor> in{random_tensor({kTokens, kInputs}, 1), random_tensor({kRank, kInputs}, 4),
                           random_tensor({kOutputs, kRank}, 5)};
    if (with_residual) in.push_back(random_tensor({kTokens, kOutputs}, 6));
    return in;
  }
  double sum(const std::vector<Tensor>& in, std::int64_t t, std::int64_t o) const {
    double u = check::at(b, o);
    for (std::int64_t c = 0; c < kInputs; ++c) {
      double change = 0;
      for (std::int64_t r = 0; r < kRank; ++r)
        change += check::at(in[2], o * kRank + r) * check::at(in[1], r * kInputs + c);
      u += check::at(in[0], t * kInputs + c) *
           (check::at(w, o * kInputs + c) + static_cast<double>(kScale) * change);
    }
    return u;
  }
};

// What the tape finds for weights: their gradients beside x's, along a random cotangent.
struct Found {
  Tensor y, dx, da, db;
};
Found with_all_gradients(const Linear& linear, const LowRank& change, const Tensor& x0, Activation f,
                         const Tensor& residual) {
  Found out;
  Tape tape;
  const Tensor x = tape.watch(x0);
  change.down->set_trainable(true);
  change.up->set_trainable(true);
  {
    const Tape::Recording on(tape);
    out.y = linear(x, f, residual);
  }
  const Gradients g = tape.backward({{out.y, random_tensor(out.y.shape(), 9)}});
  out.dx = g.of(x);
  out.da = *g.find(change.down->variable());
  out.db = *g.find(change.up->variable());
  return out;
}

// Beside the weight W + s B A, whole: the same function and the same dx; dA = s B^T dW, dB = s dW A^T.
TEST(Adapter, IsTheWeightPlusTheProductWithItsGradients) {
  const Adapted k;
  for (const Activation f : {Activation::kNone, Activation::kGeluErf, Activation::kTanh})
    for (const bool with_residual : {false, true}) {
      const std::vector<Tensor> in = k.inputs(with_residual);
      const Tensor residual = with_residual ? in[3] : Tensor();
      const LowRank change{
          .down = named_weight("a", in[1]), .up = named_weight("b", in[2]), .scale = Adapted::kScale};
      Linear linear(named_weight("w", k.w), named_weight("bias", k.b));
      linear.adapt(0, change);
      const Found got = with_all_gradients(linear, change, in[0], f, residual);
      for (std::int64_t t = 0; t < Adapted::kTokens; ++t)
        for (std::int64_t o = 0; o < Adapted::kOutputs; ++o)
          ASSERT_NEAR(check::at(got.y, t * Adapted::kOutputs + o),
                      activation_definition(f, k.sum(in, t, o)) +
                          (with_residual ? check::at(in[3], t * Adapted::kOutputs + o) : 0),
                      2e-5);  // 17 products below 6 and their roundings

      Tensor sum = k.w.clone();
      for (std::int64_t o = 0; o < Adapted::kOutputs; ++o)
        for (std::int64_t c = 0; c < Adapted::kInputs; ++c)
          for (std::int64_t r = 0; r < Adapted::kRank; ++r)
            sum.mutable_row<float>(o)[c] += Adapted::kScale * in[2].row<float>(o)[r] * in[1].row<float>(r)[c];
      const WeightPtr whole = named_weight("whole", sum);
      whole->set_trainable(true);
      const Linear merged(whole, named_weight("bias", k.b));
      Tape tape;
      const Tensor x = tape.watch(in[0]);
      Tensor y;
      {
        const Tape::Recording on(tape);
        y = merged(x, f, residual);
      }
      const Gradients g = tape.backward({{y, random_tensor(y.shape(), 9)}});
      const Tensor dx = g.of(x), dw = *g.find(whole->variable());
      for (std::int64_t i = 0; i < dx.elements(); ++i)
        ASSERT_NEAR(check::at(got.dx, i), check::at(dx, i), 5e-5) << static_cast<int>(f);
      for (std::int64_t r = 0; r < Adapted::kRank; ++r) {
        for (std::int64_t c = 0; c < Adapted::kInputs; ++c) {
          double want = 0;
          for (std::int64_t o = 0; o < Adapted::kOutputs; ++o)
            want += check::at(in[2], o * Adapted::kRank + r) * check::at(dw, o * Adapted::kInputs + c);
          ASSERT_NEAR(check::at(got.da, r * Adapted::kInputs + c),
                      static_cast<double>(Adapted::kScale) * want, 1e-4);
        }
        for (std::int64_t o = 0; o < Adapted::kOutputs; ++o) {
          double want = 0;
          for (std::int64_t c = 0; c < Adapted::kInputs; ++c)
            want += check::at(dw, o * Adapted::kInputs + c) * check::at(in[1], r * Adapted::kInputs + c);
          ASSERT_NEAR(check::at(got.db, o * Adapted::kRank + r), static_cast<double>(Adapted::kScale) * want,
                      1e-4);
        }
      }
    }
}

TEST(Adapter, OfOnePartOfAFusedProductLeavesTheOthersTheirBits) {
  const auto part = [](std::uint64_t seed, std::int64_t outputs) {
    return LinearPart{named_weight("w", random_tensor({outputs, 9}, seed)),
                      named_weight("b", random_tensor({outputs}, seed + 1))};
  };
  const std::vector<LinearPart> parts{part(1, 4), part(3, 5), part(5, 6)};
  const Tensor x = random_tensor({7, 9}, 8);
  const Tensor plain = Linear(parts)(x);
  Linear fused(parts);
  const LowRank change{.down = named_weight("a", random_tensor({2, 9}, 11)),
                       .up = named_weight("u", random_tensor({5, 2}, 12))};
  fused.adapt(1, change);
  const Tensor y = fused(x);
  EXPECT_EQ(check::same_bits(y.columns(0, 4).clone(), plain.columns(0, 4).clone()), "");
  EXPECT_EQ(check::same_bits(y.columns(9, 15).clone(), plain.columns(9, 15).clone()), "");
  Linear alone({parts[1]});
  alone.adapt(0, change);
  const Tensor middle = alone(x), of_fused = y.columns(4, 9).clone();
  for (std::int64_t i = 0; i < middle.elements(); ++i)
    ASSERT_NEAR(check::at(of_fused, i), check::at(middle, i), 1e-5);
  EXPECT_NE(check::same_bits(of_fused, plain.columns(4, 9).clone()), "");
}

TEST(Adapter, HasTheSameBitsForEveryThreadCountAndInstructionSet) {
  const Adapted k;
  const std::vector<Tensor> in = k.inputs(false);
  for (const bool is_int8 : {false, true})
    EXPECT_EQ(check::same_bits_everywhere([&] {
                const LowRank change{.down = named_weight("a", in[1]), .up = named_weight("b", in[2])};
                const WeightPtr w = named_weight("w", k.w);
                if (is_int8) w->quantize();
                Linear linear(w, nullptr);
                linear.adapt(0, change);
                const Found got = with_all_gradients(linear, change, in[0], Activation::kGeluErf, {});
                return std::vector<Tensor>{got.y, got.dx, got.da, got.db};
              }),
              "");
}

TEST(Adapter, OfAnotherShapeIsRefused) {
  Linear linear(named_weight("w", random_tensor({4, 6}, 1)), nullptr);
  EXPECT_EQ(check::message_of(Errc::kData,
                              [&] {
                                linear.adapt(0, {.down = named_weight("a", random_tensor({2, 5}, 1)),
                                                 .up = named_weight("u", random_tensor({4, 2}, 1))});
                              }),
            "adapter: a is [2, 5], expected [R, C] with C = 6 as bound by w");
  EXPECT_NE(check::message_of(Errc::kData,
                              [&] {
                                linear.adapt(0, {.down = named_weight("a", random_tensor({2, 6}, 1)),
                                                 .up = named_weight("u", random_tensor({4, 3}, 1))});
                              })
                .find("u is [4, 3], expected [D, R]"),
            std::string::npos);
}

// --- over a base in int8

TEST(QuantizedWeight, HasTheBitsOfComputeInt8InBothOrientations) {
  const Tensor x = random_tensor({6, 70}, 1);
  for (const bool out_in : {true, false}) {
    const auto of = [&] {
      return named_weight("w", random_tensor(out_in ? Shape{33, 70} : Shape{70, 33}, 2),
                          out_in ? Orientation::kOutputsInputs : Orientation::kInputsOutputs);
    };
    Linear rounded(of(), nullptr);
    rounded.set_compute(Compute::kInt8);
    const WeightPtr stored = of();
    stored->quantize();
    EXPECT_EQ(stored->value().dtype(), DType::kI8);
    EXPECT_EQ(check::same_bits(Linear(stored, nullptr)(x), rounded(x)), "") << out_in;
    // half a step of each output's scale, which is its largest value over 127
    const Tensor back = stored->f32(), was = of()->f32();
    for (std::int64_t i = 0; i < was.elements(); ++i)
      ASSERT_NEAR(check::at(back, i), check::at(was, i), 0.5 / 127 + 1e-6) << out_in;
  }
  const WeightPtr bad = named_weight("bad", Tensor::full({2, 3}, INFINITY));
  EXPECT_NE(check::message_of(Errc::kData, [&] { bad->quantize(); }).find("its output 0 holds"),
            std::string::npos);
}

// dx = du W with W as it is stored: exact but for the product's rounding, for more columns than one block
// has.
TEST(QuantizedWeight, GivesTheGradientOfTheStoredValues) {
  for (const bool out_in : {true, false}) {
    const std::int64_t inputs = 300, outputs = 20, tokens = 3;
    const WeightPtr stored =
        named_weight("w", random_tensor(out_in ? Shape{outputs, inputs} : Shape{inputs, outputs}, 2),
                     out_in ? Orientation::kOutputsInputs : Orientation::kInputsOutputs);
    stored->quantize();
    const Linear linear(stored, named_weight("b", random_tensor({outputs}, 3)));
    Tape tape;
    const Tensor x = tape.watch(random_tensor({tokens, inputs}, 1));
    Tensor y;
    {
      const Tape::Recording on(tape);
      y = linear(x);
    }
    const Tensor dy = random_tensor(y.shape(), 9), dx = tape.backward({{y, dy}}).of(x), w = stored->f32();
    for (std::int64_t t = 0; t < tokens; ++t)
      for (std::int64_t c = 0; c < inputs; ++c) {
        double want = 0;
        for (std::int64_t o = 0; o < outputs; ++o)
          want += check::at(dy, t * outputs + o) * check::at(w, out_in ? o * inputs + c : c * outputs + o);
        ASSERT_NEAR(check::at(dx, t * inputs + c), want, 1e-5);
      }
  }
}

// A fused product of which some parts are stored in int8: dx is the sum over all parts, each with the values
// that it has.
TEST(QuantizedWeight, BesideAnotherItGivesTheGradientOfBoth) {
  const std::int64_t inputs = 70, tokens = 4;
  for (const bool all_int8 : {true, false}) {
    std::vector<LinearPart> parts;
    std::int64_t outputs = 0;
    for (const std::int64_t rows : {20, 33, 7}) {
      const auto seed = static_cast<std::uint64_t>(rows);
      parts.push_back({named_weight("w", random_tensor({rows, inputs}, seed)),
                       named_weight("b", random_tensor({rows}, seed + 1))});
      if (all_int8 || rows != 33) parts.back().weight->quantize();
      outputs += rows;
    }
    Linear linear(parts);
    const auto with_gradient = [&] {
      Tape tape;
      const Tensor x = tape.watch(random_tensor({tokens, inputs}, 1));
      Tensor y;
      {
        const Tape::Recording on(tape);
        y = linear(x);
      }
      return tape.backward({{y, random_tensor(y.shape(), 9)}}).of(x);
    };
    if (!all_int8) {
      EXPECT_NE(check::message_of(Errc::kUnsupported, with_gradient).find("Fix: --dtype f32"),
                std::string::npos);
      linear.set_compute(Compute::kF32);
    }
    const Tensor dx = with_gradient(), dy = random_tensor({tokens, outputs}, 9);
    for (std::int64_t t = 0; t < tokens; ++t)
      for (std::int64_t c = 0; c < inputs; ++c) {
        double want = 0;
        std::int64_t first = 0;
        for (const LinearPart& part : parts) {
          const Tensor w = part.weight->f32();
          for (std::int64_t o = 0; o < w.rows(); ++o)
            want += check::at(dy, t * outputs + first + o) * check::at(w, o * inputs + c);
          first += w.rows();
        }
        ASSERT_NEAR(check::at(dx, t * inputs + c), want, 1e-4) << all_int8;
      }
  }
}

TEST(QuantizedWeight, ATrainedBiasBesideItIsRefused) {
  const WeightPtr stored = named_weight("w", random_tensor({4, 6}, 1)),
                  bias = named_weight("b", random_tensor({4}, 2));
  stored->quantize();
  bias->set_trainable(true);
  const Linear linear(stored, bias);
  Tape tape;
  const Tape::Recording on(tape);
  EXPECT_NE(check::message_of(Errc::kUnsupported,
                              [&] {
                                linear(random_tensor({2, 6}, 3));
                              })
                .find("gradients are computed in f32 and bf16, found int8 for 'w'"),
            std::string::npos);
}

// --- dropout of the adapter's input

TEST(AdapterDropout, FollowsTheSequencesAndIsOffWithoutAStep) {
  const LowRank adapter{.down = named_weight("a", random_tensor({2, 8}, 1)),
                        .up = named_weight("b", random_tensor({3, 2}, 2)),
                        .dropout = 0.5f,
                        .stream = 7};
  const Tensor x = random_tensor({5, 8}, 3);
  EXPECT_EQ(AdapterDropout::apply(x, adapter).raw(), x.raw());
  const std::int64_t lengths[] = {3, 2};
  const SequenceLayout batch = SequenceLayout::from(lengths, {0, 1, 2, 0, 1}, {40, 50});
  Tensor whole, picked, first;
  {
    const AdapterDropout dropping(batch, 1);
    EXPECT_EQ(AdapterDropout::seed(), 1u);
    whole = AdapterDropout::apply(x, adapter);
    EXPECT_NE(check::same_bits(whole, x), "");
    // behind a pooling there is one row for each sequence
    EXPECT_EQ(AdapterDropout::apply(x.row_range(0, 2), adapter).rows(), 2);
    EXPECT_NE(check::message_of(Errc::kInternal, [&] { AdapterDropout::apply(x.row_range(0, 4), adapter); })
                  .find("found 4 rows to drop of"),
              std::string::npos);
    const AdapterDropout none(batch, std::nullopt);
    EXPECT_EQ(AdapterDropout::apply(x, adapter).raw(), x.raw());
  }
  EXPECT_FALSE(AdapterDropout::seed());
  {
    const std::int64_t rows[] = {1, 4};
    const AdapterDropout dropping(batch, rows, 1);
    Tensor some = Tensor::empty({2, 8});
    std::copy_n(x.row<float>(1), 8, some.mutable_row<float>(0));
    std::copy_n(x.row<float>(4), 8, some.mutable_row<float>(1));
    picked = AdapterDropout::apply(some, adapter);
  }
  EXPECT_EQ(check::same_bits(picked.row_range(0, 1).clone(), whole.row_range(1, 2).clone()), "");
  EXPECT_EQ(check::same_bits(picked.row_range(1, 2).clone(), whole.row_range(4, 5).clone()), "");
}

}  // namespace
}  // namespace lyceum
