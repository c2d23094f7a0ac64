#include "ops/linear/linear.h"

#include <algorithm>
#include <mutex>
#include <utility>

#include "base/error.h"
#include "base/parallel.h"
#include "kernels/gemm/gemm.h"
#include "kernels/narrow/narrow.h"
#include "kernels/rows.h"
#include "ops/columns/columns.h"
#include "tensor/legend.h"

namespace lyceum {
namespace {

kernels::PackType pack_type(DType type) {
  return type == DType::kF32    ? kernels::PackType::kF32
         : type == DType::kBF16 ? kernels::PackType::kBF16
         : type == DType::kF16  ? kernels::PackType::kF16
                                : kernels::PackType::kI8;
}

// B[k][n] of y = x B: k over the inputs, n over the outputs.
kernels::PackSource forward_source(const Weight& w) {
  const bool out_in = w.orientation() == Orientation::kOutputsInputs;
  return {.data = w.value().raw(),
          .type = pack_type(w.value().dtype()),
          .n = w.outputs(),
          .k_stride = out_in ? 1 : w.outputs(),
          .n_stride = out_in ? w.inputs() : 1,
          .scales = w.is_quantized() ? w.scales().data<float>() : nullptr};
}

// B[k][n] of dx = dy B: k over the outputs, n over the inputs.
kernels::PackSource backward_source(const Weight& w) {
  kernels::PackSource s = forward_source(w);
  std::swap(s.k_stride, s.n_stride);
  s.n = w.inputs();
  return s;
}

}  // namespace

// The panels of a weight that is about to change: used once, in memory that the next one uses too.
struct Scratch {
  kernels::Panels panels;
  kernels::NarrowPanels narrow;
};
Scratch& scratch() {
  static thread_local Scratch mine;
  return mine;
}

struct Linear::Packed {
  std::vector<LinearPart> parts;
  std::int64_t inputs = 0, outputs = 0;
  mutable std::mutex mutex;
  Compute compute = Compute::kF32;
  mutable kernels::Panels forward;
  mutable kernels::NarrowPanels narrow;  // instead, for bf16 and int8
  mutable kernels::Panels backward;      // the parts one below the other
  mutable std::vector<float> bias;
  mutable std::uint64_t forward_version = 0,
                        backward_version = 0;  // the sum of the weights' versions; 0: not packed

  std::uint64_t version() const {
    std::uint64_t sum = 0;
    for (const LinearPart& part : parts)
      sum += part.weight->version() + (part.bias ? part.bias->version() : 0);
    return sum;
  }

  bool is_trained() const {
    return std::any_of(parts.begin(), parts.end(), [](const LinearPart& part) {
      return part.weight->variable() != 0 || (part.bias && part.bias->variable() != 0);
    });
  }

  bool trains_weights() const {
    return std::any_of(parts.begin(), parts.end(),
                       [](const LinearPart& part) { return part.weight->variable() != 0; });
  }

  void pack_into(kernels::Panels& panels, kernels::NarrowPanels& narrow_panels) const {
    std::vector<kernels::PackSource> sources;
    for (const LinearPart& part : parts) sources.push_back(forward_source(*part.weight));
    if (compute == Compute::kF32) {
      kernels::pack(sources, inputs, panels);
    } else {
      kernels::pack(sources, inputs,
                    compute == Compute::kInt8 ? kernels::Narrow::kInt8 : kernels::Narrow::kBF16,
                    narrow_panels);
    }
  }

  std::vector<float> bias_values() const {
    std::vector<float> all;
    for (const LinearPart& part : parts) {
      if (!part.bias) continue;
      const Tensor values = part.bias->f32();
      all.insert(all.end(), values.data<float>(), values.data<float>() + values.elements());
    }
    return all;
  }

  void pack_forward() const {
    const std::lock_guard lock(mutex);
    if (forward_version == version()) return;
    pack_into(forward, narrow);
    for (const LinearPart& part : parts) part.weight->value().storage()->release_pages();
    bias = bias_values();
    forward_version = version();
  }

  void pack_backward_into(kernels::Panels& panels) const {
    std::vector<kernels::PackSource> sources;
    std::vector<std::int64_t> outputs_of;
    for (const LinearPart& part : parts) {
      sources.push_back(backward_source(*part.weight));
      outputs_of.push_back(part.weight->outputs());
    }
    kernels::pack_below(sources, outputs_of, panels);
  }

  void pack_backward() const {
    const std::lock_guard lock(mutex);
    if (backward_version == version()) return;
    pack_backward_into(backward);
    backward_version = version();
  }

  // dx = du W. Weights that are trained are packed for this once: the next step packs them anew anyway.
  Tensor product_to_inputs(const Tensor& du) const {
    Tensor dx = Tensor::empty({du.rows(), inputs});
    const kernels::LeftMatrix left{.data = du.data<float>(), .stride = du.row_stride()};
    if (compute == Compute::kF32) {
      const bool once = is_trained();
      once ? pack_backward_into(scratch().panels) : pack_backward();
      kernels::product(left, du.rows(), once ? scratch().panels : backward, dx.mutable_data<float>(), inputs);
      return dx;
    }
    Tensor sum;  // narrow panels of one part at a time, added up
    std::int64_t first = 0;
    for (const LinearPart& part : parts) {
      const kernels::PackSource source = backward_source(*part.weight);
      kernels::pack({&source, 1}, part.weight->outputs(), kernels::Narrow::kBF16, scratch().narrow);
      kernels::product({.data = left.data + first, .stride = left.stride}, du.rows(), scratch().narrow,
                       dx.mutable_data<float>(), inputs,
                       {.residual = sum.defined() ? sum.data<float>() : nullptr, .residual_stride = inputs});
      first += part.weight->outputs();
      if (&part != &parts.back()) std::swap(sum, dx);
      if (!dx.defined()) dx = Tensor::empty({du.rows(), inputs});
    }
    return dx;
  }
};

namespace {

constexpr std::int64_t kActivationGrain = 1 << 14;

Tensor activated(const Tensor& u, Activation activation) {
  Tensor y = Tensor::empty(u.shape());
  const float* from = u.data<float>();
  float* to = y.mutable_data<float>();
  parallel_for(u.elements(), kActivationGrain, [&](std::int64_t begin, std::int64_t end) {
    kernels::activate(from + begin, to + begin, end - begin, activation);
  });
  return y;
}

// dy act'(u)
Tensor slope_times(const Tensor& dy, const Tensor& u, Activation activation) {
  Tensor du = Tensor::empty(dy.shape());
  const float *g = dy.data<float>(), *from = u.data<float>();
  float* to = du.mutable_data<float>();
  parallel_for(dy.elements(), kActivationGrain, [&](std::int64_t begin, std::int64_t end) {
    kernels::activate_backward(g + begin, from + begin, to + begin, end - begin, activation);
  });
  return du;
}

// Adds a^T b, [columns of a, columns of b] from a [tokens, .] and b [tokens, .], to a weight's gradient.
void add_product_over_tokens(BackwardPass& pass, const Weight& w, Compute compute, const Tensor& a,
                             const Tensor& b) {
  const std::int64_t tokens = a.rows();
  const kernels::PackSource right{
      .data = b.data<float>(), .n = b.cols(), .k_stride = b.row_stride(), .n_stride = 1};
  if (compute != Compute::kBF16) {
    bool is_new = false;
    float* dw = pass.sum(w.variable(), w.shape(), is_new);
    return kernels::product_once({.data = a.data<float>(), .stride = a.row_stride(), .transposed = true},
                                 a.cols(), right, tokens, dw, b.cols(),
                                 is_new ? kernels::From::kZero : kernels::From::kResult);
  }
  const Tensor turned = transpose(a.detached());
  Tensor dw = Tensor::empty(w.shape());
  kernels::pack({&right, 1}, tokens, kernels::Narrow::kBF16, scratch().narrow);
  kernels::product({.data = turned.data<float>(), .stride = tokens}, turned.rows(), scratch().narrow,
                   dw.mutable_data<float>(), b.cols());
  pass.add(w.value(), std::move(dw));
}

}  // namespace

Linear::Linear(std::vector<LinearPart> parts) : packed_(std::make_shared<Packed>()) {
  if (parts.empty()) fail(Errc::kInternal, "linear: found no weight");
  packed_->inputs = parts[0].weight->inputs();
  for (const LinearPart& part : parts) {
    const Weight& w = *part.weight;
    Legend d("linear");
    d.set('C', packed_->inputs, "the first weight");
    d.bind(w.name(), w.shape(), w.orientation() == Orientation::kOutputsInputs ? "D C" : "C D");
    if (part.bias) d.bind(part.bias->name(), part.bias->shape(), "D");
    if (static_cast<bool>(part.bias) != static_cast<bool>(parts[0].bias))
      fail(Errc::kData, "linear: '{}' and '{}' must both have a bias or both have none",
           parts[0].weight->name(), w.name());
    packed_->outputs += w.outputs();
    if (w.is_quantized()) packed_->compute = Compute::kInt8;
  }
  packed_->parts = std::move(parts);
}

const char* compute_name(Compute compute) noexcept {
  return compute == Compute::kInt8 ? "int8" : compute == Compute::kBF16 ? "bf16" : "f32";
}

Compute compute_from_name(std::string_view name) {
  for (const Compute compute : {Compute::kF32, Compute::kBF16, Compute::kInt8})
    if (name == compute_name(compute)) return compute;
  fail(Errc::kUnsupported, "dtype: found '{}', expected f32, bf16 or int8", name);
}

bool multiplies_faster(Compute compute) {
  if (compute == Compute::kF32) return false;
  const std::string_view unit =
      kernels::narrow_unit(compute == Compute::kInt8 ? kernels::Narrow::kInt8 : kernels::Narrow::kBF16);
  return unit != "f32" && unit != "portable";
}

void Linear::set_compute(Compute compute) {
  if (compute == Compute::kInt8 && inputs() > kernels::kMostInt8Depth)
    fail(Errc::kLimit, "linear: found {} inputs, expected at most {} for int8", inputs(),
         kernels::kMostInt8Depth);
  packed_->compute = compute;
  packed_->forward_version = 0;
  packed_->forward = {};
  packed_->narrow = {};
}
Compute Linear::compute() const noexcept { return packed_->compute; }

std::int64_t Linear::inputs() const noexcept { return packed_->inputs; }
std::int64_t Linear::outputs() const noexcept { return packed_->outputs; }
const std::vector<LinearPart>& Linear::parts() const noexcept { return packed_->parts; }

// y = act(u) + residual, u = x W^T + b.
// du = dy act'(u);  dx = du W;  dW = du^T x;  db = sum over tokens of du;  d residual = dy.
Tensor Linear::operator()(const Tensor& x, Activation activation, const Tensor& residual) const {
  const Packed& p = *packed_;
  Legend d("linear");
  d.set('C', p.inputs, "the weight");
  d.set('D', p.outputs, "the weight");
  d.bind("x", x.shape(), "T C");
  if (residual.defined()) d.bind("residual", residual.shape(), "T D");
  const std::int64_t tokens = d['T'];

  Tape* tape = recording({&x, &residual});
  for (const LinearPart& part : p.parts)
    if (Tape* t = recording({&part.weight->value(), part.bias ? &part.bias->value() : nullptr})) tape = t;
  if (tape != nullptr && p.compute == Compute::kInt8)
    fail(Errc::kUnsupported, "linear: gradients are computed in f32 and bf16, found int8. Fix: --dtype f32");
  const bool once = tape != nullptr && p.is_trained();
  const std::vector<float> bias_now = once ? p.bias_values() : std::vector<float>();
  once ? p.pack_into(scratch().panels, scratch().narrow) : p.pack_forward();
  const std::vector<float>& bias = once ? bias_now : p.bias;
  Tensor y = Tensor::empty({tokens, p.outputs});
  Tensor pre;  // u, kept only where the activation's slope needs it
  if (tape != nullptr && activation != Activation::kNone) pre = Tensor::empty({tokens, p.outputs});
  const kernels::LeftMatrix left{.data = x.data<float>(), .stride = x.row_stride()};
  const kernels::Epilogue epilogue{.bias = bias.empty() ? nullptr : bias.data(),
                                   .activation = activation,
                                   .pre_activation = pre.defined() ? pre.mutable_data<float>() : nullptr,
                                   .pre_stride = p.outputs,
                                   .residual = residual.defined() ? residual.data<float>() : nullptr,
                                   .residual_stride = residual.defined() ? residual.row_stride() : 0};
  if (p.compute == Compute::kF32) {
    kernels::product(left, tokens, once ? scratch().panels : p.forward, y.mutable_data<float>(), p.outputs,
                     epilogue);
  } else {
    kernels::product(left, tokens, once ? scratch().narrow : p.narrow, y.mutable_data<float>(), p.outputs,
                     epilogue);
  }
  if (tape == nullptr) return y;

  tape->record("linear", {&y},
               [packed = packed_, saved = Saved(x), added = residual.defined() ? residual.variable() : 0, pre,
                activation, tokens](BackwardPass& pass) {
                 const Packed& q = *packed;
                 const Tensor& dy = pass.cotangent();
                 pass.add(added, dy);
                 Tensor du = dy;
                 if (activation != Activation::kNone) du = slope_times(dy, pre, activation);
                 if (saved.variable() != 0) pass.add(saved.variable(), q.product_to_inputs(du));
                 Tensor inputs;  // made again for weights alone
                 if (q.trains_weights()) inputs = saved.get();
                 std::int64_t first = 0;
                 for (std::size_t i = 0; i < q.parts.size(); ++i) {
                   const Weight& w = *q.parts[i].weight;
                   const Tensor part = du.columns(first, first + w.outputs());
                   if (w.variable() != 0) {
                     const bool out_in = w.orientation() == Orientation::kOutputsInputs;
                     add_product_over_tokens(pass, w, q.compute, out_in ? part : inputs,
                                             out_in ? inputs : part);
                   }
                   if (const WeightPtr& b_weight = q.parts[i].bias; b_weight && b_weight->variable() != 0) {
                     Tensor db = Tensor::empty(b_weight->shape());
                     kernels::sum_rows(part.data<float>(), part.row_stride(), tokens, w.outputs(),
                                       db.mutable_data<float>());
                     pass.add(b_weight->value(), std::move(db));
                   }
                   first += w.outputs();
                 }
               });
  if (pre.defined() && !residual.defined())
    tape->rebuilds(y, [pre, activation] { return activated(pre, activation); });
  return y;
}

}  // namespace lyceum
