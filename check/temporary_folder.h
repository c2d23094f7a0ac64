// A folder of a test's own, gone when the test ends.
#pragma once

#include <filesystem>
#include <string_view>

namespace lyceum::check {

class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const noexcept { return path_; }
  std::filesystem::path operator/(const std::filesystem::path& relative) const { return path_ / relative; }

 private:
  std::filesystem::path path_;
};

// Writes the bytes as they are; folders on the way are made.
void write_file(const std::filesystem::path& path, std::string_view bytes);

}  // namespace lyceum::check
