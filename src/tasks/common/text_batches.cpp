#include "tasks/common/text_batches.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/interrupt.h"
#include "base/parallel.h"

namespace lyceum {
namespace {

// Neighbouring texts of about kBatchTokens tokens make a batch, and batches go to threads: no thread waits
// for another inside a layer, and a batch's activations stay in the cache. Few tokens: one batch, and the
// ops share it out. Nothing is padded, so nothing is gained by putting texts of one length together.
constexpr std::int64_t kBatchTokens = 768, kFewTokens = 384;

std::int64_t length_of(const Encoding& e) { return static_cast<std::int64_t>(e.ids.size()); }

// [first, last) of each batch.
std::vector<std::pair<std::size_t, std::size_t>> divide(std::span<const Encoding> encodings) {
  const std::int64_t total =
      std::accumulate(encodings.begin(), encodings.end(), std::int64_t{0},
                      [](std::int64_t sum, const Encoding& e) { return sum + length_of(e); });
  const std::int64_t threads = thread_count();
  const std::int64_t limit =
      total <= kFewTokens * threads ? total : std::clamp(total / (4 * threads), kFewTokens, kBatchTokens);
  std::vector<std::pair<std::size_t, std::size_t>> batches;
  std::int64_t tokens = 0;
  for (std::size_t i = 0; i < encodings.size(); ++i) {
    if (batches.empty() || tokens + length_of(encodings[i]) > limit) {
      batches.emplace_back(i, i);
      tokens = 0;
    }
    batches.back().second = i + 1;
    tokens += length_of(encodings[i]);
  }
  return batches;
}

}  // namespace

void run_batches(const Model& model, std::span<const Encoding> encodings,
                 FunctionRef<void(const Tensor&, const PackedTokens&, std::size_t)> use) {
  const auto batches = divide(encodings);
  parallel_tasks(static_cast<std::int64_t>(batches.size()), [&](std::int64_t task, int) {
    check_interrupt();
    const auto& [first, last] = batches[static_cast<std::size_t>(task)];
    TokenPacker packer(model);
    for (std::size_t i = first; i < last; ++i) packer.add(encodings[i].ids, encodings[i].type_ids);
    const PackedTokens packed = packer.finish();
    use(model.encode(packed), packed, first);
  });
}

}  // namespace lyceum
