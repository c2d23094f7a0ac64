#include "ops/linear/linear.h"

#include <algorithm>
#include <mutex>
#include <utility>

#include "base/error.h"
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
  mutable kernels::NarrowPanels narrow;           // instead, for bf16 and int8
  mutable std::vector<kernels::Panels> backward;  // one a part
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

  void pack_backward() const {
    const std::lock_guard lock(mutex);
    if (backward_version == version()) return;
    backward.resize(parts.size());
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const kernels::PackSource source = backward_source(*parts[i].weight);
      kernels::pack({&source, 1}, parts[i].weight->outputs(), backward[i]);
    }
    backward_version = version();
  }

  // dx of one part. A weight that is trained is packed for this once: the next step packs it anew anyway.
  void product_to_inputs(std::size_t part, const kernels::LeftMatrix& du, std::int64_t tokens,
                         float* dx) const {
    const Weight& w = *parts[part].weight;
    if (compute == Compute::kBF16) {
      const kernels::PackSource source = backward_source(w);
      kernels::pack({&source, 1}, w.outputs(), kernels::Narrow::kBF16, scratch().narrow);
      return kernels::product(du, tokens, scratch().narrow, dx, inputs);
    }
    if (w.variable() == 0) {
      pack_backward();
      return kernels::product(du, tokens, backward[part], dx, inputs);
    }
    const kernels::PackSource source = backward_source(w);
    kernels::pack({&source, 1}, w.outputs(), scratch().panels);
    kernels::product(du, tokens, scratch().panels, dx, inputs);
  }
};

namespace {

// a^T b: [columns of a, columns of b] from a [tokens, .] and b [tokens, .].
void product_over_tokens(Compute compute, const Tensor& a, const Tensor& b, std::int64_t tokens, float* out) {
  const kernels::PackSource right{
      .data = b.data<float>(), .n = b.cols(), .k_stride = b.row_stride(), .n_stride = 1};
  if (compute != Compute::kBF16)
    return kernels::product_once({.data = a.data<float>(), .stride = a.row_stride(), .transposed = true},
                                 a.cols(), right, tokens, out, b.cols());
  const Tensor turned = transpose(a.detached());
  kernels::pack({&right, 1}, tokens, kernels::Narrow::kBF16, scratch().narrow);
  kernels::product({.data = turned.data<float>(), .stride = tokens}, turned.rows(), scratch().narrow, out,
                   b.cols());
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

  tape->record("linear", {&y}, [packed = packed_, x, residual, pre, activation, tokens](BackwardPass& pass) {
    const Packed& q = *packed;
    const Tensor& dy = pass.cotangent();
    if (residual.defined()) pass.add(residual, dy);
    Tensor du = dy;
    if (activation != Activation::kNone) {
      du = Tensor::empty(dy.shape());
      kernels::activate_backward(dy.data<float>(), pre.data<float>(), du.mutable_data<float>(), dy.elements(),
                                 activation);
    }
    std::int64_t first = 0;
    for (std::size_t i = 0; i < q.parts.size(); ++i) {
      const Weight& w = *q.parts[i].weight;
      const Tensor part = du.columns(first, first + w.outputs());
      const kernels::LeftMatrix du_rows{.data = part.data<float>(), .stride = part.row_stride()};
      if (x.variable() != 0) {
        Tensor dx = Tensor::empty({tokens, q.inputs});
        q.product_to_inputs(i, du_rows, tokens, dx.mutable_data<float>());
        pass.add(x, std::move(dx));
      }
      if (w.variable() != 0) {
        Tensor dw = Tensor::empty(w.shape());
        const Tensor& a = w.orientation() == Orientation::kOutputsInputs ? part : x;  // [tokens, rows of dw]
        const Tensor& b =
            w.orientation() == Orientation::kOutputsInputs ? x : part;  // [tokens, columns of dw]
        product_over_tokens(q.compute, a, b, tokens, dw.mutable_data<float>());
        pass.add(w.value(), std::move(dw));
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
  return y;
}

}  // namespace lyceum
