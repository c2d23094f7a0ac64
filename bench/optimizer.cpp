// One step of each optimiser on the parameters of BERT-base (109.5 million in 202 tensors), the norm of their
// gradients, and a copy of as much memory: GB/s of what the definition has to move, in the medians of the
// repeats. One JSON object a line; bench/peers/optimizer_torch.py has the same cases.
//   optimizer [--threads N] [--repeats N]
#include "train/optimizer/optimizer.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "base/parallel.h"
#include "base/random.h"
#include "kernels/isa.h"

namespace {

using namespace lyceum;
using Clock = std::chrono::steady_clock;

std::vector<Shape> bert_base() {
  std::vector<Shape> shapes{{30522, 768}, {512, 768}, {2, 768}, {768}, {768}};
  for (int layer = 0; layer < 12; ++layer) {
    for (int i = 0; i < 4; ++i) shapes.insert(shapes.end(), {{768, 768}, {768}});
    shapes.insert(shapes.end(), {{768}, {768}, {3072, 768}, {3072}, {768, 3072}, {768}, {768}, {768}});
  }
  shapes.insert(shapes.end(), {{768, 768}, {768}, {768}, {768}, {30522}});
  return shapes;
}

Tensor random_tensor(const Shape& shape, std::uint64_t seed) {
  Tensor t = Tensor::empty(shape);
  Random random(seed);
  for (float& x : std::span(t.mutable_data<float>(), static_cast<std::size_t>(t.elements())))
    x = random.uniform(-0.05f, 0.05f);
  return t;
}

void measure(const std::string& name, double bytes, int repeats, const std::function<void()>& run) {
  run();
  std::vector<double> seconds;
  for (int r = 0; r < repeats; ++r) {
    const auto begin = Clock::now();
    run();
    seconds.push_back(std::chrono::duration<double>(Clock::now() - begin).count());
  }
  std::sort(seconds.begin(), seconds.end());
  std::printf(
      "{\"case\":\"%s\",\"unit\":\"GB/"
      "s\",\"median\":%.3f,\"min\":%.3f,\"max\":%.3f,\"ms\":%.2f,\"repeats\":%d,"
      "\"threads\":%d}\n",
      name.c_str(), bytes * 1e-9 / seconds[seconds.size() / 2], bytes * 1e-9 / seconds.back(),
      bytes * 1e-9 / seconds.front(), seconds[seconds.size() / 2] * 1e3, repeats, thread_count());
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  int repeats = 7;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (!std::strcmp(argv[i], "--threads")) set_thread_count(std::atoi(argv[i + 1]));
    if (!std::strcmp(argv[i], "--repeats")) repeats = std::atoi(argv[i + 1]);
  }
  std::vector<TrainedParameter> parameters;
  std::vector<Tensor> gradients;
  double elements = 0;
  for (const Shape& shape : bert_base()) {
    const std::size_t i = parameters.size();
    parameters.push_back({.weight = std::make_shared<Weight>(std::to_string(i), random_tensor(shape, i)),
                          .weight_decay = shape.dims() > 1 ? 0.01 : 0});
    gradients.push_back(random_tensor(shape, 1000 + i));
    elements += static_cast<double>(shape.elements());
  }
  {
    Tensor from = random_tensor({static_cast<std::int64_t>(elements)}, 1), to = Tensor::zeros(from.shape());
    measure("copy", 8 * elements, repeats, [&] {
      parallel_for(from.elements(), 1 << 16, [&](std::int64_t begin, std::int64_t end) {
        std::copy(from.data<float>() + begin, from.data<float>() + end, to.mutable_data<float>() + begin);
      });
    });
  }
  measure("global_norm", 4 * elements, repeats, [&] { global_norm(gradients); });
  // bytes an element: what is read and written if nothing is touched twice
  const struct {
    const char* name;
    double bytes;
    OptimizerSpec spec;
  } cases[] = {{"adamw", 28, {}},
               {"adam", 28, {.kind = OptimizerKind::kAdam}},
               {"sgd", 12, {.kind = OptimizerKind::kSgd}},
               {"momentum", 20, {.kind = OptimizerKind::kSgd, .sgd = {.momentum = 0.9}}},
               {"lamb", 28, {.kind = OptimizerKind::kLamb}},
               {"adafactor", 12, {.kind = OptimizerKind::kAdafactor}}};
  for (const auto& c : cases) {
    Optimizer optimizer(c.spec, parameters);
    measure(c.name, c.bytes * elements, repeats, [&] { optimizer.step(gradients, 1e-4); });
  }
}
