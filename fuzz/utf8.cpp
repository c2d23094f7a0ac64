#include "base/utf8.h"

#include "fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lyceum;
  const std::string text(fuzz::text_of(data, size));
  std::string slow;  // one character after another
  std::size_t invalid = 0;
  for (std::string_view rest = text; !rest.empty();) {
    const Utf8Char c = decode_utf8(rest);
    fuzz::require(c.bytes >= 1 && static_cast<std::size_t>(c.bytes) <= rest.size(),
                  "a character lies in the text");
    fuzz::require(c.valid || c.code == 0xFFFD, "what is invalid reads as U+FFFD");
    append_utf8(slow, c.code);
    invalid += !c.valid;
    rest.remove_prefix(static_cast<std::size_t>(c.bytes));
  }
  std::string repaired = text;
  fuzz::require(repair_utf8(repaired) == invalid, "repairs are counted");
  fuzz::require(repaired == slow, "repair is decoding and encoding");
  fuzz::require(is_utf8(text) == (invalid == 0), "valid text is told from other");
  fuzz::require(is_utf8(repaired), "what is repaired is valid");
  std::string again = repaired;
  fuzz::require(repair_utf8(again) == 0 && again == repaired, "a second repair changes nothing");
  return 0;
}
