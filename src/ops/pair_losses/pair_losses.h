// Losses over one number for each pair of texts: its similarity or its distance. Formulas and reductions are
// those of sentence-transformers 6; x [B, 1], one target a row, and the result is a scalar. Sums run in the
// order of the rows. All throw Errc::kData for another number of targets.
#pragma once

#include <span>

#include "tensor/tensor.h"

namespace lyceum {

// CoSENT (Su 2022): log(1 + sum over pairs of rows with target_i < target_j of exp(scale (x_i - x_j))), for
// similarities x: those of pairs that are less alike shall be lower. 0 where all targets are equal.
Tensor cosent_loss(const Tensor& x, std::span<const float> targets, float scale);

// Hadsell et al. 2006, the sum over rows of (t x^2 + (1 - t) max(margin - x, 0)^2) / 2 for distances x and
// targets t: 1 for pairs that belong together, 0 for others.
Tensor contrastive_loss(const Tensor& x, std::span<const float> targets, float margin);

// The same of the hard pairs only, without the half: the sum of x^2 over positives (t = 1) above the nearest
// negative (t = 0) and of max(margin - x, 0)^2 over negatives below the farthest positive. Where there are
// fewer than two negatives, the mean of the positives stands for the nearest; and the other way round. Pairs
// with other targets do not count.
Tensor online_contrastive_loss(const Tensor& x, std::span<const float> targets, float margin);

// The sum over rows of max(x + margin, 0): the triplet loss, of x = distance to the positive - distance to
// the negative.
Tensor hinge_loss(const Tensor& x, float margin);

}  // namespace lyceum
