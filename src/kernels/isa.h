// Which instruction set the kernels use: the best one that this machine has, or the one that LYCEUM_ISA
// names.
#pragma once

#include <hwy/targets.h>

#include <cstdint>
#include <vector>

namespace lyceum {

// kAmx: AVX-512, with tiles for products of bytes and bf16.
enum class Isa { kAvx2, kAvx512, kAmx, kNeon };

const char* isa_name(Isa isa) noexcept;  // "avx2", "avx512", "amx", "neon"
std::vector<Isa> available_isas();       // of this machine and this build, the best last

// Decides on first use. Throws Errc::kUsage when LYCEUM_ISA names what is unknown or not here,
// Errc::kUnsupported when the machine has neither AVX2 with FMA nor NEON.
Isa current_isa();
void set_isa(Isa isa);  // for tests: from now on, in the whole process

namespace kernels {
// Makes sure that the choice has been applied before Highway dispatches.
void apply_isa();
}  // namespace kernels

#define LYCEUM_DISPATCH(function) (::lyceum::kernels::apply_isa(), HWY_DYNAMIC_DISPATCH(function))

}  // namespace lyceum
