// A vocab.txt.
#include "fuzz/encoding_checks.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lyceum;
  fuzz::answer([&] {
    const std::string_view text = fuzz::text_of(data, size);
    const auto tokenizer = Tokenizer::from_vocabulary(text, "input");
    fuzz::check_encoding(*tokenizer, text);  // its own words among others
  });
  return 0;
}
