// Elementary functions of f32 vectors: the same bits at every vector width and on every instruction set,
// because each is a fixed sequence of IEEE operations and explicit fused multiply-adds. Never libm in a
// kernel.
//
//   function    range                 error (math_test: every 251st f32)              special values
//   Exp         x < -86.6 gives 0     2 ulp                                           NaN stays, > 88.72
//   gives inf Log         x > 0, normal         2 ulp                                           0 gives -inf,
//   < 0 and NaN NaN Tanh, Erf   all                   6 ulp                                           NaN
//   stays, |result| <= 1 Sigmoid     all                   4 ulp (absolute 2^-125 below -86.6) NaN stays
//   Gelu*, Silu all                   relative to |x|: 4e-7                           NaN stays
//   *Slope      |x| <= 1e30           absolute 1e-6                                   NaN stays
//
// Limits stand first in Min and Max: with a NaN the x86 instructions return their second operand.

#if defined(LYCEUM_KERNELS_SIMD_MATH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LYCEUM_KERNELS_SIMD_MATH_INL_H_
#undef LYCEUM_KERNELS_SIMD_MATH_INL_H_
#else
#define LYCEUM_KERNELS_SIMD_MATH_INL_H_
#endif

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace lyceum::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class D, class V, class... Rest>
HWY_INLINE V HornerStep(D, V, V sum) {
  return sum;
}
template <class D, class V, class... Rest>
HWY_INLINE V HornerStep(D d, V t, V sum, float c, Rest... rest) {
  return HornerStep(d, t, hn::MulAdd(sum, t, hn::Set(d, c)), rest...);
}
template <class D, class V, class... Rest>
HWY_INLINE V Polynomial(D d, V t, float highest, Rest... rest) {
  return HornerStep(d, t, hn::Set(d, highest), rest...);
}

// e^x = 2^n e^r, n = round(x / ln 2), |r| <= ln 2 / 2 in two steps (Cody and Waite 1980); e^r by a polynomial
// of degree 7 fitted for this range.
template <class D, class V = hn::VFromD<D>>
HWY_INLINE V ExpReduced(D d, V x, V& n) {
  n = hn::Round(hn::Mul(x, hn::Set(d, 1.44269504f)));
  V r = hn::NegMulAdd(n, hn::Set(d, 0.693359375f), x);
  r = hn::NegMulAdd(n, hn::Set(d, -2.12194440e-4f), r);
  return Polynomial(d, r, 1.9875691500e-4f, 1.3981999507e-3f, 8.3334519073e-3f, 4.1665795894e-2f,
                    1.6666665459e-1f, 5.0000001201e-1f, 1.0f, 1.0f);
}

// Below 2^-125 the result is flushed to zero, so that 2^(n-1) is always normal.
template <class D, class V = hn::VFromD<D>>
HWY_INLINE V Exp(D d, V x) {
  const hn::RebindToSigned<D> di;
  V n;
  const V p = ExpReduced(d, hn::Max(hn::Set(d, -90.0f), hn::Min(hn::Set(d, 89.0f), x)), n);
  const auto exponent = hn::ShiftLeft<23>(hn::Add(hn::ConvertTo(di, n), hn::Set(di, 126)));  // of 2^(n-1)
  const V y = hn::Mul(hn::Add(p, p), hn::BitCast(d, exponent));
  return hn::IfThenZeroElse(hn::Lt(x, hn::Set(d, -86.6f)), y);
}

// The same bits for x <= 0 (or -inf), where nothing overflows: what is far below is garbage until it is
// flushed to zero.
template <class D, class V = hn::VFromD<D>>
HWY_INLINE V ExpNonPositive(D d, V x) {
  const hn::RebindToSigned<D> di;
  V n;
  const V p = ExpReduced(d, x, n);
  const V y = hn::Mul(p, hn::BitCast(d, hn::ShiftLeft<23>(hn::Add(hn::ConvertTo(di, n), hn::Set(di, 127)))));
  return hn::IfThenZeroElse(hn::Lt(x, hn::Set(d, -86.6f)), y);
}

// x = 2^e m with m in [sqrt(1/2), sqrt(2)); ln m = f - f^2/2 + f^3 P(f), f = m - 1.
template <class D, class V = hn::VFromD<D>>
HWY_INLINE V Log(D d, V x) {
  const hn::RebindToSigned<D> di;
  const auto bits = hn::Sub(hn::BitCast(di, x), hn::Set(di, 0x3F3504F3));  // of sqrt(1/2)
  const V e = hn::ConvertTo(d, hn::ShiftRight<23>(bits));
  const V m = hn::BitCast(d, hn::Add(hn::And(bits, hn::Set(di, 0x007FFFFF)), hn::Set(di, 0x3F3504F3)));
  const V f = hn::Sub(m, hn::Set(d, 1.0f)), f2 = hn::Mul(f, f);
  V y =
      Polynomial(d, f, 7.0376836292e-2f, -1.1514610310e-1f, 1.1676998740e-1f, -1.2420140846e-1f,
                 1.4249322787e-1f, -1.6668057665e-1f, 2.0000714765e-1f, -2.4999993993e-1f, 3.3333331174e-1f);
  y = hn::Mul(hn::Mul(y, f2), f);
  y = hn::MulAdd(e, hn::Set(d, -2.12194440e-4f), y);
  y = hn::NegMulAdd(hn::Set(d, 0.5f), f2, y);
  y = hn::MulAdd(e, hn::Set(d, 0.693359375f), hn::Add(f, y));
  const V zero = hn::Zero(d), inf = hn::Set(d, HUGE_VALF), nan = hn::Set(d, NAN);
  y = hn::IfThenElse(hn::Eq(x, inf), inf, y);
  y = hn::IfThenElse(hn::Eq(x, zero), hn::Neg(inf), y);
  return hn::IfThenElse(hn::Ge(x, zero), y, nan);
}

// erf(x) = x P(x^2) / Q(x^2) on [-3.92, 3.92], where it has reached 1 to rounding. Coefficients: least
// squares with reweighting on the relative error, all positive, so that nothing cancels.
template <class D, class V = hn::VFromD<D>>
HWY_INLINE V Erf(D d, V x) {
  const V c = hn::Max(hn::Set(d, -3.92f), hn::Min(hn::Set(d, 3.92f), x));
  const V t = hn::Mul(c, c);
  const V p = Polynomial(d, t, 2.050100420e-6f, 2.848808363e-4f, 3.765537869e-3f, 5.274848267e-2f,
                         1.904046386e-1f, 1.1283791065f);
  const V q = Polynomial(d, t, 3.809175178e-5f, 1.162516070e-3f, 1.496906020e-2f, 1.141083613e-1f,
                         5.020744801e-1f, 1.0f);
  const V y = hn::Div(hn::Mul(c, p), q);
  return hn::Max(hn::Set(d, -1.0f), hn::Min(hn::Set(d, 1.0f), y));
}

// Below 0.625 an odd polynomial; above, 1 - 2 / (e^2|x| + 1) with the sign put back.
template <class D, class V = hn::VFromD<D>>
HWY_INLINE V Tanh(D d, V x) {
  const V a = hn::Abs(x), t = hn::Mul(x, x);
  const V p = Polynomial(d, t, -5.70498872745e-3f, 2.06390887954e-2f, -5.37397155531e-2f, 1.33314422036e-1f,
                         -3.33332819422e-1f);
  const V small = hn::MulAdd(hn::Mul(p, t), x, x);
  const V one = hn::Set(d, 1.0f);
  const V e = Exp(d, hn::Min(hn::Set(d, 20.0f), hn::Add(a, a)));
  const V big = hn::CopySignToAbs(hn::Sub(one, hn::Div(hn::Set(d, 2.0f), hn::Add(e, one))), x);
  return hn::IfThenElse(hn::Lt(a, hn::Set(d, 0.625f)), small, big);
}

// 1 / (1 + e^-x)
template <class D, class V = hn::VFromD<D>>
HWY_INLINE V Sigmoid(D d, V x) {
  const V one = hn::Set(d, 1.0f);
  return hn::Div(one, hn::Add(one, Exp(d, hn::Neg(x))));
}

// x / (1 + e^-x). Source: Elfwing et al. 2017 (SiLU, swish).
template <class D, class V = hn::VFromD<D>>
HWY_INLINE V Silu(D d, V x) {
  return hn::Mul(x, Sigmoid(d, x));
}

// x Phi(x) = x (1 + erf(x / sqrt 2)) / 2. Source: Hendrycks and Gimpel 2016.
template <class D, class V = hn::VFromD<D>>
HWY_INLINE V GeluErf(D d, V x) {
  const V half = hn::Mul(x, hn::Set(d, 0.5f));
  return hn::MulAdd(half, Erf(d, hn::Mul(x, hn::Set(d, 0.70710678f))), half);
}

// x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2: the same paper's approximation ("gelu_new",
// "gelu_pytorch_tanh").
template <class D, class V = hn::VFromD<D>>
HWY_INLINE V GeluTanhArgument(D d, V x) {
  const V cubic = hn::MulAdd(hn::Mul(hn::Mul(x, x), x), hn::Set(d, 0.044715f), x);
  return hn::Mul(cubic, hn::Set(d, 0.79788456f));
}
template <class D, class V = hn::VFromD<D>>
HWY_INLINE V GeluTanh(D d, V x) {
  const V half = hn::Mul(x, hn::Set(d, 0.5f));
  return hn::MulAdd(half, Tanh(d, GeluTanhArgument(d, x)), half);
}

// Derivatives at x.
template <class D, class V = hn::VFromD<D>>
HWY_INLINE V GeluErfSlope(D d, V x) {  // Phi(x) + x phi(x)
  const V half = hn::Set(d, 0.5f);
  const V cdf = hn::MulAdd(half, Erf(d, hn::Mul(x, hn::Set(d, 0.70710678f))), half);
  const V pdf = hn::Mul(hn::Set(d, 0.39894228f), Exp(d, hn::Mul(hn::Mul(x, x), hn::Set(d, -0.5f))));
  return hn::MulAdd(x, pdf, cdf);
}
template <class D, class V = hn::VFromD<D>>
HWY_INLINE V GeluTanhSlope(D d, V x) {
  const V one = hn::Set(d, 1.0f), half = hn::Set(d, 0.5f);
  const V t = Tanh(d, GeluTanhArgument(d, x));
  const V squared = hn::Min(hn::Set(d, 1e9f), hn::Mul(x, x));  // sech^2 is 0 long before: keeps 0 * inf away
  const V inner = hn::Mul(hn::MulAdd(squared, hn::Set(d, 3.0f * 0.044715f), one), hn::Set(d, 0.79788456f));
  const V sech2 = hn::NegMulAdd(t, t, one);
  return hn::MulAdd(hn::Mul(hn::Mul(half, x), sech2), inner, hn::MulAdd(half, t, half));
}
template <class D, class V = hn::VFromD<D>>
HWY_INLINE V SiluSlope(D d, V x) {
  const V s = Sigmoid(d, x), one = hn::Set(d, 1.0f);
  return hn::Mul(s, hn::MulAdd(x, hn::Sub(one, s), one));
}

}  // namespace lyceum::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
