// One parameter of a model: its published name and shape, its bytes as they stand in the file, its number
// format and orientation. Ops read it; an optimiser writes on it in place. A quantised model is the same
// class with other weights.
//
// A quantised weight is I8 with a scale for each of its outputs: element (d, c) counts scales[d] times.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>

#include "tensor/tape.h"
#include "tensor/tensor.h"

namespace lyceum {

enum class Orientation {
  kOutputsInputs,  // [D, C], y = x w^T: a Linear of PyTorch
  kInputsOutputs,  // [C, D], y = x w: a Conv1D of GPT-2, a kernel of TensorFlow
};

class Weight {
 public:
  // F32, BF16 or F16; or I8 with scales F32 [D], outputs first. Throws Errc::kUnsupported for other formats,
  // Errc::kData for scales of another shape.
  Weight(std::string name, Tensor value, Orientation orientation = Orientation::kOutputsInputs,
         Tensor scales = {});
  Weight(const Weight&) = delete;
  Weight& operator=(const Weight&) = delete;

  const std::string& name() const noexcept { return name_; }
  const Shape& shape() const noexcept { return value_.shape(); }
  Orientation orientation() const noexcept { return orientation_; }
  std::int64_t outputs() const noexcept {
    return orientation_ == Orientation::kOutputsInputs ? value_.dim(0) : value_.dim(1);
  }
  std::int64_t inputs() const noexcept {
    return orientation_ == Orientation::kOutputsInputs ? value_.dim(1) : value_.dim(0);
  }

  // As in the file. Carries the variable when the weight is trainable.
  const Tensor& value() const noexcept { return value_; }
  bool is_quantized() const noexcept { return scales_.defined(); }
  const Tensor& scales() const noexcept { return scales_; }  // [D], of a quantised weight
  // In f32: the value itself, or a copy widened on first use (small parameters: biases, norms).
  Tensor f32() const;

  // Bytes with a scale for each output instead of the value of a matrix, by the rule of products in int8
  // (kernels::quantize_row), in the same orientation; pages of a mapped file are given back. Counts as a new
  // value; frozen from then on. Nothing happens to a weight that is quantised. Throws Errc::kData for an
  // output that is not finite.
  void quantize();

  // A trainable weight is a variable of every tape: its gradient is found under variable(). A frozen one
  // costs nothing. A quantised weight stays frozen.
  void set_trainable(bool trainable);
  Variable variable() const noexcept { return value_.variable(); }

  // Replaces the value (same shape): packs made of the old one are made anew.
  void assign(Tensor value);
  // The elements in f32, to be written in place: what an optimiser steps on. The first call makes the value
  // an f32 copy of the weight's own where it is bf16 or f16, lies in a mapped file or is shared with another
  // tensor (which keeps the old numbers); after that nothing is copied. Counts as a new value: every call
  // makes the packs anew, so ask again for every change, and write before the next use. No other thread may
  // use the weight meanwhile. The variable stays. Throws Errc::kUnsupported for a quantised weight.
  std::span<float> mutable_f32();
  std::uint64_t version() const noexcept { return version_; }

 private:
  void widen_to(float* to) const;
  std::string name_;
  Tensor value_, scales_;
  Orientation orientation_;
  std::uint64_t version_ = 1;
  mutable std::mutex mutex_;
  mutable Tensor widened_;
};

using WeightPtr = std::shared_ptr<Weight>;

}  // namespace lyceum
