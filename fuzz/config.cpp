// JSON as such, and as a configuration of an encoder.
#include "base/json.h"
#include "fuzz/fuzz.h"
#include "models/bert/encoder_names.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lyceum;
  const std::string text(fuzz::text_of(data, size));
  fuzz::answer([&] {
    const Json json = parse_json(text, "input");
    fuzz::require(parse_json(json.dump(), "input") == json,
                  "what is written can be read again and is the same");
  });
  fuzz::answer([&] {
    const EncoderConfig c = encoder_config(text, "input", {});
    fuzz::require(c.width >= 1 && c.heads >= 1 && c.width % c.heads == 0, "heads divide the width");
    fuzz::require(
        c.vocabulary >= 1 && c.max_positions >= 1 && c.types >= 1 && c.inner_width >= 1 && c.layers >= 0,
        "sizes are sizes");
  });
  return 0;
}
