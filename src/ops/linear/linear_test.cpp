#include "ops/linear/linear.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "base/file.h"
#include "check/gradcheck.h"
#include "check/message_of.h"
#include "check/temporary_folder.h"
#include "kernels/convert.h"
#include "ops/activation/activation.h"

namespace lyceum {
namespace {

using check::random_tensor;

constexpr Activation kActivations[] = {Activation::kNone,     Activation::kRelu, Activation::kGeluErf,
                                       Activation::kGeluTanh, Activation::kSilu, Activation::kTanh,
                                       Activation::kSigmoid};

WeightPtr weight(Tensor value, Orientation orientation = Orientation::kOutputsInputs,
                 bool trainable = false) {
  auto w = std::make_shared<Weight>(value.shape().dims() == 1 ? "b" : "w", std::move(value), orientation);
  w->set_trainable(trainable);
  return w;
}

struct Case {
  std::int64_t tokens, inputs, outputs;
  Orientation orientation = Orientation::kOutputsInputs;
  Activation activation = Activation::kNone;
  bool bias = true, residual = false;

  Tensor x() const { return random_tensor({tokens, inputs}, 1); }
  Tensor w() const {
    return random_tensor(
        orientation == Orientation::kOutputsInputs ? Shape{outputs, inputs} : Shape{inputs, outputs}, 2);
  }
  Tensor b() const { return random_tensor({outputs}, 3); }
  Tensor r() const { return random_tensor({tokens, outputs}, 4); }
  // Of the weight that joins input c and output o, in row-major order.
  std::int64_t place(std::int64_t c, std::int64_t o) const {
    return orientation == Orientation::kOutputsInputs ? o * inputs + c : c * outputs + o;
  }
  std::string text() const {
    return fmt::format("{} tokens, {} to {}, orientation {}, activation {}, bias {}, residual {}", tokens,
                       inputs, outputs, static_cast<int>(orientation), static_cast<int>(activation), bias,
                       residual);
  }
};

std::vector<Case> cases() {
  std::vector<Case> all;
  constexpr std::int64_t kShapes[][3] = {{1, 1, 1},   {2, 3, 5},    {3, 17, 2}, {5, 2, 33},
                                         {17, 33, 1}, {70, 19, 50}, {0, 3, 4},  {3, 0, 4}};
  for (const auto& [tokens, inputs, outputs] : kShapes)
    for (const Orientation orientation : {Orientation::kOutputsInputs, Orientation::kInputsOutputs})
      for (const bool fused : {false, true})
        all.push_back({tokens, inputs, outputs, orientation, Activation::kNone, fused, fused});
  for (const Activation f : kActivations)
    all.push_back({5, 17, 33, Orientation::kOutputsInputs, f, true, true});
  return all;
}

// u = x W + b at (t, o), from tensors in double.
double pre_activation(const Case& k, const Tensor& x, const Tensor& w, const Tensor& b, std::int64_t t,
                      std::int64_t o) {
  double u = k.bias ? check::at(b, o) : 0;
  for (std::int64_t c = 0; c < k.inputs; ++c)
    u += check::at(x, t * k.inputs + c) * check::at(w, k.place(c, o));
  return u;
}

TEST(Linear, EqualsItsDefinitionWithTheGradientsOfInputAndResidual) {
  for (const Case& k : cases()) {
    const Tensor w = k.w(), b = k.b();
    const Linear linear(weight(w, k.orientation), k.bias ? weight(b) : nullptr);  // frozen: dx only
    const auto op = [&](const std::vector<Tensor>& in) {
      return linear(in[0], k.activation, k.residual ? in[1] : Tensor());
    };
    const auto definition = [&](const std::vector<Tensor>& in) {
      return check::generate({k.tokens, k.outputs}, [&](std::int64_t i) {
        const double u = pre_activation(k, in[0], w, b, i / k.outputs, i % k.outputs);
        return activation_definition(k.activation, u) + (k.residual ? check::at(in[1], i) : 0);
      });
    };
    std::vector<Tensor> in{k.x()};
    if (k.residual) in.push_back(k.r());
    EXPECT_EQ(check::gradcheck(op, definition, in), "") << k.text();
    for (Tensor& t : in) t = check::strided(t);
    EXPECT_EQ(check::gradcheck(op, definition, in), "") << k.text() << ", views";
  }
}

// dW = x^T du, db = sum du with du = dy act'(u): written out, since a Weight is not an input of the op.
TEST(Linear, WeightAndBiasGetTheirGradients) {
  for (const Case& k : cases()) {
    const Tensor x = k.x();
    const WeightPtr w = weight(k.w(), k.orientation, true),
                    b = k.bias ? weight(k.b(), Orientation::kOutputsInputs, true) : nullptr;
    const Linear linear(w, b);
    Tape tape;
    Tensor y;
    {
      const Tape::Recording on(tape);
      y = linear(x, k.activation, k.residual ? k.r() : Tensor());
    }
    const Tensor dy = random_tensor(y.shape(), 9);
    const Gradients gradients = tape.backward({{y, dy}});
    std::vector<double> dw(static_cast<std::size_t>(k.inputs * k.outputs), 0.0),
        db(static_cast<std::size_t>(k.outputs), 0.0);
    for (std::int64_t t = 0; t < k.tokens; ++t)
      for (std::int64_t o = 0; o < k.outputs; ++o) {
        const double u = pre_activation(k, x, w->value(), b ? b->value() : Tensor(), t, o), h = 1e-5;
        const double slope =
            (activation_definition(k.activation, u + h) - activation_definition(k.activation, u - h)) /
            (2 * h);
        const double du = check::at(dy, t * k.outputs + o) * slope;
        db[static_cast<std::size_t>(o)] += du;
        for (std::int64_t c = 0; c < k.inputs; ++c)
          dw[static_cast<std::size_t>(k.place(c, o))] += du * check::at(x, t * k.inputs + c);
      }
    // Sums of at most 70 terms below 1.2: their rounding stays under 70 * 1.2 * 2^-24 = 5e-6.
    const auto near = [&](const Tensor& found, const std::vector<double>& want, const char* name) {
      for (std::size_t i = 0; i < want.size(); ++i)
        ASSERT_NEAR(check::at(found, static_cast<std::int64_t>(i)), want[i], 1e-5)
            << name << " " << i << ": " << k.text();
    };
    near(gradients.of(w->value()), dw, "dw");
    if (b) near(gradients.of(b->value()), db, "db");
  }
}

TEST(Linear, FrozenWeightsGetNoGradientAndWithoutAnyVariableNothingIsNoted) {
  const WeightPtr frozen = weight(random_tensor({3, 5}, 1)),
                  trained = weight(random_tensor({3}, 2), Orientation::kOutputsInputs, true);
  const Linear linear(frozen, trained), constant(frozen, nullptr);
  Tape tape;
  const Tensor x = tape.watch(random_tensor({2, 5}, 3));
  const Tape::Recording on(tape);
  constant(x.detached());
  EXPECT_EQ(tape.notes(), 0u);
  const Tensor y = linear(x);
  const Gradients gradients = tape.backward({{y, random_tensor({2, 3}, 4)}});
  EXPECT_NE(gradients.find(x.variable()), nullptr);
  EXPECT_NE(gradients.find(trained->variable()), nullptr);
  EXPECT_EQ(gradients.find(frozen->variable()), nullptr);
}

TEST(Linear, SeveralWeightsOverOneInputEqualEachAlone) {
  const Tensor x = random_tensor({7, 19}, 1);
  std::vector<LinearPart> parts;
  for (const std::int64_t outputs : {5, 33, 1}) {
    const Orientation orientation = outputs == 33 ? Orientation::kInputsOutputs : Orientation::kOutputsInputs;
    const Shape shape = outputs == 33 ? Shape{19, 33} : Shape{outputs, 19};
    parts.push_back({weight(random_tensor(shape, static_cast<std::uint64_t>(outputs)), orientation, true),
                     weight(random_tensor({outputs}, 7), Orientation::kOutputsInputs, true)});
  }
  const Linear joined(parts);
  EXPECT_EQ(joined.outputs(), 39);
  // Forward and all gradients, jointly and one by one with the matching columns of the cotangent.
  const Tensor dy = random_tensor({7, 39}, 9);
  const auto run = [&](const Linear& linear, const Tensor& cotangent, std::vector<Tensor>& gradients) {
    Tape tape;
    const Tensor watched = tape.watch(x);
    Tensor y;
    {
      const Tape::Recording on(tape);
      y = linear(watched, Activation::kGeluErf);
    }
    const Gradients g = tape.backward({{y, cotangent}});
    for (const LinearPart& part : parts)
      if (g.find(part.weight->variable()))
        gradients.insert(gradients.end(), {g.of(part.weight->value()), g.of(part.bias->value())});
    gradients.push_back(g.of(watched));
    return y;
  };
  std::vector<Tensor> together, dx;
  const Tensor y = run(joined, dy, together);
  std::int64_t first = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::int64_t outputs = parts[i].weight->outputs();
    std::vector<Tensor> alone;
    const Tensor part =
        run(Linear(parts[i].weight, parts[i].bias), dy.columns(first, first + outputs).clone(), alone);
    EXPECT_EQ(check::same_bits(y.columns(first, first + outputs), part), "") << i;
    EXPECT_EQ(check::same_bits(together[2 * i], alone[0]), "") << "dw " << i;
    EXPECT_EQ(check::same_bits(together[2 * i + 1], alone[1]), "") << "db " << i;
    dx.push_back(alone[2]);
    first += outputs;
  }
  // one chain over the outputs of all parts, where the parts alone have one each: 39 terms, rounded otherwise
  for (std::int64_t i = 0; i < x.elements(); ++i)
    EXPECT_NEAR(together[6].data<float>()[i],
                dx[0].data<float>()[i] + dx[1].data<float>()[i] + dx[2].data<float>()[i], 39 * 4 * 6e-8);
}

TEST(Linear, OneWeightUsedTwiceGetsTheSumOfItsGradients) {
  const WeightPtr w = weight(random_tensor({5, 5}, 1), Orientation::kOutputsInputs, true);
  const Linear linear(w, nullptr);
  const Tensor x = random_tensor({3, 5}, 2);
  const auto twice = [&](const std::vector<Tensor>& in) { return linear(linear(in[0])); };
  Tape tape;
  Tensor y;
  {
    const Tape::Recording on(tape);
    y = twice({x});
  }
  const Tensor dy = random_tensor({3, 5}, 9), found = tape.backward({{y, dy}}).of(w->value());
  for (const std::int64_t i : {0, 7, 24}) {  // central differences through both uses
    const auto along = [&](float step) {
      Tensor moved = w->value().clone();
      moved.mutable_data<float>()[i] += step;
      const Linear other(weight(moved), nullptr);
      const Tensor out = other(other(x));
      double sum = 0;
      for (std::int64_t n = 0; n < 15; ++n) sum += check::at(out, n) * check::at(dy, n);
      return sum;
    };
    // quadratic in each weight, so a large step has no error of its own; f32 leaves about 1e-6 / 0.25
    EXPECT_NEAR(check::at(found, i), (along(0.25f) - along(-0.25f)) / 0.5, 2e-5) << i;
  }
}

TEST(Linear, AnAssignedWeightIsPackedAnewForBothDirections) {
  const WeightPtr w = weight(random_tensor({4, 3}, 1)), b = weight(random_tensor({4}, 2));
  const Linear linear(w, b);
  const Tensor x = random_tensor({2, 3}, 3);
  const auto op = [](const Linear& l) { return [&l](const std::vector<Tensor>& in) { return l(in[0]); }; };
  check::with_gradients(op(linear), {x});  // packs
  w->assign(random_tensor({4, 3}, 11));
  b->assign(random_tensor({4}, 12));
  const Linear fresh(weight(random_tensor({4, 3}, 11)), weight(random_tensor({4}, 12)));
  const auto found = check::with_gradients(op(linear), {x}), want = check::with_gradients(op(fresh), {x});
  EXPECT_EQ(check::same_bits(found[0], want[0]), "");
  EXPECT_EQ(check::same_bits(found[1], want[1]), "");
}

TEST(Linear, SixteenBitWeightsAreTheirWidenedValues) {
  const Tensor exact = random_tensor({5, 33}, 1), x = random_tensor({3, 33}, 2);
  for (const DType type : {DType::kBF16, DType::kF16}) {
    std::vector<std::uint16_t> halves;
    for (const float v : exact.values<float>())
      halves.push_back(type == DType::kBF16 ? kernels::f32_to_bf16(v) : kernels::f32_to_f16(v));
    const WeightPtr w =
        weight(Tensor::over(Tensor::of<std::uint16_t>({5, 33}, halves).storage(), 0, {5, 33}, type));
    const Linear narrow(w, nullptr), wide(weight(w->f32()), nullptr);
    const auto a = check::with_gradients([&](const auto& in) { return narrow(in[0]); }, {x});
    const auto b = check::with_gradients([&](const auto& in) { return wide(in[0]); }, {x});
    EXPECT_EQ(check::same_bits(a[0], b[0]), "");
    EXPECT_EQ(check::same_bits(a[1], b[1]), "");
  }
}

TEST(Linear, HasTheSameBitsForEveryThreadCountInstructionSetAndBatch) {
  const WeightPtr w = weight(random_tensor({101, 67}, 1), Orientation::kOutputsInputs, true);
  const WeightPtr b = weight(random_tensor({101}, 2), Orientation::kOutputsInputs, true);
  const Tensor x = random_tensor({150, 67}, 3), r = random_tensor({150, 101}, 4);
  EXPECT_EQ(check::same_bits_everywhere([&] {
              const Linear linear(w, b);
              Tape tape;
              const Tensor watched = tape.watch(x);
              Tensor y;
              {
                const Tape::Recording on(tape);
                y = linear(watched, Activation::kGeluTanh, r);
              }
              const Gradients g = tape.backward({{y, random_tensor(y.shape(), 9)}});
              return std::vector<Tensor>{y, g.of(watched), g.of(w->value()), g.of(b->value())};
            }),
            "");
  const Linear linear(w, b);
  EXPECT_EQ(check::same_bits(linear(x, Activation::kSilu, r).row_range(77, 78),
                             linear(x.row_range(77, 78), Activation::kSilu, r.row_range(77, 78))),
            "");
}

TEST(Linear, SaysWhatDoesNotFit) {
  const Linear linear(weight(random_tensor({3, 5}, 1)), nullptr);
  EXPECT_EQ(check::message_of(Errc::kData,
                              [&] {
                                linear(random_tensor({2, 6}, 1));
                              }),
            "linear: x is [2, 6], expected [T, C] with C = 5 as bound by the weight");
  EXPECT_EQ(
      check::message_of(Errc::kData,
                        [&] {
                          linear(random_tensor({2, 5}, 1), Activation::kNone, random_tensor({2, 4}, 1));
                        }),
      "linear: residual is [2, 4], expected [T, D] with T = 2 as bound by x, D = 3 as bound by the weight");
  EXPECT_EQ(check::message_of(Errc::kData,
                              [] {
                                Linear(weight(random_tensor({3, 5}, 1)), weight(random_tensor({4}, 2)));
                              }),
            "linear: b is [4], expected [D] with D = 3 as bound by w");
  EXPECT_EQ(check::message_of(Errc::kData,
                              [] {
                                Linear(std::vector<LinearPart>{{weight(random_tensor({3, 5}, 1)), nullptr},
                                                               {weight(random_tensor({3, 6}, 1)), nullptr}});
                              }),
            "linear: w is [3, 6], expected [D, C] with C = 5 as bound by the first weight");
  EXPECT_EQ(check::message_of(Errc::kData,
                              [] {
                                Linear(std::vector<LinearPart>{
                                    {weight(random_tensor({3, 5}, 1)), nullptr},
                                    {weight(random_tensor({3, 5}, 1)), weight(random_tensor({3}, 1))}});
                              }),
            "linear: 'w' and 'w' must both have a bias or both have none");
  EXPECT_EQ(check::message_of(Errc::kUnsupported,
                              [] {
                                weight(Tensor::zeros({3, 5}, DType::kI8));
                              }),
            "weight 'w': found the number format I8, expected F32, BF16 or F16");
  EXPECT_EQ(check::message_of(Errc::kData,
                              [] {
                                weight(Tensor::zeros({3, 5}))->assign(Tensor::zeros({5, 3}));
                              }),
            "weight 'w': found [5, 3], expected [3, 5]");
}

TEST(Weight, IsWrittenInPlaceWithoutACopyOnceItIsItsOwn) {
  const WeightPtr w = weight(random_tensor({3, 5}, 1), Orientation::kOutputsInputs, true);
  const Variable variable = w->variable();
  const std::byte* const place = w->value().raw();
  const std::uint64_t version = w->version();
  w->mutable_f32()[4] = 7;
  EXPECT_EQ(w->value().raw(), place);
  EXPECT_EQ(w->value().data<float>()[4], 7);
  EXPECT_EQ(w->version(), version + 1);
  EXPECT_EQ(w->variable(), variable);
  EXPECT_EQ(w->mutable_f32().size(), 15u);
}

TEST(Weight, WrittenInPlaceLeavesOthersTheirNumbers) {
  const Tensor wide = random_tensor({3, 9}, 1), shared = random_tensor({3, 5}, 2);
  const Tensor before = shared.clone(), wide_before = wide.clone();
  const WeightPtr a = weight(shared), b = weight(wide.columns(2, 7));
  a->mutable_f32()[0] = 7;
  b->mutable_f32()[5] = 7;
  EXPECT_EQ(check::same_bits(shared, before), "");
  EXPECT_EQ(check::same_bits(wide, wide_before), "");
  EXPECT_EQ(a->value().data<float>()[0], 7);
  EXPECT_EQ(a->value().data<float>()[14], before.data<float>()[14]);
  EXPECT_EQ(b->value().data<float>()[5], 7);
  EXPECT_EQ(b->value().data<float>()[6], wide_before.row<float>(1)[3]);
  const Tensor held = a->value();
  a->mutable_f32()[0] = 8;
  EXPECT_EQ(held.data<float>()[0], 7);
}

TEST(Weight, OfAFileIsCopiedAndTheFileStays) {
  const check::TemporaryFolder folder;
  const Tensor value = random_tensor({3, 5}, 1);
  check::write_file(folder / "w", {reinterpret_cast<const char*>(value.raw()), value.bytes()});
  const auto file = MappedFile::open(folder / "w");
  const WeightPtr w =
      weight(Tensor::over(Storage::mapped(file, 0, value.bytes()), 0, value.shape(), DType::kF32));
  w->mutable_f32()[0] = 7;
  EXPECT_FALSE(w->value().storage()->is_mapped());
  EXPECT_EQ(std::memcmp(file->bytes().data(), value.raw(), value.bytes()), 0);
  EXPECT_EQ(w->value().data<float>()[1], value.data<float>()[1]);
}

TEST(Weight, OfHalfPrecisionIsWidenedToBeWritten) {
  std::vector<std::uint16_t> halves;
  for (const float v : {0.0f, 0.1f, -3.0f, 1e-3f, 5.0f, 7e9f}) halves.push_back(kernels::f32_to_bf16(v));
  const WeightPtr w =
      weight(Tensor::over(Tensor::of<std::uint16_t>({2, 3}, halves).storage(), 0, {2, 3}, DType::kBF16));
  const Tensor before = w->f32().clone();
  w->mutable_f32();
  EXPECT_EQ(w->value().dtype(), DType::kF32);
  EXPECT_EQ(check::same_bits(w->value(), before), "");
  w->mutable_f32()[3] = 7;
  EXPECT_EQ(w->f32().data<float>()[3], 7);
}

TEST(Weight, QuantisedIsNotWritten) {
  Weight q("q", Tensor::zeros({2, 3}, DType::kI8), Orientation::kOutputsInputs, Tensor::zeros({2}));
  EXPECT_EQ(check::message_of(Errc::kUnsupported, [&] { q.mutable_f32(); }),
            "weight 'q': it is quantised and cannot be changed");
}

}  // namespace
}  // namespace lyceum
