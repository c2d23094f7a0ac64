// What a search index remembers of its embedder.
#include "tasks/embed/embedder_options.h"

#include "fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lyceum;
  fuzz::answer([&] {
    const EmbedderOptions options = options_from_text(std::string(fuzz::text_of(data, size)), "options");
    const std::string text = options_text(options);
    for (const char c : text) fuzz::require(c >= 32 && c < 127, "the text is ASCII without controls");
    fuzz::require(options_text(options_from_text(text, "again")) == text, "the text gives the options back");
    fuzz::require(options_text(filled_up({}, options)) == text, "nothing is filled up with all");
  });
  return 0;
}
