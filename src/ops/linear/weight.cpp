#include "ops/linear/weight.h"

#include <utility>

#include "base/error.h"
#include "kernels/convert.h"

namespace lyceum {

Weight::Weight(std::string name, Tensor value, Orientation orientation, Tensor scales)
    : name_(std::move(name)),
      value_(value.detached()),
      scales_(scales.defined() ? scales.detached() : Tensor()),
      orientation_(orientation) {
  const DType type = value_.dtype();
  if (scales_.defined() && type == DType::kI8) {
    if (shape().dims() != 2 || orientation != Orientation::kOutputsInputs ||
        scales_.shape() != Shape{outputs()} || scales_.dtype() != DType::kF32)
      fail(Errc::kData, "weight '{}': found I8 {} with scales {} {}, expected [D, C] with F32 [D]", name_,
           shape().text(), dtype_name(scales_.dtype()), scales_.shape().text());
    return;
  }
  if (type != DType::kF32 && type != DType::kBF16 && type != DType::kF16)
    fail(Errc::kUnsupported, "weight '{}': found the number format {}, expected F32, BF16 or F16{}", name_,
         dtype_name(type),
         type == DType::kF64 ? ". Fix: `lyceum convert MODEL --output FOLDER --dtype f32` rounds it." : "");
}

// Of bf16 and f16.
void Weight::widen_to(float* to) const {
  kernels::widen(value_.raw(), value_.dtype() == DType::kBF16 ? kernels::Half::kBF16 : kernels::Half::kF16,
                 value_.elements(), to);
  value_.storage()->release_pages();
}

Tensor Weight::f32() const {
  if (value_.dtype() == DType::kF32) return value_;
  const std::lock_guard lock(mutex_);
  if (!widened_.defined()) {
    widened_ = Tensor::empty(shape());
    if (is_quantized()) {
      for (std::int64_t d = 0; d < outputs(); ++d)
        for (std::int64_t c = 0; c < inputs(); ++c)
          widened_.mutable_row<float>(d)[c] =
              static_cast<float>(value_.row<std::int8_t>(d)[c]) * scales_.data<float>()[d];
      return widened_;
    }
    widen_to(widened_.mutable_data<float>());
  }
  Tensor out = widened_;
  return out.set_variable(variable());
}

void Weight::set_trainable(bool trainable) {
  if (trainable != (variable() != 0) && !is_quantized())
    value_.set_variable(trainable ? Tape::new_variable() : 0);
}

void Weight::assign(Tensor value) {
  if (is_quantized()) fail(Errc::kUnsupported, "weight '{}': it is quantised and cannot be assigned", name_);
  if (value.shape() != shape())
    fail(Errc::kData, "weight '{}': found {}, expected {}", name_, value.shape().text(), shape().text());
  const Variable variable_before = variable();
  value_ = std::move(value);
  value_.set_variable(variable_before);
  widened_ = {};
  ++version_;
}

std::span<float> Weight::mutable_f32() {
  if (is_quantized()) fail(Errc::kUnsupported, "weight '{}': it is quantised and cannot be changed", name_);
  if (value_.dtype() != DType::kF32) {
    Tensor own = Tensor::empty(shape());
    widen_to(own.mutable_data<float>());
    assign(std::move(own));
  } else if (value_.storage()->is_mapped() || value_.storage().use_count() > 1 || !value_.is_contiguous()) {
    Tensor own = value_.clone();
    value_.storage()->release_pages();
    assign(std::move(own));
  } else {
    ++version_;
  }
  return {value_.mutable_data<float>(), static_cast<std::size_t>(value_.elements())};
}

}  // namespace lyceum
