// Any bytes as a text, through BERT's tokenizer: the first byte chooses the options.
#include "check/tiny_bert.h"
#include "fuzz/encoding_checks.h"

namespace {

std::string vocabulary() {
  std::string lines;
  for (const std::string& token : lyceum::check::tiny_vocabulary()) lines += token + "\n";
  for (char c = 'b'; c <= 'z'; ++c)
    if (c != 'q') lines += std::string(1, c) + "\n";
  for (char c = 'a'; c <= 'z'; ++c)
    if (c != 'n' && c != 'q' && c != 's') lines += "##" + std::string(1, c) + "\n";
  // capitals, letters with marks (composed and not), ideographs, punctuation outside of ASCII, a letter whose
  // small form is two
  for (const char* token : {"A",
                            "##A",
                            "\xC3\xA9",
                            "e\xCC\x81",
                            "##\xC3\xA9",
                            "\xC3\x9F",
                            "\xE4\xB8\xAD",
                            "\xE6\x96\x87",
                            "\xE2\x80\x9C",
                            "\xCC\x81",
                            "i\xCC\x87",
                            "\xEF\xBF\xBD",
                            "\xF0\x9F\x98\x80",
                            "##\xCC\x81",
                            ",",
                            "'",
                            "-",
                            "[",
                            "]",
                            "0",
                            "##0"})
    lines += std::string(token) + "\n";
  return lines;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lyceum;
  static const auto tokenizers = [] {
    std::vector<std::shared_ptr<const Tokenizer>> all;
    for (int bits = 0; bits < 8; ++bits)
      all.push_back(Tokenizer::from_vocabulary(vocabulary(), "fixed",
                                               {.lowercase = (bits & 1) == 0,
                                                .chinese_chars = (bits & 2) == 0,
                                                .strip_accents = (bits & 4) == 0}));
    return all;
  }();
  if (size == 0) return 0;
  fuzz::answer([&] { fuzz::check_encoding(*tokenizers[data[0] % 8], fuzz::text_of(data + 1, size - 1)); });
  return 0;
}
