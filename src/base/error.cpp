#include "base/error.h"

namespace lyceum {

void throw_error(Errc code, fmt::string_view format, fmt::format_args args) {
  throw Error(code, fmt::vformat(format, args));
}

}  // namespace lyceum
