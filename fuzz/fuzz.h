// What the fuzz targets share: any bytes give a value or an Error, and what is promised of the value holds.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "lyceum/error.h"

namespace lyceum::fuzz {

// A broken promise ends the program, so that the fuzzer keeps the input.
inline void require(bool holds, const char* promise) {
  if (holds) return;
  std::fprintf(stderr, "broken promise: %s\n", promise);
  std::abort();
}

// Errors are answers, except those that say that the defect is ours. Other exceptions end the program.
template <class F>
void answer(F f) {
  try {
    f();
  } catch (const Error& error) {
    require(error.code() != Errc::kInternal, error.what());
  }
}

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// The input as several texts with a zero byte between them; missing ones are empty, the last one takes the
// rest.
inline std::vector<std::string> texts_of(const std::uint8_t* data, std::size_t size, std::size_t count) {
  std::string_view rest = text_of(data, size);
  std::vector<std::string> out;
  while (out.size() + 1 < count) {
    const std::size_t end = std::min(rest.find('\0'), rest.size());
    out.emplace_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  out.emplace_back(rest);
  return out;
}

}  // namespace lyceum::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
