// Our f32 product beside oneDNN's, alternating call by call in one process. Prints GFLOP/s (median of the
// repeats), the ratio ours / oneDNN, and at the end the smallest and the geometric mean of the ratios.
//   product [--threads N] [--few] [--repeats N]        LYCEUM_ISA=avx2 with DNNL_MAX_CPU_ISA=AVX2 compares
//   AVX2 code
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dnnl.hpp>
#include <string>
#include <vector>

#include "base/parallel.h"
#include "base/random.h"
#include "kernels/gemm/gemm.h"
#include "kernels/isa.h"

namespace {

using namespace lyceum;
using lyceum::kernels::AlignedFloats;
using Clock = std::chrono::steady_clock;

AlignedFloats random_floats(std::int64_t count, std::uint64_t seed) {
  AlignedFloats out(count);
  Random random(seed);
  for (std::int64_t i = 0; i < count; ++i) out.data()[i] = random.uniform(-1, 1);
  return out;
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2),
                   values.end());
  return values[values.size() / 2];
}

template <class F>
double seconds(F run, int inner) {
  const auto begin = Clock::now();
  for (int i = 0; i < inner; ++i) run();
  return std::chrono::duration<double>(Clock::now() - begin).count() / inner;
}

}  // namespace

int main(int argc, char** argv) {
  int repeats = 21;
  bool few = false;
  for (int i = 1; i < argc; ++i) {
    if (!std::strcmp(argv[i], "--few")) few = true;
    if (!std::strcmp(argv[i], "--threads") && i + 1 < argc) set_thread_count(std::atoi(argv[++i]));
    if (!std::strcmp(argv[i], "--repeats") && i + 1 < argc) repeats = std::atoi(argv[++i]);
  }
  setenv("OMP_NUM_THREADS", std::to_string(thread_count()).c_str(),
         1);  // oneDNN asks OpenMP, which has read it already
  using namespace dnnl;
  engine cpu(engine::kind::cpu, 0);
  stream queue(cpu);
  std::vector<std::int64_t> ms{16, 32, 64, 128, 256, 512, 1024, 2048, 4096}, ns{384, 768, 2304, 3072},
      ks{384, 768, 3072};
  if (few) ms = {16, 128, 1024}, ns = {768, 3072}, ks = {768, 3072};
  std::printf("%s, %d threads\n%18s %9s %9s %6s\n", isa_name(current_isa()), thread_count(), "M x N x K",
              "ours", "oneDNN", "ratio");
  double worst = 1e9, logs = 0;
  int count = 0;
  for (const auto k : ks)
    for (const auto n : ns)
      for (const auto m : ms) {
        AlignedFloats a = random_floats(m * k, 1), b = random_floats(n * k, 2), c(m * n), d(m * n);
        kernels::Panels panels;
        const kernels::PackSource source{.data = b.data(), .n = n, .k_stride = 1, .n_stride = k};
        kernels::pack({&source, 1}, k, panels);
        matmul::primitive_desc desc(matmul::desc({{m, k}, memory::data_type::f32, memory::format_tag::ab},
                                                 {{k, n}, memory::data_type::f32, memory::format_tag::any},
                                                 {{m, n}, memory::data_type::f32, memory::format_tag::ab}),
                                    cpu);
        matmul primitive(desc);
        memory plain({{k, n}, memory::data_type::f32, memory::format_tag::ba}, cpu, b.data()),
            weights(desc.weights_desc(), cpu);
        reorder(plain, weights).execute(queue, plain, weights);
        memory src(desc.src_desc(), cpu, a.data()), dst(desc.dst_desc(), cpu, d.data());
        const auto theirs = [&] {
          primitive.execute(queue, {{DNNL_ARG_SRC, src}, {DNNL_ARG_WEIGHTS, weights}, {DNNL_ARG_DST, dst}});
          queue.wait();
        };
        const auto ours = [&] { kernels::product({.data = a.data(), .stride = k}, m, panels, c.data(), n); };
        const double flops = 2.0 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
        const int inner = std::max(1, static_cast<int>(2e8 / flops));
        seconds(ours, inner), seconds(theirs, inner);
        std::vector<double> t_ours, t_theirs;
        for (int r = 0; r < repeats; ++r) {
          t_ours.push_back(seconds(ours, inner));
          t_theirs.push_back(seconds(theirs, inner));
        }
        const double ratio = median(t_theirs) / median(t_ours);
        worst = std::min(worst, ratio);
        logs += std::log(ratio);
        ++count;
        std::printf("%5lldx%5lldx%5lld %9.1f %9.1f %6.3f\n", static_cast<long long>(m),
                    static_cast<long long>(n), static_cast<long long>(k), flops / median(t_ours) * 1e-9,
                    flops / median(t_theirs) * 1e-9, ratio);
        std::fflush(stdout);
      }
  std::printf("ratio: least %.3f, geometric mean %.3f of %d shapes\n", worst, std::exp(logs / count), count);
}
