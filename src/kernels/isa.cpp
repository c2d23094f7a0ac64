#include "kernels/isa.h"

#include <hwy/highway.h>

#if defined(__x86_64__) && defined(__linux__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include <atomic>
#include <cstdlib>
#include <string>

#include "base/error.h"

namespace lyceum {
namespace {

constexpr std::int64_t kAvx512Targets = HWY_AVX3 | HWY_AVX3_DL;

std::int64_t targets_of(Isa isa) {
  switch (isa) {
    case Isa::kAvx2:
      return HWY_AVX2;
    case Isa::kAvx512:
    case Isa::kAmx:
      return kAvx512Targets;
    case Isa::kNeon:
      return HWY_NEON;
  }
  return 0;
}

// What the machine has, asked once, before any choice of ours restricts the answer.
std::int64_t machine_targets() {
  static const std::int64_t targets = [] {
    hwy::DisableTargets(0);
    return hwy::SupportedTargets() & HWY_TARGETS;
  }();
  return targets;
}

// Tiles of bytes and of bf16 in the processor, and leave from the system to use their registers.
bool has_amx() {
#if defined(__x86_64__) && defined(__linux__)
  static const bool has = [] {
    unsigned a, b, c, d;
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0) return false;
    constexpr unsigned kBf16 = 1u << 22, kTile = 1u << 24, kInt8 = 1u << 25;
    constexpr long kRequestPermission = 0x1023, kTileData = 18;  // arch_prctl(2)
    return (d & kBf16) && (d & kTile) && (d & kInt8) &&
           syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
  }();
  return has;
#else
  return false;
#endif
}

bool is_here(Isa isa) {
  return (machine_targets() & targets_of(isa)) != 0 && (isa != Isa::kAmx || has_amx());
}

std::atomic<int> g_isa{-1};

Isa choose() {
  const std::vector<Isa> isas = available_isas();
  if (isas.empty())
    fail(Errc::kUnsupported, "this processor has neither AVX2 with FMA nor NEON, which the kernels need");
  const char* wanted = std::getenv("LYCEUM_ISA");
  if (wanted == nullptr || *wanted == '\0') return isas.back();
  std::string names;
  for (const Isa isa : isas) {
    if (std::string(wanted) == isa_name(isa)) return isa;
    names += std::string(names.empty() ? "" : ", ") + isa_name(isa);
  }
  fail(Errc::kUsage, "LYCEUM_ISA: found '{}', expected one of: {}", wanted, names);
}

}  // namespace

const char* isa_name(Isa isa) noexcept {
  switch (isa) {
    case Isa::kAvx2:
      return "avx2";
    case Isa::kAvx512:
      return "avx512";
    case Isa::kAmx:
      return "amx";
    case Isa::kNeon:
      return "neon";
  }
  return "";
}

std::vector<Isa> available_isas() {
  std::vector<Isa> isas;
  for (const Isa isa : {Isa::kNeon, Isa::kAvx2, Isa::kAvx512, Isa::kAmx})
    if (is_here(isa)) isas.push_back(isa);
  return isas;
}

Isa current_isa() {
  kernels::apply_isa();
  return static_cast<Isa>(g_isa.load());
}

void set_isa(Isa isa) {
  if (!is_here(isa)) fail(Errc::kUsage, "set_isa: {} is not here", isa_name(isa));
  hwy::SetSupportedTargetsForTest(machine_targets() & targets_of(isa));
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  g_isa = static_cast<int>(isa);
}

namespace kernels {
void apply_isa() {
  if (g_isa.load(std::memory_order_relaxed) < 0) set_isa(choose());
}
}  // namespace kernels

}  // namespace lyceum
