#include "check/temporary_folder.h"

#include <stdlib.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <string>
#include <system_error>

#include "base/error.h"

namespace lyceum::check {
namespace fs = std::filesystem;

TemporaryFolder::TemporaryFolder() {
  std::string name = (fs::temp_directory_path() / "lyceum-test-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr)
    fail(Errc::kIo, "{}: cannot make it: {}", name, std::strerror(errno));
  path_ = fs::canonical(name);
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code error;
  fs::remove_all(path_, error);
}

void write_file(const fs::path& path, std::string_view bytes) {
  if (path.has_parent_path()) fs::create_directories(path.parent_path());
  std::ofstream file(path, std::ios::binary);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (!file.flush()) fail(Errc::kIo, "{}: cannot write it", path.string());
}

}  // namespace lyceum::check
