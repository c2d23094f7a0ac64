// Under a sanitizer everything takes about ten times as long: tests look at less there, and leave what is
// about numbers or sizes to the other builds.
#pragma once

namespace lyceum::check {

#ifdef LYCEUM_SANITIZED
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

template <class T>
constexpr T unless_sanitized(T usual, T sanitized) {
  return kSanitized ? sanitized : usual;
}

}  // namespace lyceum::check
