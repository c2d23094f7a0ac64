// The attention op alone, 12 heads of width 64, one sequence: GFLOP/s, and the memory beyond inputs and
// outputs. One JSON object a line, with the cases and the count of operations of bench/peers/compare.py,
// which runs it beside a peer.
//   attention [--threads N] [--repeats N] [--tokens N]
#include "ops/attention/attention.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <vector>

#include "base/parallel.h"
#include "base/random.h"
#include "tensor/tape.h"

namespace {

using namespace lyceum;
using Clock = std::chrono::steady_clock;

Tensor random_tensor(Shape shape, std::uint64_t seed) {
  Tensor t = Tensor::empty(shape);
  Random random(seed);
  for (float& x : std::span(t.mutable_data<float>(), static_cast<std::size_t>(t.elements())))
    x = random.uniform(-1, 1);
  return t;
}

void measure(const char* name, std::int64_t n, double flops, int repeats, const std::function<void()>& run) {
  run();
  std::vector<double> seconds;
  const std::size_t before = memory_use().live_bytes;
  reset_peak_memory();
  for (int r = 0; r < repeats; ++r) {
    const auto begin = Clock::now();
    run();
    seconds.push_back(std::chrono::duration<double>(Clock::now() - begin).count());
  }
  std::sort(seconds.begin(), seconds.end());
  std::printf(
      "{\"case\":\"N%lld%s\",\"unit\":\"GFLOP/"
      "s\",\"median\":%.3f,\"min\":%.3f,\"max\":%.3f,\"repeats\":%d,\"threads\":%d,\"peak_bytes\":%zu}\n",
      static_cast<long long>(n), name, flops * 1e-9 / seconds[seconds.size() / 2],
      flops * 1e-9 / seconds.back(), flops * 1e-9 / seconds.front(), repeats, thread_count(),
      memory_use().peak_bytes - before);
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  int repeats = 5;
  std::vector<std::int64_t> sizes{512, 2048, 8192};
  for (int i = 1; i + 1 < argc; i += 2) {
    if (!std::strcmp(argv[i], "--threads")) set_thread_count(std::atoi(argv[i + 1]));
    if (!std::strcmp(argv[i], "--repeats")) repeats = std::atoi(argv[i + 1]);
    if (!std::strcmp(argv[i], "--tokens")) sizes = {std::atoll(argv[i + 1])};
  }
  constexpr std::int64_t kHeads = 12, kWidth = 64;
  for (const std::int64_t n : sizes)
    for (const bool causal : {false, true}) {
      const Tensor q = random_tensor({n, kHeads * kWidth}, 1), k = random_tensor({n, kHeads * kWidth}, 2),
                   v = random_tensor({n, kHeads * kWidth}, 3), g = random_tensor({n, kHeads * kWidth}, 4);
      const SequenceLayout layout = SequenceLayout::from_lengths(std::span(&n, 1));
      AttentionSpec spec{.heads = kHeads};
      if (causal) spec.right = 0;
      const double flops =
          4.0 * kHeads * kWidth * static_cast<double>(n) * static_cast<double>(n) * (causal ? 0.5 : 1.0);
      measure(causal ? " causal forward" : " forward", n, flops, repeats,
              [&] { attention(q, k, v, layout, layout, spec); });
      measure(causal ? " causal forward+backward" : " forward+backward", n, 3.5 * flops, repeats, [&] {
        Tape tape;
        const Tensor wq = tape.watch(q), wk = tape.watch(k), wv = tape.watch(v);
        const Tape::Recording on(tape);
        const Tensor y = attention(wq, wk, wv, layout, layout, spec);
        tape.backward({{y, g}});
      });
    }
}
