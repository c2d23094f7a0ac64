#include "base/error.h"

namespace lyceum {

// Names out of hostile files stand in messages: nothing of them may end the line, or the text, or speak to
// the terminal.
void throw_error(Errc code, fmt::string_view format, fmt::format_args args) {
  const std::string text = fmt::vformat(format, args);
  std::string shown;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F) {
      shown += fmt::format("\\x{:02x}", byte);
    } else {
      shown += c;
    }
  }
  throw Error(code, shown);
}

}  // namespace lyceum
