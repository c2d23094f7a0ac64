// Optimisers: weights, gradients and a learning rate in, better weights out. In f32, in place.
//
//   kind        formula, for each element          p weight  g gradient  w weight decay  t the parameter's
//   steps AdamW       m += (1 - beta1) (g - m),  v = beta2 v + (1 - beta2) g^2
//               p -= rate (m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + epsilon) + w p)
//   Adam        the same with g + w p for g, and no decay beside
//   SGD         b = momentum b + (1 - dampening) (g + w p), from b = g + w p;  p -= rate b, or with Nesterov
//               p -= rate (g + w p + momentum b)
//   LAMB        u = AdamW's bracket;  p -= rate |p| / |u| u, norms over the parameter
//   Adafactor   V = the mean over rows times the mean over columns of running averages of g^2
//               u = g / sqrt(V);  u /= max(1, rms(u) / clip_threshold);  rate *= max(epsilon2, rms(p))
//               p -= rate (u + w p)
//
// Sources: Adam, Kingma and Ba 2015; AdamW, Loshchilov and Hutter 2019; both and SGD as torch.optim 2.13
// computes them. LAMB: You et al. 2020, Algorithm 2, with bias correction as timm's Lamb (R:
// timm/optim/lamb.py) and without as the authors' code for BERT (R: google-research/albert,
// lamb_optimizer.py). Adafactor: Shazeer and Stern 2018, as transformers 5.18 computes it.
//
// Bits: each element's arithmetic is a fixed sequence of f32 operations with explicit fused multiply-adds;
// norms and means are sums in double over fixed blocks. Neither threads, instruction set, nor how parameters
// are spread over optimisers changes a bit.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "nn/named_tensors.h"
#include "ops/linear/weight.h"

namespace lyceum {

enum class OptimizerKind { kAdamW, kAdam, kAdafactor, kSgd, kLamb };

// R: torch.optim.SGD. 0 <= momentum; Nesterov's form needs momentum and no dampening.
struct SgdOptions {
  double momentum = 0, dampening = 0;
  bool nesterov = false;
};

// P: Shazeer and Stern 2018, Algorithms 4 and 5. R: transformers' Adafactor, whose names these are; its
// relative_step is the schedule of kInverseSqrt with a peak of 0.01 and 10,000 warm-up steps, its
// warmup_init that schedule's ramp (train/schedule/schedule.h).
struct AdafactorOptions {
  double epsilon1 = 1e-30, epsilon2 = 1e-3;  // added to squared gradients; least root mean square of a weight
  double clip_threshold = 1;                 // of the root mean square of an update
  double decay_rate = -0.8;                  // beta2 at step t is 1 - t^decay_rate
  double beta1 = 0;                          // of the average of updates; 0: there is none
  bool scale_parameter = true;               // the rate counts times the weight's root mean square
};

struct LambOptions {
  // Parameters of one dimension (biases, norms) move by the rate alone, as in the authors' code for BERT.
  // false: every parameter has its ratio, as in the paper's algorithm.
  bool exclude_vectors = true;
};

struct OptimizerSpec {
  OptimizerKind kind = OptimizerKind::kAdamW;
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;  // AdamW, Adam, LAMB (whose authors take 1e-6)
  bool bias_correction = true;  // of the three; false: BERT's optimiser and the authors' LAMB
  SgdOptions sgd;
  AdafactorOptions adafactor;
  LambOptions lamb;
};

// rate_scale multiplies the learning rate: layer-wise decay of the rate.
struct TrainedParameter {
  WeightPtr weight;
  double weight_decay = 0;
  double rate_scale = 1;
};

// One tensor of an optimiser's state.
struct StateTensor {
  std::string name;
  DType dtype = DType::kF32;
  Shape shape;
};
// What is kept for a parameter of this name and shape, in a fixed order: "step.NAME" I64 [], the steps it has
// taken; "exp_avg.NAME" and "exp_avg_sq.NAME" in its shape (AdamW, Adam, LAMB); "momentum_buffer.NAME" (SGD
// with momentum); of Adafactor "exp_avg_sq_row.NAME" [..., R] and "exp_avg_sq_col.NAME" [..., C] for a shape
// [..., R, C], "exp_avg_sq.NAME" for fewer than two dimensions, and "exp_avg.NAME" with beta1. Names are
// those of PyTorch and transformers.
std::vector<StateTensor> state_layout(const OptimizerSpec& spec, const std::string& name, const Shape& shape);

// Memory of the state of parameters of these shapes, for an estimate before the run; what does not fit into
// 64 bits is the largest number.
std::uint64_t state_bytes(const OptimizerSpec& spec, std::span<const Shape> shapes);

// Owns the state of the parameters that it is given and of no others: where several processes share a model,
// each takes some of the parameters, whole (ZeRO-1). Not safe to use from several threads at once; uses
// threads itself.
class Optimizer {
 public:
  // Throws Errc::kData for numbers out of their range, two parameters of one name, or none at all behind a
  // pointer; Errc::kUnsupported for a quantised weight.
  Optimizer(const OptimizerSpec& spec, std::vector<TrainedParameter> parameters);
  Optimizer(Optimizer&&) = default;
  Optimizer& operator=(Optimizer&&) = default;

  // One step. gradients[i]: F32, contiguous, in the shape of parameter i; counts times gradient_scale
  // (clipping). Where it is not defined() the parameter is left alone, as PyTorch leaves one without .grad.
  // NaN and infinities come through to the weights. Throws Errc::kData for a rate that is negative or not
  // finite and for gradients that do not fit; then nothing has changed.
  void step(std::span<const Tensor> gradients, double rate, double gradient_scale = 1);

  std::int64_t steps() const noexcept { return steps_; }
  const OptimizerSpec& spec() const noexcept { return spec_; }

  // Everything but the weights on which the next step depends: "step" I64 [], the calls of step(), and what
  // state_layout() lists for each parameter. The tensors share the optimiser's bytes until its next step.
  NamedTensors state() const;
  // Copies. Throws Errc::kData where a tensor is missing, of another shape or type, or of a parameter that is
  // not here, naming it; then nothing has changed.
  void load_state(const NamedTensors& state);

 private:
  struct Entry {
    TrainedParameter trained;
    std::vector<StateTensor> layout;  // the first: the steps
    std::int64_t steps = 0;
    std::vector<Tensor> state;  // after the first of layout
  };
  OptimizerSpec spec_;
  std::vector<Entry> entries_;
  std::int64_t steps_ = 0;
};

// The sum of squares of each gradient, in double (0 for one that is not defined()): blocks of a fixed size in
// index order. F32, contiguous; else Errc::kData.
std::vector<double> squared_norms(std::span<const Tensor> gradients);
// sqrt of the sum over all gradients, in their order. NaN and infinities come through. Processes that share
// the gradients out, whole, get the same bits by adding up their squared_norms in the order of the
// parameters.
double global_norm(std::span<const Tensor> gradients);

}  // namespace lyceum
