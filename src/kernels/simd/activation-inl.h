// The pointwise functions that may follow a product, with their slopes, chosen at compile time.

#if defined(LYCEUM_KERNELS_SIMD_ACTIVATION_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LYCEUM_KERNELS_SIMD_ACTIVATION_INL_H_
#undef LYCEUM_KERNELS_SIMD_ACTIVATION_INL_H_
#else
#define LYCEUM_KERNELS_SIMD_ACTIVATION_INL_H_
#endif

#include "kernels/activation.h"
#include "kernels/simd/lanes-inl.h"
#include "kernels/simd/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lyceum::kernels::HWY_NAMESPACE {

template <Activation kActivation>
HWY_INLINE VF32 Activate(F32 d, VF32 x) {
  if constexpr (kActivation == Activation::kRelu) return hn::Max(hn::Zero(d), x);  // NaN stays
  if constexpr (kActivation == Activation::kGeluErf) return GeluErf(d, x);
  if constexpr (kActivation == Activation::kGeluTanh) return GeluTanh(d, x);
  if constexpr (kActivation == Activation::kSilu) return Silu(d, x);
  if constexpr (kActivation == Activation::kTanh) return Tanh(d, x);
  if constexpr (kActivation == Activation::kSigmoid) return Sigmoid(d, x);
  return x;
}

template <Activation kActivation>
HWY_INLINE VF32 Slope(F32 d, VF32 x) {
  const VF32 one = hn::Set(d, 1.0f);
  if constexpr (kActivation == Activation::kRelu) return hn::IfThenElseZero(hn::Gt(x, hn::Zero(d)), one);
  if constexpr (kActivation == Activation::kGeluErf) return GeluErfSlope(d, x);
  if constexpr (kActivation == Activation::kGeluTanh) return GeluTanhSlope(d, x);
  if constexpr (kActivation == Activation::kSilu) return SiluSlope(d, x);
  if constexpr (kActivation == Activation::kTanh) {
    const VF32 t = Tanh(d, x);
    return hn::NegMulAdd(t, t, one);
  }
  if constexpr (kActivation == Activation::kSigmoid) {
    const VF32 s = Sigmoid(d, x);
    return hn::Mul(s, hn::Sub(one, s));
  }
  return one;
}

template <Activation kActivation>
struct ActivationConstant {
  static constexpr Activation value = kActivation;
};
// f(ActivationConstant<activation>())
template <class F>
HWY_INLINE void WithActivation(Activation activation, F f) {
  switch (activation) {
    case Activation::kNone:
      return f(ActivationConstant<Activation::kNone>());
    case Activation::kRelu:
      return f(ActivationConstant<Activation::kRelu>());
    case Activation::kGeluErf:
      return f(ActivationConstant<Activation::kGeluErf>());
    case Activation::kGeluTanh:
      return f(ActivationConstant<Activation::kGeluTanh>());
    case Activation::kSilu:
      return f(ActivationConstant<Activation::kSilu>());
    case Activation::kTanh:
      return f(ActivationConstant<Activation::kTanh>());
    case Activation::kSigmoid:
      return f(ActivationConstant<Activation::kSigmoid>());
  }
}

}  // namespace lyceum::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
