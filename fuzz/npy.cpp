#include "formats/npy.h"

#include "fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lyceum;
  fuzz::answer([&] {
    const NpyHeader header = parse_npy({reinterpret_cast<const std::byte*>(data), size}, "input");
    fuzz::require(header.data_begin + static_cast<std::uint64_t>(header.shape.elements()) *
                                          static_cast<std::uint64_t>(dtype_bits(header.dtype)) / 8 ==
                      size,
                  "the data ends with the file");
  });
  return 0;
}
