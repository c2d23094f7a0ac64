#include "train/report/markup.h"

#include "base/utf8.h"

namespace lyceum {

std::string markup_text(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const Utf8Char c = decode_utf8(text);
    text.remove_prefix(static_cast<std::size_t>(c.bytes));
    switch (c.code) {
      case U'&':
        out += "&amp;";
        break;
      case U'<':
        out += "&lt;";
        break;
      case U'>':
        out += "&gt;";
        break;
      case U'"':
        out += "&quot;";
        break;
      case U'\'':
        out += "&#39;";
        break;
      default: {
        const bool is_control = (c.code < 0x20 && c.code != U'\t' && c.code != U'\n' && c.code != U'\r') ||
                                c.code == 0xFFFE || c.code == 0xFFFF;
        append_utf8(out, is_control ? 0xFFFD : c.code);
      }
    }
  }
  return out;
}

}  // namespace lyceum
