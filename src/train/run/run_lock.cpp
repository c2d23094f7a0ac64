#include "train/run/run_lock.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace lyceum {
namespace fs = std::filesystem;

RunLock::RunLock(const fs::path& directory)
    : file_(::open((directory / ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644)) {
  if (file_.value < 0) fail(Errc::kIo, "{}: {}", (directory / ".lock").string(), std::strerror(errno));
  if (::flock(file_.value, LOCK_EX | LOCK_NB) != 0)
    fail(Errc::kIo,
         "{}: another process trains in this folder. Fix: wait for it, or another output.directory",
         directory.string());
}

}  // namespace lyceum
