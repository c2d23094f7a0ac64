#include "ops/linear/linear.h"

#include <algorithm>
#include <mutex>
#include <utility>

#include "base/error.h"
#include "base/parallel.h"
#include "kernels/gemm/gemm.h"
#include "kernels/narrow/narrow.h"
#include "kernels/rows.h"
#include "ops/activation/activation.h"
#include "ops/columns/columns.h"
#include "ops/linear/adapter_dropout.h"
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

// B[k][n] of dx = dy B: k over the outputs, n over the inputs. The scales of a quantised weight belong to k:
// they are dy's to take.
kernels::PackSource backward_source(const Weight& w) {
  kernels::PackSource s = forward_source(w);
  std::swap(s.k_stride, s.n_stride);
  s.n = w.inputs();
  s.scales = nullptr;
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

// A LowRank as two products.
struct LowRankProducts {
  LowRank change;
  Linear down, up;
};

struct Linear::Packed {
  std::vector<LinearPart> parts;
  std::vector<LowRankProducts> adapters;  // empty, or one a part
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

  // Whether the weights give gradients to x in int8: they are stored so and stay.
  bool is_stored_in_int8() const {
    return std::all_of(parts.begin(), parts.end(),
                       [](const LinearPart& part) { return part.weight->is_quantized(); });
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
    const bool has_bytes = std::any_of(parts.begin(), parts.end(),
                                       [](const LinearPart& part) { return part.weight->is_quantized(); });
    if (compute == Compute::kF32 && !has_bytes) {
      const bool once = is_trained();
      once ? pack_backward_into(scratch().panels) : pack_backward();
      kernels::product(left, du.rows(), once ? scratch().panels : backward, dx.mutable_data<float>(), inputs);
      return dx;
    }
    std::int64_t first = 0;  // part by part, added up
    for (const LinearPart& part : parts) {
      const kernels::LeftMatrix columns{.data = left.data + first, .stride = left.stride};
      const kernels::From from = first == 0 ? kernels::From::kZero : kernels::From::kResult;
      if (part.weight->is_quantized()) {
        product_to_inputs_of_bytes(*part.weight, columns, du.rows(), from, dx.mutable_data<float>());
      } else if (compute == Compute::kF32) {
        const kernels::PackSource source = backward_source(*part.weight);
        kernels::pack({&source, 1}, part.weight->outputs(), scratch().panels);
        kernels::product(columns, du.rows(), scratch().panels, dx.mutable_data<float>(), inputs, {}, from);
      } else {
        Tensor before;
        if (first > 0) before = std::exchange(dx, Tensor::empty({du.rows(), inputs}));
        const kernels::PackSource source = backward_source(*part.weight);
        kernels::pack({&source, 1}, part.weight->outputs(), kernels::Narrow::kBF16, scratch().narrow);
        kernels::product(
            columns, du.rows(), scratch().narrow, dx.mutable_data<float>(), inputs,
            {.residual = before.defined() ? before.data<float>() : nullptr, .residual_stride = inputs});
      }
      first += part.weight->outputs();
    }
    return dx;
  }

  // dx = (du S) Q, Q the bytes, S the outputs' scales. Only a few columns of Q are in f32 at a time.
  void product_to_inputs_of_bytes(const Weight& w, const kernels::LeftMatrix& du, std::int64_t tokens,
                                  kernels::From from, float* dx) const {
    constexpr std::int64_t kColumns = 256;
    const std::int64_t outputs_here = w.outputs();
    Tensor scaled = Tensor::empty({tokens, outputs_here});
    float* to = scaled.mutable_data<float>();
    const float* scales = w.scales().data<float>();
    parallel_for(tokens, std::max<std::int64_t>(1, (1 << 14) / outputs_here),
                 [&](std::int64_t begin, std::int64_t end) {
                   for (std::int64_t t = begin; t < end; ++t)
                     for (std::int64_t d = 0; d < outputs_here; ++d)
                       to[t * outputs_here + d] = du.data[t * du.stride + d] * scales[d];
                 });
    const kernels::PackSource all = backward_source(w);
    for (std::int64_t first = 0; first < inputs; first += kColumns) {
      kernels::PackSource some = all;
      some.data = w.value().data<std::int8_t>() + first * all.n_stride;
      some.n = std::min(kColumns, inputs - first);
      kernels::pack({&some, 1}, outputs_here, scratch().panels);
      kernels::product({.data = to, .stride = outputs_here}, tokens, scratch().panels, dx + first, inputs, {},
                       from);
    }
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

void Linear::adapt(std::size_t part, const LowRank& change) {
  Packed& p = *packed_;
  if (part >= p.parts.size()) fail(Errc::kInternal, "linear: found no part {}", part);
  const Weight& w = *p.parts[part].weight;
  Legend d("adapter");
  d.set('C', w.inputs(), w.name());
  d.set('D', w.outputs(), w.name());
  d.bind(change.down->name(), change.down->shape(), "R C");
  d.bind(change.up->name(), change.up->shape(), "D R");
  p.adapters.resize(p.parts.size());
  p.adapters[part] = {change, Linear(change.down, nullptr), Linear(change.up, nullptr)};
}

// Where nothing stands between the two sums, the adapters' part is what the product is added to.
Tensor Linear::operator()(const Tensor& x, Activation activation, const Tensor& residual) const {
  if (packed_->adapters.empty()) return product(x, activation, residual);
  const bool is_plain = activation == Activation::kNone;
  const Tensor sum = product(x, Activation::kNone, adapters_part(x, is_plain ? residual : Tensor()));
  if (is_plain) return sum;
  const Tensor y = lyceum::activation(sum, activation);
  return residual.defined() ? add(y, residual) : y;
}

// [T, D]: scale drop(x) A^T B^T of each part that has an adapter, zeros of the others, on top of the
// residual.
Tensor Linear::adapters_part(const Tensor& x, const Tensor& residual) const {
  const auto of_part = [&](const LowRankProducts& adapter, const Tensor& onto) {
    const Tensor narrow = adapter.down(AdapterDropout::apply(x, adapter.change));
    return adapter.up(scale(narrow, adapter.change.scale), Activation::kNone, onto);
  };
  const std::vector<LowRankProducts>& adapters = packed_->adapters;
  if (adapters.size() == 1) return of_part(adapters[0], residual);
  std::vector<Tensor> columns;
  for (std::size_t i = 0; i < adapters.size(); ++i)
    columns.push_back(adapters[i].down.exists()
                          ? of_part(adapters[i], {})
                          : Tensor::zeros({x.rows(), packed_->parts[i].weight->outputs()}));
  const Tensor all = concat_columns(columns);
  return residual.defined() ? add(all, residual) : all;
}

// y = act(u) + residual, u = x W^T + b.
// du = dy act'(u);  dx = du W;  dW = du^T x;  db = sum over tokens of du;  d residual = dy.
Tensor Linear::product(const Tensor& x, Activation activation, const Tensor& residual) const {
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
  const bool is_trained = p.is_trained();
  if (tape != nullptr && p.compute == Compute::kInt8 && (is_trained || !p.is_stored_in_int8()))
    fail(
        Errc::kUnsupported,
        "linear: gradients are computed in f32 and bf16, found int8 for '{}', whose weight is trained or not "
        "stored in int8. Fix: --dtype f32",
        p.parts[0].weight->name());
  const bool once = tape != nullptr && is_trained;
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

  Tensor needed;  // frozen weights ask for the variable only
  if (p.trains_weights()) needed = x;
  needed.set_variable(x.variable());
  tape->record("linear", {&y},
               [packed = packed_, saved = Saved(needed), added = residual.variable(), pre, activation,
                tokens](BackwardPass& pass) {
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
