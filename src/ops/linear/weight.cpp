#include "ops/linear/weight.h"

#include <cmath>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/parallel.h"
#include "kernels/convert.h"
#include "kernels/narrow/narrow.h"

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
      const bool out_in = orientation_ == Orientation::kOutputsInputs;
      for (std::int64_t r = 0; r < value_.rows(); ++r)
        for (std::int64_t c = 0; c < value_.cols(); ++c)
          widened_.mutable_row<float>(r)[c] =
              static_cast<float>(value_.row<std::int8_t>(r)[c]) * scales_.data<float>()[out_in ? r : c];
      return widened_;
    }
    widen_to(widened_.mutable_data<float>());
  }
  Tensor out = widened_;
  return out.set_variable(variable());
}

void Weight::quantize() {
  if (is_quantized()) return;
  if (shape().dims() != 2)
    fail(Errc::kData, "weight '{}': found {}, expected a matrix to quantise", name_, shape().text());
  const bool out_in = orientation_ == Orientation::kOutputsInputs;
  const std::int64_t from_output = out_in ? value_.row_stride() : 1,
                     from_input = out_in ? 1 : value_.row_stride(), to_output = out_in ? inputs() : 1,
                     to_input = out_in ? 1 : outputs();
  const kernels::PackType type = value_.dtype() == DType::kF32    ? kernels::PackType::kF32
                                 : value_.dtype() == DType::kBF16 ? kernels::PackType::kBF16
                                                                  : kernels::PackType::kF16;
  Tensor bytes = Tensor::empty(shape(), DType::kI8), scales = Tensor::empty({outputs()});
  parallel_for(outputs(), 16, [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> row(static_cast<std::size_t>(inputs()));
    std::vector<std::int8_t> quantized(row.size());
    for (std::int64_t d = begin; d < end; ++d) {
      for (std::size_t c = 0; c < row.size(); ++c)
        row[c] = kernels::pack_element(type, value_.raw(),
                                       d * from_output + static_cast<std::int64_t>(c) * from_input);
      scales.mutable_data<float>()[d] = kernels::quantize_row(row.data(), inputs(), quantized.data());
      for (std::size_t c = 0; c < row.size(); ++c)
        bytes.mutable_data<std::int8_t>()[d * to_output + static_cast<std::int64_t>(c) * to_input] =
            quantized[c];
    }
  });
  for (std::int64_t d = 0; d < outputs(); ++d)
    if (!std::isfinite(scales.data<float>()[d]))
      fail(Errc::kData,
           "weight '{}': its output {} holds a value that is not finite, which int8 cannot express", name_,
           d);
  value_.storage()->release_pages();
  value_ = std::move(bytes);
  scales_ = std::move(scales);
  widened_ = {};
  ++version_;
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
