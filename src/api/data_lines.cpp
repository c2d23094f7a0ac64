#include "lyceum/data_lines.h"

#include <filesystem>

#include "formats/data_file.h"

namespace lyceum {

std::string find_data_file(const std::string& file) {
  const std::filesystem::path path(file);
  const auto found = find_data_file(path.parent_path(), path.filename().string());
  return found ? found->string() : "";
}

std::vector<std::string> data_lines(const std::string& file) {
  DataLines lines(file, {.total_bytes = std::uint64_t{1} << 30});
  std::vector<std::string> out;
  for (std::string line; lines.next(line);) out.push_back(line);
  return out;
}

}  // namespace lyceum
