#include "tasks/pull/repository_info.h"

#include <fnmatch.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "base/json.h"
#include "formats/hub_cache.h"
#include "tasks/pull/header_values.h"

namespace lyceum {
namespace {

constexpr std::size_t kMostFiles = 100'000;

std::string_view folder_of(std::string_view path) {
  const auto slash = path.rfind('/');
  return slash == path.npos ? std::string_view() : path.substr(0, slash + 1);
}

bool matches(const char* glob, const std::string& name) { return ::fnmatch(glob, name.c_str(), 0) == 0; }

bool matches_any(const std::vector<std::string>& globs, const std::string& name) {
  return std::any_of(globs.begin(), globs.end(),
                     [&](const std::string& glob) { return matches(glob.c_str(), name); });
}

// The root, and the folders that sentence-transformers names by number: 0_Transformer, 1_Pooling, 2_Dense.
bool is_model_folder(std::string_view folder) {
  const auto digits = folder.find_first_not_of("0123456789");
  return folder.empty() || (digits > 0 && (folder[digits] == '_' || folder[digits] == '/') &&
                            folder.find('/') == folder.size() - 1);
}

// Everything beside weights that a model is made of.
bool is_description(const std::string& name) {
  static constexpr std::array kGlobs{"config.json",       "config_*.json",   "*_config.json",
                                     "modules.json",      "tokenizer.json",  "special_tokens_map.json",
                                     "added_tokens.json", "vocab*.txt",      "vocab*.json",
                                     "merges.txt",        "*.model",         "*.spm",
                                     "chat_template.*",   "rwkv_vocab_*.txt"};
  return std::any_of(kGlobs.begin(), kGlobs.end(), [&](const char* glob) { return matches(glob, name); });
}

// One form of a folder's weights: the best that is there.
std::vector<std::string> weights_of(const std::vector<std::string>& names) {
  for (const char* best : {"model.safetensors", "model.safetensors.index.json"})
    if (std::count(names.begin(), names.end(), best) > 0) return {best};
  std::vector<std::string> others;
  for (const std::string& name : names)
    if (name.ends_with(".safetensors")) others.push_back(name);
  for (const char* best : {"pytorch_model.bin", "pytorch_model.bin.index.json"})
    if (others.empty() && std::count(names.begin(), names.end(), best) > 0) return {best};
  return others;
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// Letters inserted, left out or exchanged between two names; capitals count as small ones.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (lower(a[i - 1]) == lower(b[j - 1]) ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

}  // namespace

RepositoryInfo parse_repository_info(std::string_view json, const std::string& where) {
  const Json parsed = parse_json(json, where);
  const JsonFields fields(parsed, where);
  RepositoryInfo info;
  info.commit = fields.text("sha");
  if (!is_commit(info.commit))
    fail(Errc::kData, "{}: found the commit '{}', expected 40 hexadecimal digits", where,
         printable(info.commit));
  const Json& siblings = fields.array("siblings");
  if (siblings.size() > kMostFiles)
    fail(Errc::kLimit, "{}: found {} files, expected at most {}", where, siblings.size(), kMostFiles);
  for (const Json& sibling : siblings) {
    std::string path = JsonFields(sibling, where + ": siblings").text("rfilename");
    if (!is_safe_path(path))
      fail(Errc::kData, "{}: found the file name '{}', expected a relative path that stays below its folder",
           where, printable(path));
    info.files.push_back(std::move(path));
  }
  std::sort(info.files.begin(), info.files.end());
  info.files.erase(std::unique(info.files.begin(), info.files.end()), info.files.end());
  std::set<std::string_view> files(info.files.begin(), info.files.end());
  for (const std::string& path : info.files)
    for (std::string_view above = folder_of(path); !above.empty(); above = folder_of(above)) {
      above.remove_suffix(1);
      if (files.contains(above))
        fail(Errc::kData, "{}: found '{}' as a file and as the folder of '{}'", where, above, path);
    }
  return info;
}

std::vector<std::string> select_files(std::span<const std::string> files, const Selection& selection,
                                      const std::string& where) {
  std::set<std::string> chosen;
  if (selection.all_files) {
    chosen.insert(files.begin(), files.end());
  } else if (!selection.include.empty()) {
    for (const std::string& path : files)
      if (matches_any(selection.include, path)) chosen.insert(path);
  } else {
    std::map<std::string_view, std::vector<std::string>> folders;
    for (const std::string& path : files) {
      const std::string_view folder = folder_of(path);
      if (!is_model_folder(folder)) continue;
      const std::string name = path.substr(folder.size());
      folders[folder].push_back(name);
      if (is_description(name)) chosen.insert(path);
    }
    for (const auto& [folder, names] : folders)
      for (const std::string& name : weights_of(names)) chosen.insert(std::string(folder) + name);
  }
  std::vector<std::string> out;
  for (const std::string& path : chosen)
    if (!matches_any(selection.exclude, path)) out.push_back(path);
  if (out.empty())
    fail(Errc::kData, "{}: none of its {} files is {}. Fix: choose with --include GLOB, or --all-files.",
         where, files.size(),
         selection.include.empty() ? "one that Lyceum reads" : "matched by --include and --exclude");
  return out;
}

bool is_shard_index(std::string_view path) noexcept {
  const std::string_view name = path.substr(folder_of(path).size());
  return name == "model.safetensors.index.json" || name == "pytorch_model.bin.index.json";
}

std::vector<std::string> shards_of_index(std::string_view json, const std::string& path,
                                         std::span<const std::string> files) {
  const Json parsed = parse_json(json, path);
  std::set<std::string> shards;
  const JsonFields map = JsonFields(parsed, path).object("weight_map");
  for (const auto& [tensor, shard] : parsed.at("weight_map").items()) {
    if (!shard.is_string()) map.wrong(tensor, "the name of a file");
    const std::string whole = std::string(folder_of(path)) + shard.get<std::string>();
    if (!std::binary_search(files.begin(), files.end(), whole))
      fail(Errc::kData, "{}: found the shard '{}' of tensor '{}', which the repository does not have", path,
           printable(whole), printable(tensor));
    shards.insert(whole);
  }
  return {shards.begin(), shards.end()};
}

std::vector<std::string> near_names(const std::string& name) {
  std::vector<std::pair<std::size_t, std::string>> near;
  const std::string_view last = std::string_view(name).substr(folder_of(name).size());
  for (const auto& [shorter, full] : well_known_names()) {
    const std::size_t distance = std::min(edit_distance(last, shorter), edit_distance(name, full));
    if (distance <= 3 && name != full) near.emplace_back(distance, full);
  }
  std::sort(near.begin(), near.end());
  std::vector<std::string> out;
  for (std::size_t i = 0; i < std::min<std::size_t>(3, near.size()); ++i) out.push_back(near[i].second);
  return out;
}

}  // namespace lyceum
