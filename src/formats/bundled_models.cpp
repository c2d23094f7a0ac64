#include "formats/bundled_models.h"

#include <dlfcn.h>

#include <fstream>
#include <set>
#include <system_error>

#include "base/utf8.h"
#include "formats/hub_cache.h"
#include "formats/model_folder.h"

namespace lyceum {
namespace fs = std::filesystem;
namespace {

constexpr int kFoldersAround = 2;  // bin/ and lib/ have one, lib/ARCHITECTURE/ has two

// The file that this function was loaded from. Of the program itself the dynamic linker knows what it was
// called by only, which need not be a path.
fs::path this_file() {
  std::error_code error;
  Dl_info info{};
  if (::dladdr(reinterpret_cast<void*>(&this_file), &info) != 0 && info.dli_fname != nullptr)
    if (const fs::path path(info.dli_fname); path.is_absolute()) return fs::canonical(path, error);
  return fs::read_symlink("/proc/self/exe", error);
}

}  // namespace

std::optional<fs::path> shipped_models() {
  std::error_code error;
  const auto there = [&](const fs::path& folder) { return fs::is_directory(folder, error); };
  if (const std::string set = environment("LYCEUM_MODELS_DIR"); !set.empty())
    return there(set) ? std::optional<fs::path>(set) : std::nullopt;
  fs::path around = this_file().parent_path();
  for (int i = 0; i < kFoldersAround && around.has_relative_path(); ++i) {
    around = around.parent_path();
    if (fs::path folder = around / "share/lyceum/models"; there(folder)) return folder;
  }
  if (fs::path folder = LYCEUM_SHIPPED_MODELS; there(folder)) return folder;
  return std::nullopt;
}

std::vector<fs::path> bundled_folders() {
  std::vector<fs::path> out{data_home() / "models"};
  if (auto shipped = shipped_models()) out.push_back(std::move(*shipped));
  return out;
}

std::optional<fs::path> bundled_model(const std::string& name) {
  if (name.empty() || name.find('/') != std::string::npos || name == "." || name == "..") return std::nullopt;
  std::error_code error;
  const std::vector<fs::path> folders = bundled_folders();
  for (const fs::path& folder : folders)
    if (fs::path path = folder / name;
        fs::is_directory(path, error) && (&folder == &folders[0] || fs::exists(path / "config.json", error)))
      return path;
  return std::nullopt;
}

std::vector<fs::path> bundled_models() {
  std::set<std::string> names;
  std::error_code error;
  for (const fs::path& folder : bundled_folders()) {
    error.clear();
    for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
      names.insert(it->path().filename().string());
  }
  std::vector<fs::path> out;
  for (const std::string& name : names)
    if (auto path = bundled_model(name)) out.push_back(std::move(*path));
  return out;
}

std::string about_model(const fs::path& folder) {
  std::error_code error;
  if (!fs::is_regular_file(folder / "README.md", error)) return "";
  std::ifstream file(folder / "README.md", std::ios::binary);
  char line[256];
  file.getline(line, sizeof line);  // of a longer one nothing is shown
  std::string text = file ? line : "";
  if (!text.empty() && text.back() == '\r') text.pop_back();
  const std::string begin = "# " + folder.filename().string() + ": ";
  if (!text.starts_with(begin) || !is_utf8(text)) return "";
  text.erase(0, begin.size());
  for (const char c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) return "";
  return text;
}

}  // namespace lyceum
