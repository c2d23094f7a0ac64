// Any text cut into passages; the first two bytes choose their length and overlap.
#include "tasks/search/chunker.h"

#include "base/utf8.h"
#include "check/tiny_bert.h"
#include "fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lyceum;
  static const auto tokenizer = [] {
    std::string lines;
    for (const std::string& token : check::tiny_vocabulary()) lines += token + "\n";
    return Tokenizer::from_vocabulary(lines, "fixed");
  }();
  if (size < 2) return 0;
  const ChunkOptions options{.tokens = data[0] % 40, .overlap = static_cast<std::int8_t>(data[1])};
  std::string text(fuzz::text_of(data + 2, size - 2));
  repair_utf8(text);
  fuzz::answer([&] {
    const std::vector<Chunk> chunks = chunk_text(text, *tokenizer, options);
    std::vector<bool> covered(text.size());
    std::size_t before = 0;
    for (const Chunk& c : chunks) {
      fuzz::require(c.begin < c.end && c.end <= text.size() && c.begin >= before,
                    "passages lie in the text, in order");
      before = c.begin;
      std::fill(covered.begin() + static_cast<std::ptrdiff_t>(c.begin),
                covered.begin() + static_cast<std::ptrdiff_t>(c.end), true);
      fuzz::require(
          c.line == 1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(c.begin), '\n'),
          "a passage knows its line");
      const std::string part = text.substr(c.begin, c.end - c.begin);
      fuzz::require(is_utf8(part), "no character is cut");
    }
    for (std::size_t i = 0; i < text.size(); ++i)
      fuzz::require(covered[i] || std::string_view(" \t\n\r\f\v").find(text[i]) != std::string_view::npos,
                    "nothing but white space is left out");
  });
  return 0;
}
