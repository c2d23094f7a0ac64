// Dropout during training. Source: Srivastava et al. 2014; "inverted": what is kept is scaled, so that
// nothing changes when the model serves.
#pragma once

#include <cstdint>

#include "tensor/layout.h"
#include "tensor/tensor.h"

namespace lyceum {

struct DropoutSpec {
  float probability = 0.0f;  // p, of an element to become zero
  std::uint64_t seed = 0;    // of the training step
  std::uint64_t stream = 0;  // of the place in the model: two places never share their random numbers
};

// The key of the random numbers of a place, for ops that drop by themselves (attention).
std::uint64_t dropout_key(const DropoutSpec& spec);

// y = x / (1 - p) or 0, each element for itself. x [T, C] with any row stride, T the layout's tokens.
//
// Whether an element stays depends on (seed, stream, sequence id, position, column) and on nothing else: not
// on where the sequence stands in the batch, what else is in it, or the threads. Positions are those of the
// layout, modulo 2^32. The mask is not kept: the gradient draws it again. p = 0 returns x itself and leaves
// no note. Throws Errc::kData for p outside [0, 1) and for an x that does not fit the layout.
Tensor dropout(const Tensor& x, const SequenceLayout& layout, const DropoutSpec& spec);

}  // namespace lyceum
