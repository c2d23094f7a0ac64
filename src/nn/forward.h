// The function itself: named tensors in, named tensors out, gradients on request, as the reference library's
// class computes them (INTERFACE: `lyceum forward`).
#pragma once

#include <string>

#include "nn/model.h"
#include "nn/sentence_head.h"

namespace lyceum {

struct ForwardOptions {
  bool backward = false;  // adds grad.NAME for every parameter
  std::string taps;       // a regular expression; adds tap.NAME
  const SentenceHead* sentence =
      nullptr;  // adds sentence_embedding [B, D], and its parameters to the gradients
};

// Inputs: input_ids I64 [B, T] ([B, C, T] of a multiple-choice class, whose last_hidden_state is [B C, T, D])
// and what the class's forward knows besides (attention_mask, token_type_ids,
// position_ids, labels, ...; with backward also cotangent.OUTPUT). Tokens whose mask is 0 are not computed;
// outputs are zero there. Throws Errc::kData for ids outside the vocabulary, shapes that do not agree, inputs
// the class does not know; Errc::kUsage for backward without labels or cotangent. With both, the cotangents
// are what counts.
NamedTensors forward(const Model& model, const NamedTensors& inputs, const ForwardOptions& options = {});

// The padded batch, packed. Checks ids, types and positions against the model's tables.
PackedTokens pack_tokens(const NamedTensors& inputs, const Model& model);

}  // namespace lyceum
