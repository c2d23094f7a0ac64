#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/dot.cpp"
#include "kernels/dot.h"

#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/isa.h"
#include "kernels/simd/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lyceum::kernels::HWY_NAMESPACE {
float DotImpl(const float* x, const float* y, std::int64_t n) { return Dot(x, y, n); }
}  // namespace lyceum::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lyceum::kernels {
HWY_EXPORT(DotImpl);
float dot(const float* x, const float* y, std::int64_t n) noexcept {
  return LYCEUM_DISPATCH(DotImpl)(x, y, n);
}
}  // namespace lyceum::kernels
#endif
