// Tensors by name, in the order of their names.
#pragma once

#include <map>
#include <string>

#include "tensor/tensor.h"

namespace lyceum {

using NamedTensors = std::map<std::string, Tensor>;

}  // namespace lyceum
