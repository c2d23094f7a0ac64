// A regular expression, and behind a zero byte a text for it.
#include "base/utf8.h"
#include "fuzz/fuzz.h"
#include "text/regex.h"
#include "text/scanner.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lyceum;
  std::vector<std::string> parts = fuzz::texts_of(data, size, 2);
  repair_utf8(parts[1]);
  fuzz::answer([&] {
    if (!is_utf8(parts[0])) return;
    std::size_t at = 0;
    for (const MatchRange& range : Regex(parts[0], "input").find_all(parts[1])) {
      fuzz::require(range.begin == at && range.end >= at, "ranges stand one behind the other");
      fuzz::require(range.matched || range.end > at, "what lies between matches is not empty");
      at = range.end;
    }
    fuzz::require(at == parts[1].size(), "ranges cover the text");
  });
  static const Regex gpt2(kGpt2Pattern, "GPT-2");
  std::size_t at = 0;
  for (const MatchRange& range : gpt2.find_all(parts[1])) {
    fuzz::require(at == range.begin, "the scanner stands where the pattern does");
    at = Scanner::gpt2().next(parts[1], at);
    fuzz::require(at == range.end, "the scanner splits as the pattern does");
  }
  return 0;
}
