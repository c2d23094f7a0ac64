#include "formats/safetensors.h"

#include "fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lyceum;
  fuzz::answer([&] {
    const SafetensorsHeader header =
        parse_safetensors({reinterpret_cast<const std::byte*>(data), size}, "input");
    std::size_t at = header.entries.empty() ? size : header.entries[0].begin;
    for (const SafetensorsEntry& e : header.entries) {
      fuzz::require(e.begin == at && e.end >= e.begin, "tensors follow one another");
      fuzz::require((e.end - e.begin) * 8 == static_cast<std::uint64_t>(e.shape.elements()) *
                                                 static_cast<std::uint64_t>(dtype_bits(e.dtype)),
                    "a tensor has the bytes of its shape and format");
      at = e.end;
    }
    fuzz::require(at == size, "tensors end with the file");
  });
  return 0;
}
