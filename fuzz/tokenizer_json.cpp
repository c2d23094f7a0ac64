// A tokenizer.json, and behind a zero byte a text for it.
#include "fuzz/encoding_checks.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lyceum;
  const std::vector<std::string> parts = fuzz::texts_of(data, size, 2);
  fuzz::answer([&] {
    const auto tokenizer = Tokenizer::from_json(parts[0], "input");
    fuzz::check_encoding(*tokenizer, parts[1]);
    fuzz::check_encoding(*tokenizer, "Hello, w\xC3\xB6rld! [CLS] \xE4\xB8\xAD\xE6\x96\x87");
  });
  return 0;
}
