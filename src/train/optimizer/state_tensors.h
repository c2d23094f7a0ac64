// Tensors of a saved state, checked against what is wanted before anything is changed.
#pragma once

#include <span>

#include "train/optimizer/optimizer.h"

namespace lyceum {

// Throws Errc::kData where one of these is missing, of another type or shape, or where the state has others.
void check_state(const NamedTensors& state, std::span<const StateTensor> wanted, const char* what);
// The bytes of `from`, which may be `to` itself. Of one type and shape.
void copy_state(const Tensor& from, Tensor& to);

}  // namespace lyceum
