// Vectors that may be compared.
#pragma once

#include <span>
#include <string>

#include "tensor/tensor.h"

namespace lyceum {

// Throws Errc::kData, naming the text, where a value of its vector (a row of [texts, D]) is not finite.
void check_finite(const Tensor& vectors, std::span<const std::string> texts);

}  // namespace lyceum
