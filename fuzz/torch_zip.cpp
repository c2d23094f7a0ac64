// A file of torch.save: the zip archive, its pickle and the tensors in it, each read to its last byte.
#include "check/temporary_folder.h"
#include "formats/torch_file.h"
#include "formats/zip_archive.h"
#include "fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lyceum;
  static const check::TemporaryFolder folder;
  const std::span bytes(reinterpret_cast<const std::byte*>(data), size);
  fuzz::answer([&] {
    std::size_t at = 0;
    for (const ZipEntry& e : parse_zip(bytes, "input")) {
      fuzz::require(e.begin >= at && e.end >= e.begin && e.end <= size,
                    "entries follow one another in the file");
      at = e.end;
    }
  });
  fuzz::answer([&] {
    if (parse_torch_file(bytes, "input").empty()) return;
    check::write_file(folder / "f.pt", fuzz::text_of(data, size));
    const TorchFile file = TorchFile::open(folder / "f.pt");
    for (const TorchEntry& e : file.entries()) {
      const Tensor tensor = file.tensor(e);
      fuzz::require(tensor.shape() == e.info.shape && tensor.bytes() == e.info.bytes(),
                    "a tensor has its shape");
      unsigned sum = 0;
      for (std::size_t i = 0; i < tensor.bytes(); ++i) sum += std::to_integer<unsigned>(tensor.raw()[i]);
      fuzz::require(sum <= 255 * tensor.bytes(), "its bytes can be read");
    }
  });
  return 0;
}
