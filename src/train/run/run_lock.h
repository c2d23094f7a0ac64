// One process at a time writes to the folder of a run.
#pragma once

#include <filesystem>

#include "base/file.h"

namespace lyceum {

class RunLock {
 public:
  // Until this is destroyed. Throws Errc::kIo where another process has it, or the system refuses.
  explicit RunLock(const std::filesystem::path& directory);

 private:
  Descriptor file_;
};

}  // namespace lyceum
