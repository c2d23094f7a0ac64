// The fuzz targets without a fuzzer: runs the files and folders given once each. Options (-runs=0) are the
// fuzzer's.
#include <filesystem>

#include "base/file.h"
#include "fuzz/fuzz.h"

int main(int argc, char** argv) {
  namespace fs = std::filesystem;
  std::size_t count = 0;
  const auto run = [&](const fs::path& path) {
    std::printf("%s\n", path.c_str());
    std::fflush(stdout);  // the name of the one that ends the program
    const std::string bytes = lyceum::read_text(path);
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
    ++count;
  };
  for (int i = 1; i < argc; ++i) {
    if (argv[i][0] == '-') continue;
    if (!fs::is_directory(argv[i])) {
      run(argv[i]);
      continue;
    }
    for (const fs::directory_entry& entry : fs::directory_iterator(argv[i])) run(entry.path());
  }
  std::printf("%zu inputs\n", count);
  return count > 0 ? 0 : 1;
}
