// fail(): the one way in which this library reports an error.
#pragma once

#include <fmt/core.h>

#include "lyceum/error.h"

namespace lyceum {

[[noreturn]] void throw_error(Errc code, fmt::string_view format, fmt::format_args args);

// fail(Errc::kFormat, "{}: found {}, expected {}. Fix: ...", path, found, expected);
template <class... Args>
[[noreturn]] void fail(Errc code, fmt::format_string<Args...> format, Args&&... args) {
  throw_error(code, format, fmt::make_format_args(args...));
}

}  // namespace lyceum
