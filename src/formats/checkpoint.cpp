#include "formats/checkpoint.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "base/error.h"
#include "base/json.h"
#include "base/nearest.h"
#include "formats/model_folder.h"

namespace lyceum {
namespace {

bool is_of_torch(const std::filesystem::path& path) {
  const std::string kind = path.extension().string();
  return kind == ".bin" || kind == ".pt" || kind == ".pth" || kind == ".ckpt";
}

constexpr const char* kFiles[] = {"model.safetensors", "model.safetensors.index.json", "pytorch_model.bin",
                                  "pytorch_model.bin.index.json"};

std::string in(const std::string& folder, const std::string& file) {
  return folder.empty() ? file : folder + "/" + file;
}

}  // namespace

const std::filesystem::path& Checkpoint::path_of(const Item& item) const {
  return std::visit([](const auto& file) -> const std::filesystem::path& { return file.path(); },
                    files_[item.file]);
}

void Checkpoint::add_file(const std::filesystem::path& path) {
  const std::size_t file = files_.size();
  const auto add = [&](TensorInfo info, std::size_t entry) {
    const auto [place, fresh] = items_.try_emplace(info.name, Item{info, file, entry});
    if (!fresh)
      fail(Errc::kData, "{}: tensor '{}' stands in {} too", path.string(), info.name,
           path_of(place->second).string());
  };
  if (is_of_torch(path)) {
    const TorchFile& f = std::get<TorchFile>(files_.emplace_back(TorchFile::open(path)));
    for (std::size_t i = 0; i < f.entries().size(); ++i) add(f.entries()[i].info, i);
  } else {
    const Safetensors& f = std::get<Safetensors>(files_.emplace_back(Safetensors::open(path)));
    for (std::size_t i = 0; i < f.entries().size(); ++i) {
      const SafetensorsEntry& e = f.entries()[i];
      add({.name = e.name, .dtype = e.dtype, .shape = e.shape}, i);
    }
  }
}

Checkpoint Checkpoint::open_file(const std::filesystem::path& path) {
  Checkpoint c;
  c.where_ = path.string();
  c.add_file(path);
  return c;
}

bool Checkpoint::is_in(const ModelFolder& folder, const std::string& subfolder) {
  if (folder.base() && subfolder.empty()) return is_in(*folder.base());
  if (folder.weights() && subfolder.empty()) return true;
  return std::any_of(std::begin(kFiles), std::end(kFiles),
                     [&](const char* name) { return folder.file(in(subfolder, name)).has_value(); });
}

Checkpoint Checkpoint::open_adapted(const ModelFolder& folder) {
  Checkpoint c = open(*folder.base());
  for (const char* name : {"adapter_model.safetensors", "adapter_model.bin"})
    if (const auto path = folder.own_file(name)) {
      c.where_ = path->string();
      c.add_file(*path);
      return c;
    }
  fail(Errc::kIo,
       "{}: found an adapter_config.json, and neither adapter_model.safetensors nor adapter_model.bin",
       folder.path().string());
}

Checkpoint Checkpoint::open(const ModelFolder& folder, const std::string& subfolder) {
  if (folder.base() && subfolder.empty()) return open_adapted(folder);
  if (folder.base() && !folder.own_file(subfolder)) return open(*folder.base(), subfolder);
  if (folder.weights() && subfolder.empty()) return open_file(*folder.weights());
  for (const std::string name : kFiles)
    if (const auto path = folder.file(in(subfolder, name)))
      return name.ends_with(".index.json") ? open_index(folder, *path) : open_file(*path);
  const std::string where = (folder.path() / subfolder).string();
  for (const char* other : {"tf_model.h5", "flax_model.msgpack", "model.ckpt.index"})
    if (folder.file(in(subfolder, other)))
      fail(Errc::kUnsupported,
           "{}: found {}, expected model.safetensors or pytorch_model.bin. Fix: convert it with the "
           "transformers library (save_pretrained).",
           where, other);
  fail(Errc::kIo,
       "{}: found no model.safetensors, no pytorch_model.bin and no index of their parts "
       "(model.safetensors.index.json, pytorch_model.bin.index.json)",
       where);
}

Checkpoint Checkpoint::open_index(const ModelFolder& folder, const std::filesystem::path& path) {
  Checkpoint c;
  c.where_ = path.string();
  const Json json = read_json(path, {.depth = 8, .bytes = 100'000'000});
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
    const auto file = folder.file((path.lexically_relative(folder.path()).parent_path() / shard).string());
    if (!file) fail(Errc::kIo, "{}: the shard '{}' is missing", c.where_, shard);
    c.add_file(*file);
  }
  for (const auto& [name, value] : fields.at("weight_map").items()) {
    const auto it = c.items_.find(name);
    const std::string shard = value.get<std::string>();
    if (it == c.items_.end() || c.path_of(it->second).filename() != shard)
      fail(Errc::kData, "{}: tensor '{}' is not in '{}', where the index puts it", c.where_, name, shard);
  }
  return c;
}

const TensorInfo* Checkpoint::find_info(const std::string& name) const {
  const auto it = items_.find(name);
  return it == items_.end() ? nullptr : &it->second.info;
}

Tensor Checkpoint::read(const std::string& name) const {
  if (const auto it = put_.find(name); it != put_.end()) return it->second;
  const Item& item = items_.at(name);
  return std::visit([&](const auto& file) { return file.tensor(file.entries()[item.entry]); },
                    files_[item.file]);
}

const Tensor* Checkpoint::find(const std::string& name) const {
  if (!items_.contains(name)) return nullptr;
  auto view = views_.find(name);
  if (view == views_.end()) view = views_.emplace(name, read(name)).first;
  return &view->second;
}

Tensor Checkpoint::take(const std::string& name, const Shape& shape) const {
  const Tensor* tensor = find(name);
  if (tensor == nullptr) {
    if (maker_) {
      made_.push_back(name);
      return maker_(name, shape);
    }
    const std::vector<std::string> near = nearest_names(name, names());
    fail(Errc::kData, "{}: tensor '{}' is missing; the nearest names there are: {}{}{}", where_, name,
         near.empty() ? "none" : "'", fmt::join(near, "', '"), near.empty() ? "" : "'");
  }
  if (tensor->shape() != shape)
    fail(Errc::kData, "{}: tensor '{}' is {}, expected {} from config.json", file_of(name).string(), name,
         tensor->shape().text(), shape.text());
  used_.insert(name);
  Tensor taken = *tensor;
  views_.erase(name);
  return taken;
}

void Checkpoint::make_missing(Maker maker) { maker_ = std::move(maker); }

void Checkpoint::put(const std::string& name, Tensor value, const std::string& from) {
  Item item = items_.at(from);
  item.info = {.name = name, .dtype = value.dtype(), .shape = value.shape()};
  items_[name] = std::move(item);
  views_.erase(name);
  put_.insert_or_assign(name, std::move(value));
}

void Checkpoint::forget(const std::string& name) {
  items_.erase(name);
  views_.erase(name);
  put_.erase(name);
}

void Checkpoint::ignore(const std::string& name) const {
  if (items_.contains(name)) used_.insert(name);
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
  return path_of(items_.at(name));
}

std::uint64_t Checkpoint::bytes() const {
  std::uint64_t sum = 0;
  for (const auto& [name, item] : items_) sum += item.info.twin_of.empty() ? item.info.bytes() : 0;
  return sum;
}

}  // namespace lyceum
