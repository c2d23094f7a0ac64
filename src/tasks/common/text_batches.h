// Many texts through an encoder: packed batches that threads share.
#pragma once

#include <span>

#include "base/function_ref.h"
#include "nn/model.h"
#include "text/tokenizer.h"

namespace lyceum {

// Gives every encoding to the model's body and `use` what comes out: hidden [tokens of the batch, width] of
// encodings[first], encodings[first + 1], ... in order, one sequence each of batch.layout. `use` is called
// from several threads at once, once for each encoding in all. Results do not depend on how texts fall into
// batches. Throws what the model throws, and Errc::kInterrupted between two batches after a
// request_interrupt().
void run_batches(const Model& model, std::span<const Encoding> encodings,
                 FunctionRef<void(const Tensor& hidden, const PackedTokens& batch, std::size_t first)> use);

}  // namespace lyceum
