// The head over whole sequences, for tasks that ask nothing else of a model.
#pragma once

#include <span>

#include "nn/model.h"
#include "tensor/tensor.h"
#include "text/tokenizer.h"

namespace lyceum {

// [encodings, labels] of a model whose head is Head::kSequence.
Tensor sequence_scores(const Model& model, std::span<const Encoding> encodings);

}  // namespace lyceum
