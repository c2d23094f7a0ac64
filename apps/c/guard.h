// What every function of the C interface does: no exception leaves it, and nothing that the caller hands over
// is believed before it was looked at.
#pragma once

#include <lyceum.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lyceum::c {

// Throws Error(Errc::kUsage).
[[noreturn]] void refuse(const std::string& message);

// The exception that is being handled as a status, and in `error`, which may be null, as an object.
lyceum_status report(lyceum_error** error) noexcept;

template <class Work>
lyceum_status guarded(lyceum_error** error, Work work) noexcept {
  if (error != nullptr) *error = nullptr;
  try {
    work();
    return LYCEUM_OK;
  } catch (...) {
    return report(error);
  }
}

// Where a call puts what it makes: null until it has it.
template <class T>
T*& place_of(T** out) {
  if (out == nullptr) refuse("out: found NULL, expected where the result goes");
  *out = nullptr;
  return *out;
}

// What an opaque handle begins with. Callers of other languages have untyped pointers only, so that a handle
// of another kind is something to expect.
enum class Kind : std::uint64_t {  // letters of "lyceum T", "... E", "... C", "... R"
  kTokenizer = 0x6C796365756D2054,
  kEmbedder = 0x6C796365756D2045,
  kClassifier = 0x6C796365756D2043,
  kReranker = 0x6C796365756D2052
};
void check_handle(const void* handle, Kind kind);

template <class H>
const H& checked(const H* handle) {
  check_handle(handle, H::kKind);
  return *handle;
}

void check_count(std::size_t count, const char* what);

// One text; NULL is refused, also when it is to be empty. `what` names the argument, `place` where in it.
std::string_view text_of(const char* text, std::size_t length, const char* what,
                         std::optional<std::size_t> place = {});
std::vector<std::string> texts_of(const char* const* texts, const std::size_t* lengths, std::size_t count,
                                  const char* what);

// Throws unless `bytes` behind the `known` ones are zero.
void check_size(const void* options, std::size_t size, std::size_t known, const char* what);

// A caller's options, NULL among them, in the version of this library: members that an older caller does not
// know are zero, and those that only a newer one knows must be.
template <class Options>
Options options_of(const Options* given, const char* what) {
  Options own{};
  if (given == nullptr) return own;
  check_size(given, given->size, sizeof own, what);
  std::memcpy(&own, given, std::min(given->size, sizeof own));
  return own;
}

// 0 or 1; another number is refused.
bool flag_of(std::int32_t value, const char* what);

}  // namespace lyceum::c
