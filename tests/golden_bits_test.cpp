// The bits of every op, forward and backward, on fixed pseudo-random inputs, as 64-bit hashes that stand in
// this file: a machine, a compiler or a change that computes something else is found here. (That threads,
// batches and instruction sets of one machine agree is tested beside each op.)
//
// A hash that changes on purpose: run this program, check why, and paste the line it prints.

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "check/gradcheck.h"
#include "ops/activation/activation.h"
#include "ops/attention/attention.h"
#include "ops/columns/columns.h"
#include "ops/cross_entropy/cross_entropy.h"
#include "ops/distance/distance.h"
#include "ops/dropout/dropout.h"
#include "ops/embedding/embedding.h"
#include "ops/layer_norm/layer_norm.h"
#include "ops/linear/linear.h"
#include "ops/matmul/matmul.h"
#include "ops/pair_losses/pair_losses.h"
#include "ops/pooling/pooling.h"
#include "ops/rms_norm/rms_norm.h"
#include "ops/rows/rows.h"
#include "ops/softmax/softmax.h"
#include "tensor/tape.h"
#include "train/optimizer/optimizer.h"

namespace lyceum {
namespace {

using check::random_tensor;
using Indices = std::vector<std::int64_t>;

// FNV-1a over shapes and bits, little endian. NaNs count as one value: their payload is the processor's
// choice.
std::uint64_t hash_of(const std::vector<Tensor>& tensors) {
  std::uint64_t hash = 0xcbf29ce484222325;
  const auto add = [&hash](std::uint64_t word) {
    for (int byte = 0; byte < 8; ++byte) hash = (hash ^ (word >> (8 * byte) & 0xFF)) * 0x100000001b3;
  };
  for (const Tensor& t : tensors) {
    for (const std::int64_t size : t.shape().sizes()) add(static_cast<std::uint64_t>(size));
    for (const float v : t.values<float>()) add(std::isnan(v) ? 0x7FC00000 : std::bit_cast<std::uint32_t>(v));
  }
  return hash;
}

struct Golden {
  const char* name;
  std::uint64_t hash;
  std::vector<Tensor> (*run)();
};

// Of 24 pairs, every third of which belongs together.
std::vector<Tensor> run_pair_loss(
    const std::function<Tensor(const Tensor&, const std::vector<float>&)>& loss) {
  std::vector<float> targets;
  for (int i = 0; i < 24; ++i) targets.push_back(i % 3 == 0 ? 1.0f : 0.0f);
  return check::with_gradients([&](const auto& in) { return loss(in[0], targets); },
                               {random_tensor({24, 1}, 1)});
}

// Weights and state after three steps on a matrix and a vector.
std::vector<Tensor> run_optimizer(const OptimizerSpec& spec) {
  const auto matrix = std::make_shared<Weight>("m", random_tensor({91, 67}, 1)),
             vector = std::make_shared<Weight>("v", random_tensor({20000}, 2));
  Optimizer optimizer(spec, {{.weight = matrix, .weight_decay = 0.1}, {.weight = vector, .rate_scale = 0.5}});
  for (std::uint64_t step = 1; step <= 3; ++step)
    optimizer.step(std::vector{random_tensor({91, 67}, 10 * step), random_tensor({20000}, 10 * step + 1)},
                   0.01, 0.7);
  std::vector<Tensor> all{matrix->value(), vector->value()};
  for (const auto& [name, tensor] : optimizer.state())
    if (tensor.dtype() == DType::kF32) all.push_back(tensor);
  return all;
}

const Indices kLengths = {3, 17, 0, 1, 70};
SequenceLayout layout() { return SequenceLayout::from_lengths(kLengths); }
constexpr std::int64_t kTokens = 91, kWidth = 67;  // neither a multiple of a vector nor of a tile

Tensor tokens(std::uint64_t seed, float most = 2) {
  return random_tensor({kTokens, kWidth}, seed, -most, most);
}

std::vector<Tensor> run_activation(Activation f) {
  return check::with_gradients([f](const auto& in) { return activation(in[0], f); }, {tokens(1, 6)});
}

std::vector<Tensor> run_pooling(PoolingMode mode) {
  return check::with_gradients(
      [mode](const auto& in) {
        return pool(in[0], layout(), mode, Indices{1, 0, 0, 0, 5});
      },
      {tokens(1)});
}

std::vector<Tensor> run_attention(const AttentionSpec& spec) {
  return check::with_gradients(
      [&](const auto& in) {
        AttentionSpec all = spec;
        if (in.size() > 3) all.relative_bias = in[3];
        return attention(in[0], in[1], in[2], layout(), layout(), all);
      },
      spec.relative_bias.defined()
          ? std::vector<Tensor>{random_tensor({kTokens, 40}, 1), random_tensor({kTokens, 40}, 2),
                                random_tensor({kTokens, 40}, 3), spec.relative_bias}
          : std::vector<Tensor>{random_tensor({kTokens, 40}, 1), random_tensor({kTokens, 40}, 2),
                                random_tensor({kTokens, 40}, 3)});
}

std::vector<Tensor> run_linear(Orientation orientation, Activation f) {
  const Shape shape = orientation == Orientation::kOutputsInputs ? Shape{101, kWidth} : Shape{kWidth, 101};
  const auto w = std::make_shared<Weight>("w", random_tensor(shape, 2), orientation);
  const auto b = std::make_shared<Weight>("b", random_tensor({101}, 3));
  w->set_trainable(true);
  b->set_trainable(true);
  const Linear linear(w, b);
  Tape tape;
  const Tensor x = tape.watch(tokens(1));
  Tensor y;
  {
    const Tape::Recording on(tape);
    y = linear(x, f, random_tensor({kTokens, 101}, 4));
  }
  const Gradients g = tape.backward({{y, random_tensor(y.shape(), 9)}});
  return {y, g.of(x), g.of(w->value()), g.of(b->value())};
}

const Golden kGoldens[] = {
    {"activation relu", 0x17585076a91ffcd6, [] { return run_activation(Activation::kRelu); }},
    {"activation gelu_erf", 0x6d53f3d680bdefdd, [] { return run_activation(Activation::kGeluErf); }},
    {"activation gelu_tanh", 0x45281d1ed08891c9, [] { return run_activation(Activation::kGeluTanh); }},
    {"activation silu", 0x5895f9d18b9dffc6, [] { return run_activation(Activation::kSilu); }},
    {"activation tanh", 0x749e99521e0972ea, [] { return run_activation(Activation::kTanh); }},
    {"activation sigmoid", 0xaabb6268c7917dbf, [] { return run_activation(Activation::kSigmoid); }},
    {"softmax", 0xa5b3eb96d48f4dd0,
     [] { return check::with_gradients([](const auto& in) { return softmax(in[0]); }, {tokens(1, 9)}); }},
    {"layer_norm", 0x3728682280b15591,
     [] {
       return check::with_gradients([](const auto& in) { return layer_norm(in[0], in[1], in[2], 1e-12f); },
                                    {tokens(1), random_tensor({kWidth}, 2), random_tensor({kWidth}, 3)});
     }},
    {"residual_layer_norm", 0x0971fb367e963155,
     [] {
       return check::with_gradients(
           [](const auto& in) { return residual_layer_norm(in[0], in[1], in[2], in[3], 1e-5f); },
           {tokens(1), tokens(2), random_tensor({kWidth}, 3), random_tensor({kWidth}, 4)});
     }},
    {"rms_norm", 0x9e1408f9b76e68e3,
     [] {
       return check::with_gradients([](const auto& in) { return rms_norm(in[0], in[1], 1e-6f); },
                                    {tokens(1), random_tensor({kWidth}, 2)});
     }},
    {"AdamW", 0xe30bda22f5961300, [] { return run_optimizer({}); }},
    {"Adam", 0xbedea3a22c1cf006, [] { return run_optimizer({.kind = OptimizerKind::kAdam}); }},
    {"SGD, Nesterov", 0x6a6bba79318404f5,
     [] { return run_optimizer({.kind = OptimizerKind::kSgd, .sgd = {.momentum = 0.9, .nesterov = true}}); }},
    {"LAMB", 0xba4e132778f4d3d9, [] { return run_optimizer({.kind = OptimizerKind::kLamb}); }},
    {"Adafactor", 0x6e084c050982623b,
     [] { return run_optimizer({.kind = OptimizerKind::kAdafactor, .adafactor = {.beta1 = 0.9}}); }},
    {"dropout", 0x56920aadeddb8369,
     [] {
       return check::with_gradients(
           [](const auto& in) {
             return dropout(in[0], layout(), {.probability = 0.1f, .seed = 42, .stream = 7});
           },
           {tokens(1)});
     }},
    {"add, multiply, scale", 0x883ce7f257cd43f5,
     [] {
       return check::with_gradients(
           [](const auto& in) { return add(multiply(in[0], in[1]), scale(in[1], 0.3f)); },
           {tokens(1), tokens(2)});
     }},
    {"slice and concat", 0xbbb61e24f8cbfb5d,
     [] {
       return check::with_gradients(
           [](const auto& in) {
             return concat_columns(std::vector<Tensor>{slice_columns(in[0], 5, 40), in[1]});
           },
           {tokens(1), tokens(2)});
     }},
    {"gather_rows", 0x2a3b779ed502fc18,
     [] {
       return check::with_gradients(
           [](const auto& in) {
             return gather_rows(in[0], Indices{5, -1, 90, 5, 0, 5});
           },
           {tokens(1)});
     }},
    {"scatter_rows", 0x706bae438ddbbbc8,
     [] {
       return check::with_gradients(
           [](const auto& in) {
             return scatter_rows(in[0], Indices{1, 1, -1, 0, 1}, 4);
           },
           {random_tensor({5, kWidth}, 1)});
     }},
    {"matmul_transposed", 0x0ab54ede4c4cb5f8,
     [] {
       return check::with_gradients([](const auto& in) { return matmul_transposed(in[0], in[1]); },
                                    {tokens(1), random_tensor({33, kWidth}, 2)});
     }},
    {"dot_rows", 0x609eda462a279a1d,
     [] {
       return check::with_gradients([](const auto& in) { return dot_rows(in[0], in[1]); },
                                    {tokens(1), tokens(2)});
     }},
    {"distance_rows euclidean", 0x2831dfc9be47c0b2,
     [] {
       return check::with_gradients(
           [](const auto& in) { return distance_rows(in[0], in[1], DistanceNorm::kEuclidean, 1e-6f); },
           {tokens(1), tokens(2)});
     }},
    {"distance_rows manhattan", 0x0de8537d35912148,
     [] {
       return check::with_gradients(
           [](const auto& in) { return distance_rows(in[0], in[1], DistanceNorm::kManhattan); },
           {tokens(1), tokens(2)});
     }},
    {"absolute_difference", 0x0450f3a84a4983dc,
     [] {
       return check::with_gradients([](const auto& in) { return absolute_difference(in[0], in[1]); },
                                    {tokens(1), tokens(2)});
     }},
    {"cosent_loss", 0x7c8a5d0d9e7217e9,
     [] { return run_pair_loss([](const auto& x, const auto& t) { return cosent_loss(x, t, 20); }); }},
    {"contrastive_loss", 0x7c5c3b05b3aeb308,
     [] { return run_pair_loss([](const auto& x, const auto& t) { return contrastive_loss(x, t, 0.5f); }); }},
    {"online_contrastive_loss", 0x999568660d03546b,
     [] {
       return run_pair_loss([](const auto& x, const auto& t) { return online_contrastive_loss(x, t, 0.5f); });
     }},
    {"hinge_loss", 0x01accd60538c8527,
     [] { return run_pair_loss([](const auto& x, const auto&) { return hinge_loss(x, 0.1f); }); }},
    {"embedding", 0x5394b728d00613f8,
     [] {
       return check::with_gradients(
           [](const auto& in) {
             return embedding(in[0], Indices{4, 0, 4, 90, 3, 3}, 3);
           },
           {tokens(1)});
     }},
    {"pool cls", 0x8291cd21fda6be94, [] { return run_pooling(PoolingMode::kCls); }},
    {"pool max", 0x3ea001803c26cab5, [] { return run_pooling(PoolingMode::kMax); }},
    {"pool mean", 0xf5a9c3b35b8e7b14, [] { return run_pooling(PoolingMode::kMean); }},
    {"pool mean_sqrt_length", 0xfd1825c211117942, [] { return run_pooling(PoolingMode::kMeanSqrtLength); }},
    {"pool weighted_mean", 0x8e0067214a415163, [] { return run_pooling(PoolingMode::kWeightedMean); }},
    {"pool last_token", 0xf86ff51ca97b38f8, [] { return run_pooling(PoolingMode::kLastToken); }},
    {"normalize", 0x9ef75aced444196a,
     [] { return check::with_gradients([](const auto& in) { return normalize(in[0]); }, {tokens(1)}); }},
    {"cross_entropy", 0xa69565be55069e38,
     [] {
       return check::with_gradients(
           [](const auto& in) {
             return cross_entropy(in[0], Indices{1, -100, 66, 0, 7}, {.label_smoothing = 0.1f});
           },
           {random_tensor({5, kWidth}, 1, -5, 5)});
     }},
    {"segment_cross_entropy", 0x02c0501b6f120bd4,
     [] {
       return check::with_gradients(
           [](const auto& in) {
             return segment_cross_entropy(in[0], layout(), Indices{2, 0, -1, 0, 69});
           },
           {random_tensor({kTokens, 1}, 1, -5, 5)});
     }},
    {"mean_squared_error", 0x89b5d2f891656443,
     [] {
       return check::with_gradients([](const auto& in) { return mean_squared_error(in[0], tokens(2)); },
                                    {tokens(1)});
     }},
    {"binary_cross_entropy", 0xc3954f79be680a4d,
     [] {
       return check::with_gradients(
           [](const auto& in) { return binary_cross_entropy_with_logits(in[0], tokens(2)); }, {tokens(1)});
     }},
    {"linear", 0x60ec615e439d6ad4, [] { return run_linear(Orientation::kOutputsInputs, Activation::kNone); }},
    {"linear, Conv1D orientation, GELU", 0xd119117611c3593f,
     [] { return run_linear(Orientation::kInputsOutputs, Activation::kGeluErf); }},
    {"attention", 0x2241f5ed12e7cdb1, [] { return run_attention({.heads = 4}); }},
    {"attention, causal, window, soft cap", 0xd1ed96a2d23a46b3,
     [] { return run_attention({.heads = 4, .softcap = 2, .left = 20, .right = 0}); }},
    {"attention, relative bias, dropout", 0x47dd47529832b914,
     [] {
       return run_attention(
           {.heads = 2, .relative_bias = random_tensor({2, 21}, 4), .dropout = 0.2f, .seed = 11});
     }},
};

TEST(GoldenBits, EveryOpGivesTheBitsThatStandInTheRepository) {
  for (const Golden& golden : kGoldens) {
    const std::uint64_t found = hash_of(golden.run());
    EXPECT_EQ(found, golden.hash) << fmt::format("{{\"{}\", {:#018x}, ...", golden.name, found);
  }
}

// One bit of one output changes the hash; the sign of a zero is a bit too.
TEST(GoldenBits, TheHashSeesEveryBit) {
  Tensor t = tokens(1);
  const std::uint64_t before = hash_of({t});
  float& last = t.mutable_data<float>()[t.elements() - 1];
  last = std::nextafterf(last, HUGE_VALF);
  EXPECT_NE(hash_of({t}), before);
  EXPECT_NE(hash_of({Tensor::full({1}, 0.0f)}), hash_of({Tensor::full({1}, -0.0f)}));
  EXPECT_NE(hash_of({Tensor::full({2, 3}, 0.0f)}), hash_of({Tensor::full({3, 2}, 0.0f)}));
}

}  // namespace
}  // namespace lyceum
