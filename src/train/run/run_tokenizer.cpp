#include "train/run/run_tokenizer.h"

#include <fmt/format.h>

#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "formats/data_file.h"
#include "ranks/message.h"
#include "ranks/ranks.h"

namespace lyceum {
namespace {
namespace fs = std::filesystem;
using Values = std::map<std::string, std::string>;

constexpr const char* kLearntFile = "learnt.json";
constexpr std::int64_t kVersion = 1;
constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 28;

std::string sha256(const std::string& text) {
  Digest digest(Digest::Kind::kSha256);
  digest.update(text.data(), text.size());
  return digest.hex();
}

// The settings that the vocabulary depends on. Where the data lies is none.
Values values_of(const Recipe& recipe) {
  Values out;
  for (const auto& [name, value] : recipe.values)
    if (name.starts_with("model.tokenizer.")) out.emplace(name, value);
  return out;
}

std::string changes(const Values& before, const Values& now) {
  std::string out;
  Values all = before;
  all.insert(now.begin(), now.end());
  const auto text = [](const Values& values, const std::string& name) {
    const auto it = values.find(name);
    return it == values.end() ? std::string("nothing") : it->second;
  };
  for (const auto& [name, unused] : all)
    if (text(before, name) != text(now, name))
      out += fmt::format("{} {}: {} before, {} now", out.empty() ? "" : ";", name, text(before, name),
                         text(now, name));
  return out;
}

// What an earlier start of the run has learnt; nothing where that was by other settings and may be replaced.
std::optional<TokenizerFiles> read(const fs::path& folder, const Values& values, bool has_begun) {
  const fs::path learnt = folder / kLearntFile;
  const Json json = read_json(learnt);
  const JsonFields fields(json, learnt.string());
  if (const std::int64_t version = fields.integer("version", 0, 1 << 30); version != kVersion)
    fail(
        Errc::kUnsupported,
        "{}: found version {} of a learnt tokenizer, expected {}. Fix: the build that wrote it, or --restart "
        "to begin anew",
        learnt.string(), version, kVersion);
  Values before;
  const JsonFields settings = fields.object("settings");
  for (const auto& [name, value] : fields.at("settings").items()) before[name] = settings.text(name);
  if (const std::string changed = changes(before, values); !changed.empty()) {
    if (!has_begun) return std::nullopt;
    fail(Errc::kData,
         "{}: the recipe's tokenizer has changed since the run began:{}. Fix: the settings of then; or "
         "--restart to begin anew, or another output.directory",
         folder.string(), changed);
  }
  TokenizerFiles files{.tokenizer_json = read_text(folder / kTokenizerFile, kMostBytes),
                       .tokenizer_config_json = read_text(folder / kTokenizerConfigFile, kMostBytes)};
  const JsonFields digests = fields.object("sha256");
  for (const auto& [name, text] : {std::pair(kTokenizerFile, &files.tokenizer_json),
                                   std::pair(kTokenizerConfigFile, &files.tokenizer_config_json)})
    if (digests.text(name) != sha256(*text))
      fail(Errc::kData,
           "{}: found other bytes than the run has learnt (SHA-256 {}, expected {}). Fix: the file of then, "
           "or --restart to begin anew",
           (folder / name).string(), sha256(*text), digests.text(name));
  return files;
}

void write(const fs::path& folder, const Values& values, const TokenizerFiles& files) {
  AtomicFolder out(folder);
  const auto put = [&](const char* name, const std::string& text) {
    AtomicFile file(out.part() / name);
    file.write(text);
    file.commit();
  };
  put(kTokenizerFile, files.tokenizer_json);
  put(kTokenizerConfigFile, files.tokenizer_config_json);
  const Json learnt = {{"version", kVersion},
                       {"settings", values},
                       {"sha256",
                        {{kTokenizerFile, sha256(files.tokenizer_json)},
                         {kTokenizerConfigFile, sha256(files.tokenizer_config_json)}}}};
  put(kLearntFile, learnt.dump(2) + "\n");
  out.commit();
}

std::vector<fs::path> texts_of(const Recipe& recipe) {
  const RecordFiles files(recipe.model.new_tokenizer->train_on, recipe.data.records);
  std::vector<fs::path> out;
  for (std::size_t i = 0; i < files.count(); ++i) {
    const std::string path = files.path(i).string();
    const std::string_view name = without_compression(path);
    if (name.ends_with(".tsv") || name.ends_with(".tokens"))
      fail(Errc::kUnsupported,
           "model.tokenizer.train_on: {}: found {}, expected texts or .jsonl. Fix: name other files", path,
           name.substr(name.rfind('.')));
    out.push_back(files.path(i));
  }
  return out;
}

TokenizerFiles learn(const Recipe& recipe, const RunTokenizerOptions& o) {
  const TokenizerTraining& training = recipe.model.new_tokenizer->training;
  const std::vector<fs::path> texts = texts_of(recipe);
  o.say(fmt::format("model.tokenizer: learning {} tokens from {} file{}", training.vocabulary_size,
                    texts.size(), texts.size() == 1 ? "" : "s"));
  TrainedTokenizer trained = train_tokenizer(texts, training);
  if (trained.repaired > 0)
    o.say(fmt::format("model.tokenizer: {} invalid UTF-8 sequences were read as U+FFFD", trained.repaired));
  if (trained.vocabulary < training.vocabulary_size)
    o.say(fmt::format("model.tokenizer: {} tokens, since no further pair of neighbours stands {} times",
                      trained.vocabulary, std::max<std::int64_t>(1, training.min_frequency)));
  return {.tokenizer_json = std::move(trained.tokenizer_json),
          .tokenizer_config_json = std::move(trained.tokenizer_config_json)};
}

TokenizerFiles of_root(const Recipe& recipe, const RunTokenizerOptions& o) {
  const fs::path folder = recipe.output.directory / "tokenizer";
  const Values values = values_of(recipe);
  std::error_code error;
  if (!o.restart && fs::exists(folder / kLearntFile, error)) {
    if (auto files = read(folder, values, o.has_begun)) return std::move(*files);
  } else if (!o.restart && o.has_begun) {
    fail(Errc::kIo,
         "{}: is missing, expected the tokenizer that this run has learnt with. Fix: the folder of then, the "
         "recipe of then, or --restart to begin anew",
         (folder / kLearntFile).string());
  }
  TokenizerFiles files = learn(recipe, o);
  write(folder, values, files);
  return files;
}

}  // namespace

TokenizerFiles run_tokenizer(const Recipe& recipe, const RunTokenizerOptions& options) {
  TokenizerFiles files;
  if (options.ranks.is_root()) files = of_root(recipe, options);
  if (options.ranks.is_alone()) return files;
  const auto [json, config] = unpacked<std::pair<std::string, std::string>>(
      options.ranks.broadcast(packed(std::pair(files.tokenizer_json, files.tokenizer_config_json))));
  return {.tokenizer_json = json, .tokenizer_config_json = config};
}

}  // namespace lyceum
