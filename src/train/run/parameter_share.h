// What the processes of a run share out, and how each comes to know what another has. Each rank calls these
// functions, with the same arguments but for what is its own.
#pragma once

#include <span>
#include <vector>

#include "data/examples/example.h"
#include "data/shuffle/record_order.h"
#include "nn/named_tensors.h"
#include "ops/linear/weight.h"
#include "ranks/ranks.h"
#include "train/optimizer/optimizer.h"

namespace lyceum {

// Of the examples of a whole batch those whose place in it is part.index modulo part.count.
std::vector<Example> share_of(std::span<const Example> batch, DataPart part);

// own: F32 [sequences of this rank's share of the batch, D]. Gives [sequences of the batch, D] in the batch's
// order; not defined() where a rank leaves the step, which gives no tensor: then all of them leave. Throws
// Errc::kInternal where a rank has other rows than its share of the batch has.
Tensor rows_of_all(Ranks& ranks, const Tensor& own, std::span<const Example> batch);

// The weights get the values that they have with their owners; all with rank 0: `owners` of zeros.
void spread_weights(Ranks& ranks, std::span<const WeightPtr> weights, std::span<const int> owners);

// On rank 0 the state of one optimiser over all the weights, made of those that each rank has of its own;
// elsewhere nothing.
NamedTensors gathered_state(Ranks& ranks, const Optimizer& own, std::span<const WeightPtr> weights,
                            std::span<const int> owners);
// The other way: of the state of one optimiser over all the weights, which rank 0 has, each rank gets what
// its own is made of. Throws Errc::kData on rank 0 where the state is not of these weights.
void spread_state(Ranks& ranks, const NamedTensors& state, Optimizer& own, std::span<const WeightPtr> weights,
                  std::span<const int> owners);
// Tensors of one name and shape everywhere get the values that they have on rank 0, in place.
void spread_tensors(Ranks& ranks, NamedTensors& tensors);

}  // namespace lyceum
