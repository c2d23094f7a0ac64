// Values of a server's headers. The first byte says which.
#include "tasks/pull/header_values.h"

#include "base/utf8.h"
#include "formats/hub_cache.h"
#include "fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lyceum;
  if (size == 0) return 0;
  const std::string_view text = fuzz::text_of(data + 1, size - 1);
  const std::string shown = printable(text);
  fuzz::require(is_utf8(shown), "what is shown is UTF-8");
  for (const char c : shown)
    fuzz::require(static_cast<unsigned char>(c) >= 32 && c != 127, "and has no controls");
  switch (data[0] % 4) {
    case 0:
      if (const auto etag = parse_etag(text))
        fuzz::require(is_safe_path(*etag) && etag->find('/') == etag->npos, "an etag is a name");
      break;
    case 1:
      if (const auto range = parse_content_range(text))
        fuzz::require(range->first <= range->last && (!range->total || range->last < *range->total),
                      "a range is within its total");
      break;
    case 2:
      if (const auto seconds = parse_retry_after(text))
        fuzz::require(*seconds >= 0 && *seconds <= 60, "a wait is short");
      break;
    default: {
      const auto texts = fuzz::texts_of(data + 1, size - 1, 2);
      const auto base = parse_origin(texts[0]);
      if (!base) break;
      const auto location = parse_location(texts[0], texts[1]);
      if (!location) break;
      const auto origin = parse_origin(*location);
      fuzz::require(origin.has_value(), "a location is an address");
      if (texts[1].starts_with("/") && !texts[1].starts_with("//"))
        fuzz::require(*origin == *base, "a path stays with its host");
    }
  }
  return 0;
}
