// The losses of training: cross-entropy over classes, over the tokens of a text, squared error, logistic.
#pragma once

#include <cstdint>
#include <span>

#include "tensor/layout.h"
#include "tensor/tensor.h"

namespace lyceum {

struct CrossEntropyOptions {
  std::int64_t ignore_index = -100;
  float label_smoothing =
      0.0f;          // e: the target gives 1 - e + e / V to the label and e / V to every other class
  bool sum = false;  // instead of the mean over the labels that are not ignored
};

// logits [T, V], labels [T] in [0, V) or ignore_index. Returns a scalar in nats; the mean of no label is NaN.
// loss_t = logsumexp(z_t) - (1 - e) z_t[label] - e / V sum_v z_t[v]. Throws Errc::kData for other labels
// and for e outside [0, 1].
Tensor cross_entropy(const Tensor& logits, std::span<const std::int64_t> labels,
                     const CrossEntropyOptions& options = {});

// One choice among the tokens of each sequence: scores [T, 1], targets [B], the index of a token in its
// sequence or -1 (ignored). The mean over the sequences that count.
Tensor segment_cross_entropy(const Tensor& scores, const SequenceLayout& layout,
                             std::span<const std::int64_t> targets);

// mean (x - y)^2 and mean of -(t log sigmoid(x) + (1 - t) log(1 - sigmoid(x))); targets are constants.
Tensor mean_squared_error(const Tensor& x, const Tensor& target);
Tensor binary_cross_entropy_with_logits(const Tensor& x, const Tensor& target);

}  // namespace lyceum
