// The pointwise functions that may follow a product.
#pragma once

#include <cstdint>

namespace lyceum {

enum class Activation : std::uint8_t { kNone, kRelu, kGeluErf, kGeluTanh, kSilu, kTanh, kSigmoid };

}  // namespace lyceum
