// adapter_config.json: refused with a sentence, or scales and ranks that a product can take.
#include "formats/adapter_config.h"

#include <cmath>

#include "fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lyceum;
  const std::string text(fuzz::text_of(data, size));
  fuzz::answer([&] {
    const AdapterConfig c = parse_adapter_config(text, "input");
    for (const char* module : {"bert.encoder.layer.0.attention.self.query", "h.0.attn.c_attn", ""}) {
      fuzz::require(c.rank_of(module) >= 1, "a rank is at least 1");
      fuzz::require(std::isfinite(c.scale_of(module)), "a scale is a number");
    }
    AdapterConfig again = parse_adapter_config(adapter_config_text(c), "written");
    fuzz::require(again.rank == c.rank && again.alpha == c.alpha && again.task == c.task &&
                      again.by_root == c.by_root && again.saved_modules == c.saved_modules,
                  "what is written can be read again and is the same");
  });
  return 0;
}
