#include "tasks/common/sequence_scores.h"

#include <algorithm>

#include "tasks/common/text_batches.h"

namespace lyceum {

Tensor sequence_scores(const Model& model, std::span<const Encoding> encodings) {
  const auto labels = static_cast<std::int64_t>(model.labels().size());
  Tensor out = Tensor::empty({static_cast<std::int64_t>(encodings.size()), labels});
  float* to = out.mutable_data<float>();
  run_batches(model, encodings, [&](const Tensor& hidden, const PackedTokens& batch, std::size_t first) {
    const Tensor scores = model.scores(hidden, batch);
    std::copy_n(scores.data<float>(), scores.elements(), to + static_cast<std::int64_t>(first) * labels);
  });
  return out;
}

}  // namespace lyceum
