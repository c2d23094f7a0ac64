// A path, and behind a zero byte an ignore file.
#include "fuzz/fuzz.h"
#include "tasks/search/file_walk.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lyceum;
  const std::vector<std::string> parts = fuzz::texts_of(data, size, 2);
  fuzz::answer([&] {
    IgnorePatterns patterns;
    patterns.add(parts[1]);
    for (const bool is_folder : {false, true}) {
      const int verdict = patterns.decide(parts[0], is_folder);
      fuzz::require(verdict >= -1 && verdict <= 1, "a verdict is one of three");
    }
    glob_match(parts[1], parts[0]);
  });
  return 0;
}
