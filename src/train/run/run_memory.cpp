#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "ranks/message.h"
#include "ranks/thread_share.h"
#include "train/run/training_run.h"

namespace lyceum {
namespace {

// What a run needs, in bytes.
struct MemoryEstimate {
  std::uint64_t weights = 0, gradients = 0, optimizer = 0, averages = 0, activations = 0;
  std::uint64_t total() const { return weights + gradients + optimizer + averages + activations; }
};

// What the machine and the cgroup have left; 0: unknown.
std::uint64_t available_memory() {
  std::uint64_t free = 0;
  std::ifstream meminfo("/proc/meminfo");
  for (std::string name; meminfo >> name;) {
    std::uint64_t kib = 0;
    if (name == "MemAvailable:" && meminfo >> kib) free = kib * 1024;
    meminfo.ignore(1 << 16, '\n');
  }
  const auto number_in = [](const char* path) -> std::uint64_t {
    std::ifstream file(path);
    std::uint64_t value = 0;
    return file >> value ? value : 0;
  };
  const std::uint64_t limit = number_in("/sys/fs/cgroup/memory.max"),
                      used = number_in("/sys/fs/cgroup/memory.current");
  if (limit > used && (free == 0 || limit - used < free)) free = limit - used;
  return free;
}

}  // namespace

void Trainer::check_memory() {
  MemoryEstimate need;
  std::vector<Shape> shapes;
  double kept_a_token =
      0;  // floats that a token leaves on the tape: about twice what goes in and out of each product
  for (const WeightPtr& weight : learning_.loaded.model->parameters()) {
    need.weights += static_cast<std::uint64_t>(weight->shape().elements()) * (weight->is_quantized() ? 1 : 4);
    if (weight->shape().dims() == 2 && weight->shape()[0] < learning_.loaded.model->vocabulary())
      kept_a_token += 2.0 * static_cast<double>(weight->shape()[0] + weight->shape()[1]);
  }
  for (std::size_t i = 0; i < weights_.size(); ++i) {
    const WeightPtr& weight = weights_[i];
    if (owners_[i] == ranks_.rank()) shapes.push_back(weight->shape());
    need.gradients += static_cast<std::uint64_t>(weight->shape().elements()) * 4;
  }
  need.optimizer = state_bytes(recipe_.train.optimizer, shapes);
  if (recipe_.train.ema > 0) need.averages = need.gradients;
  const std::int64_t length = recipe_.train.context_tokens;
  double tokens = static_cast<double>(
      recipe_.train.batch_tokens > 0 ? recipe_.train.batch_tokens : recipe_.train.batch_sequences * length);
  tokens = std::ceil(tokens / ranks_.size());
  if (recipe_.train.part_tokens > 0)
    tokens = std::min(tokens, static_cast<double>(recipe_.train.part_tokens));
  if (recipe_.train.recompute_layers && learning_.layers > 0)
    kept_a_token *= 2.0 / static_cast<double>(learning_.layers);
  need.activations = static_cast<std::uint64_t>(std::min(kept_a_token * tokens * 4, 1e18));
  const std::uint64_t there = available_memory();
  const auto gib = [](std::uint64_t bytes) { return static_cast<double>(bytes) / (1 << 30); };
  const std::string text = fmt::format(
      "about {:.2f} GiB of memory: weights {:.2f}, gradients {:.2f}, {} {:.2f}, activations {:.2f} for {} "
      "tokens at a time",
      gib(need.total()), gib(need.weights), gib(need.gradients), "optimiser",
      gib(need.optimizer + need.averages), gib(need.activations), static_cast<std::int64_t>(tokens));
  std::uint64_t all = 0;  // of the processes of this machine
  const std::string host = own_place().host;
  for (const std::string& message : ranks_.gather_everywhere(packed(std::pair(host, need.total())))) {
    const auto [other_host, bytes] = unpacked<std::pair<std::string, std::uint64_t>>(message);
    if (other_host == host) all += bytes;
  }
  if (options_.check_memory && there > 0 && all > there)
    fail(Errc::kLimit,
         "this run needs {}{}; {:.2f} GiB are free. Fix: fewer tokens at a time (train.part_tokens), "
         "train.recompute_layers = true, a smaller batch or model; --no-memory-check to try all the same",
         text,
         all > need.total() ? fmt::format(", {:.2f} GiB with the other processes of this machine", gib(all))
                            : "",
         gib(there));
  say("needs " + text);
}

}  // namespace lyceum
