// Under a sanitizer everything takes about ten times as long: tests look at less there, and leave what is
// about numbers or sizes to the other builds.
#pragma once

namespace lyceum::check {

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define LYCEUM_UNDER_SANITIZER
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define LYCEUM_UNDER_SANITIZER
#endif
#ifdef LYCEUM_UNDER_SANITIZER
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

template <class T>
constexpr T unless_sanitized(T usual, T sanitized) {
  return kSanitized ? sanitized : usual;
}

}  // namespace lyceum::check
