#include "formats/checkpoint.h"

#include <algorithm>

#include "base/error.h"
#include "base/json.h"
#include "formats/model_folder.h"

namespace lyceum {
namespace {

// How many single-letter changes make a of b, for "did you mean"; names are short.
std::size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t corner = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, corner + (a[i - 1] == b[j - 1] ? 0 : 1)});
      corner = above;
    }
  }
  return row[b.size()];
}

}  // namespace

void Checkpoint::add_file(const std::filesystem::path& path) {
  files_.push_back(Safetensors::open(path));
  for (const SafetensorsEntry& entry : files_.back().entries())
    if (!items_.emplace(entry.name, Item{entry, files_.size() - 1}).second)
      fail(Errc::kData, "{}: tensor '{}' stands in {} too", path.string(), entry.name,
           files_[items_[entry.name].file].path().string());
}

Checkpoint Checkpoint::open_file(const std::filesystem::path& path) {
  Checkpoint c;
  c.where_ = path.string();
  c.add_file(path);
  return c;
}

Checkpoint Checkpoint::open(const ModelFolder& folder) {
  if (folder.weights()) return open_file(*folder.weights());
  if (const auto single = folder.file("model.safetensors")) return open_file(*single);
  const auto index_path = folder.file("model.safetensors.index.json");
  if (!index_path) {
    for (const char* pickle :
         {"pytorch_model.bin", "pytorch_model.bin.index.json", "tf_model.h5", "model.ckpt.index"})
      if (folder.file(pickle))
        fail(Errc::kUnsupported,
             "{}: found {}, expected model.safetensors. Fix: convert it with the transformers library "
             "(save_pretrained).",
             folder.path().string(), pickle);
    fail(Errc::kIo, "{}: found no model.safetensors and no model.safetensors.index.json",
         folder.path().string());
  }
  Checkpoint c;
  c.where_ = index_path->string();
  const Json json = read_json(*index_path, {.depth = 8, .bytes = 100'000'000});
  const JsonFields fields(json, c.where_);
  const JsonFields map = fields.object("weight_map");
  std::set<std::string> shards;
  for (const auto& [name, value] : fields.at("weight_map").items()) {
    const std::string shard = map.text(name);
    if (shard.empty() || shard.find('/') != std::string::npos || shard.find('\\') != std::string::npos ||
        shard.find('\0') != std::string::npos || shard == "." || shard == "..")
      fail(Errc::kFormat,
           "{}: 'weight_map': '{}' lies in '{}', expected the plain name of a file in this folder", c.where_,
           name, shard);
    shards.insert(shard);
  }
  for (const std::string& shard : shards) {
    const auto path = folder.file(shard);
    if (!path) fail(Errc::kIo, "{}: the shard '{}' is missing", c.where_, shard);
    c.add_file(*path);
  }
  for (const auto& [name, value] : fields.at("weight_map").items()) {
    const auto it = c.items_.find(name);
    const std::string shard = value.get<std::string>();
    if (it == c.items_.end() || c.files_[it->second.file].path().filename() != shard)
      fail(Errc::kData, "{}: tensor '{}' is not in '{}', where the index puts it", c.where_, name, shard);
  }
  return c;
}

const SafetensorsEntry* Checkpoint::find_entry(const std::string& name) const {
  const auto it = items_.find(name);
  return it == items_.end() ? nullptr : &it->second.entry;
}

const Tensor* Checkpoint::find(const std::string& name) const {
  const auto it = items_.find(name);
  if (it == items_.end()) return nullptr;
  auto view = views_.find(name);
  if (view == views_.end())
    view = views_.emplace(name, files_[it->second.file].tensor(it->second.entry)).first;
  return &view->second;
}

Tensor Checkpoint::take(const std::string& name, const Shape& shape) const {
  const Tensor* tensor = find(name);
  if (tensor == nullptr) {
    std::vector<std::pair<std::size_t, std::string>> near;
    for (const auto& [other, item] : items_)  // of about its length: a hostile file's names may be long
      if (other.size() <= 2 * name.size()) near.emplace_back(edit_distance(name, other), other);
    std::sort(near.begin(), near.end());
    std::string names;
    for (std::size_t i = 0; i < std::min<std::size_t>(3, near.size()); ++i)
      names += (i ? ", '" : "'") + near[i].second + "'";
    fail(Errc::kData, "{}: tensor '{}' is missing; the nearest names there are: {}", where_, name,
         names.empty() ? "none" : names);
  }
  if (tensor->shape() != shape)
    fail(Errc::kData, "{}: tensor '{}' is {}, expected {} from config.json", file_of(name).string(), name,
         tensor->shape().text(), shape.text());
  used_.insert(name);
  Tensor taken = *tensor;
  views_.erase(name);
  return taken;
}

std::vector<std::string> Checkpoint::names() const {
  std::vector<std::string> out;
  for (const auto& [name, item] : items_) out.push_back(name);
  return out;
}

std::vector<std::string> Checkpoint::unused() const {
  std::vector<std::string> out;
  for (const auto& [name, item] : items_)
    if (!used_.contains(name)) out.push_back(name);
  return out;
}

const std::filesystem::path& Checkpoint::file_of(const std::string& name) const {
  return files_[items_.at(name).file].path();
}

std::uint64_t Checkpoint::bytes() const {
  std::uint64_t sum = 0;
  for (const auto& [name, item] : items_) sum += item.entry.end - item.entry.begin;
  return sum;
}

}  // namespace lyceum
