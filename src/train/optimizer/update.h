// One step of one parameter by each kind of optimiser, cut up so that the threads meet once or a few times
// for all parameters together, however many there are; optimizer.cpp has checked everything.
#pragma once

#include <memory>

#include "base/function_ref.h"
#include "train/optimizer/optimizer.h"

namespace lyceum {

struct Update {
  std::span<float> weight;  // not empty
  Shape shape;
  const float* gradient;
  std::span<Tensor> state;  // in the order of state_layout(), without the steps
  std::int64_t step;        // of this parameter, this one included
  double rate, weight_decay, gradient_scale;
};

// Phases follow one another. The blocks of a phase stand for themselves: they run on any thread, in any
// order. Once all of them have, finish() runs, but for the last phase.
class ParameterStep {
 public:
  virtual ~ParameterStep() = default;
  virtual int phases() const noexcept { return 1; }  // of a kind, not of a parameter
  virtual std::int64_t blocks() const noexcept = 0;
  virtual void run(int phase, std::int64_t block) = 0;
  virtual void finish(int) {}
};
std::unique_ptr<ParameterStep> adam_step(const OptimizerSpec& spec, const Update& update);  // and AdamW
std::unique_ptr<ParameterStep> lamb_step(const OptimizerSpec& spec, const Update& update);
std::unique_ptr<ParameterStep> sgd_step(const OptimizerSpec& spec, const Update& update);
std::unique_ptr<ParameterStep> adafactor_step(const OptimizerSpec& spec, const Update& update);

// Elements of a block. Sums over a block come first, then the blocks' in index order: another size is another
// rounding.
constexpr std::int64_t kUpdateBlock = std::int64_t{1} << 14;
struct Range {
  std::int64_t begin, count;
};
inline std::int64_t block_count(std::int64_t elements) {
  return (elements + kUpdateBlock - 1) / kUpdateBlock;
}
inline Range block_range(std::int64_t elements, std::int64_t block) {
  const std::int64_t begin = block * kUpdateBlock;
  return {begin, elements - begin < kUpdateBlock ? elements - begin : kUpdateBlock};
}

// body(owner, block) for every block of every owner, counts[owner] of them, shared among the threads. Where
// there are few elements altogether one thread does it: waking another takes longer.
void for_each_block(std::span<const std::int64_t> counts, std::int64_t elements,
                    FunctionRef<void(std::size_t owner, std::int64_t block)> body);

}  // namespace lyceum
