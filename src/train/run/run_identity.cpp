#include "train/run/run_identity.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "base/digest.h"
#include "formats/content_digest.h"

namespace lyceum {
namespace fs = std::filesystem;

bool may_change(const std::string& name) {
  static constexpr const char* kFree[] = {"output.",    "train.valid_every", "train.valid_batches",
                                          "data.valid", "data.workers",      "train.patience",
                                          "data.folder"};
  return std::any_of(std::begin(kFree), std::end(kFree),
                     [&](const char* free) { return name.starts_with(free); });
}

std::string digest_of(const Learning& learning) {
  Digest digest(Digest::Kind::kSha256);
  for (const WeightPtr& weight : learning.loaded.model->parameters()) {
    const std::string line = weight->name() + weight->shape().text() + "\n";
    digest.update(line.data(), line.size());
  }
  for (std::size_t i = 0; learning.adapters && i < learning.trained.size(); ++i) {
    const std::string line = learning.trained[i]->name() + learning.trained[i]->shape().text() + "\n";
    digest.update(line.data(), line.size());
  }
  return digest.hex();
}

std::string data_of(const Learning& learning) {
  std::string out;
  for (const auto& files : {learning.train_files, learning.valid_files})
    for (std::size_t i = 0; files && i < files->count(); ++i) {
      std::error_code error;
      out += fmt::format("{} {}\n", files->path(i).string(), fs::file_size(files->path(i), error));
    }
  return out;
}
std::string weights_of(const Learning& learning) {
  ContentDigest digest;
  for (const WeightPtr& weight : learning.loaded.model->parameters())
    digest.add(weight->value().raw(), weight->value().bytes());
  return std::to_string(digest.value());
}

}  // namespace lyceum
