// What the tiled kernel and the definition share: the checks of shapes, and the rules of one head.
#pragma once

#include "ops/attention/attention.h"
#include "ops/attention/attention_kernel.h"

namespace lyceum {

struct AttentionShape {
  std::int64_t heads, kv_heads, width, value_width;
  float scale;
};

// Throws Errc::kData when shapes, spec and layouts do not agree.
AttentionShape attention_shape(const Shape& q, const Shape& k, const Shape& v, const SequenceLayout& queries,
                               const SequenceLayout& keys, const AttentionSpec& spec);

kernels::HeadRules head_rules(const AttentionSpec& spec, const AttentionShape& shape,
                              const SequenceLayout& queries, const SequenceLayout& keys,
                              std::int64_t sequence, std::int64_t head);

}  // namespace lyceum
