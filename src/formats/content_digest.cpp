#include "formats/content_digest.h"

#include <cstring>

#include "base/file.h"

namespace lyceum {

void ContentDigest::add(const void* data, std::size_t bytes) {
  const auto* from = static_cast<const unsigned char*>(data);
  for (; bytes >= 8; from += 8, bytes -= 8) {  // eight bytes at a time: weights are hundreds of megabytes
    std::uint64_t word;
    std::memcpy(&word, from, 8);
    mix(word);
  }
  std::uint64_t rest = bytes;
  std::memcpy(&rest, from, bytes);
  mix(rest ^ (std::uint64_t{bytes} << 56));
}

void ContentDigest::add(std::string_view text) {
  mix(text.size());
  add(text.data(), text.size());
}

void ContentDigest::add_tensors(const Checkpoint& checkpoint) {
  for (const std::string& name : checkpoint.names()) {
    const Tensor* t = checkpoint.find(name);
    add(name);
    add(t->raw(), t->bytes());
  }
}

void ContentDigest::add_files(const ModelFolder& folder, std::initializer_list<const char*> names) {
  for (const char* name : names)
    if (const auto file = folder.file(name)) add_file(*file);
}

void ContentDigest::add_file(const std::filesystem::path& path) {
  const auto file = MappedFile::open(path);
  mix(file->bytes().size());
  add(file->bytes().data(), file->bytes().size());
}

void ContentDigest::add_settings(const ModelFolder& body) {
  add_files(body, {"config.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt", "vocab.json",
                   "merges.txt", "added_tokens.json", "special_tokens_map.json", "sentence_bert_config.json",
                   "adapter_config.json"});
}

}  // namespace lyceum
