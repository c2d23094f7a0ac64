#include "train/run/checkpoints.h"

#include <fmt/format.h>

#include <charconv>
#include <limits>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "formats/safetensors.h"

namespace lyceum {
namespace {
namespace fs = std::filesystem;

constexpr const char* kKey = "lyceum_training";
constexpr std::int64_t kVersion = 1;
constexpr std::string_view kBegin = "step-", kEnd = ".safetensors";

}  // namespace

std::string text_of(const RunState& state) {
  const Json json = {{"version", kVersion},
                     {"step", state.step},
                     {"data", {state.data.epoch, state.data.record, state.data.piece, state.data.batch}},
                     {"tokens", state.tokens},
                     {"skipped", state.skipped},
                     {"best_loss", fmt::format("{}", state.best_loss)},
                     {"best_number", fmt::format("{}", state.best_number)},
                     {"best_step", state.best_step},
                     {"since_best", state.since_best},
                     {"is_finished", state.is_finished},
                     {"model", state.model},
                     {"recipe", state.recipe}};
  return json.dump();
}

RunState run_state_of(const std::string& text, const std::string& where) {
  const Json json = parse_json(text, where);
  const JsonFields f(json, where);
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  if (const std::int64_t version = f.integer("version", 0, kMost); version != kVersion)
    fail(Errc::kUnsupported,
         "{}: found version {} of a training state, expected {}. Fix: the build that wrote it, or "
         "--restart to begin anew.",
         where, version, kVersion);
  RunState s;
  s.step = f.integer("step", 0, kMost);
  const Json& data = f.array("data");
  if (data.size() != 4) f.wrong("data", "four numbers");
  std::uint64_t* const parts[] = {&s.data.epoch, &s.data.record, &s.data.piece, &s.data.batch};
  for (std::size_t i = 0; i < 4; ++i) {
    if (!data[i].is_number_unsigned()) f.wrong("data", "four whole numbers");
    *parts[i] = data[i].get<std::uint64_t>();
  }
  s.tokens = f.integer("tokens", 0, kMost);
  s.skipped = f.integer("skipped", 0, kMost);
  const auto quoted = [&f](const char* name, double& into) {
    const std::string number = f.text(name);
    if (std::from_chars(number.data(), number.data() + number.size(), into).ec != std::errc())
      f.wrong(name, "a number in quotes");
  };
  quoted("best_loss", s.best_loss);
  quoted("best_number", s.best_number);
  s.best_step = f.integer("best_step", -1, kMost);
  s.since_best = f.integer("since_best", 0, kMost);
  s.is_finished = f.boolean("is_finished", false);
  s.model = f.text("model");
  const JsonFields recipe = f.object("recipe");
  for (const auto& [name, value] : f.at("recipe").items()) s.recipe[name] = recipe.text(name);
  return s;
}

Checkpoints::Checkpoints(fs::path directory, std::int64_t keep)
    : folder_(std::move(directory) / "checkpoints"), keep_(keep) {}

fs::path Checkpoints::path_of(std::int64_t step) const {
  return folder_ / fmt::format("{}{:08}{}", kBegin, step, kEnd);
}

std::map<std::int64_t, fs::path> Checkpoints::all() const {
  std::map<std::int64_t, fs::path> found;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(folder_, none)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(kBegin) || !name.ends_with(kEnd)) continue;
    const std::string_view digits =
        std::string_view(name).substr(kBegin.size(), name.size() - kBegin.size() - kEnd.size());
    std::int64_t step = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), step);
    if (error == std::errc() && end == digits.data() + digits.size()) found[step] = entry.path();
  }
  return found;
}

std::optional<SavedRun> Checkpoints::newest() const {
  const std::map<std::int64_t, fs::path> found = all();
  if (found.empty()) return {};
  const fs::path& path = found.rbegin()->second;
  const Safetensors file = Safetensors::open(path);
  const auto it = file.metadata().find(kKey);
  if (it == file.metadata().end())
    fail(Errc::kFormat, "{}: found no '{}' among its metadata, expected a training state", path.string(),
         kKey);
  SavedRun run;
  run.state = run_state_of(it->second, path.string());
  for (const SafetensorsEntry& entry : file.entries()) run.tensors.emplace(entry.name, file.tensor(entry));
  return run;
}

void Checkpoints::save(const SavedRun& run) {
  std::error_code error;
  fs::create_directories(folder_, error);
  if (error) fail(Errc::kIo, "{}: {}", folder_.string(), error.message());
  const std::vector<std::pair<std::string, Tensor>> tensors(run.tensors.begin(), run.tensors.end());
  write_safetensors(path_of(run.state.step), tensors, {{kKey, text_of(run.state)}});
  std::map<std::int64_t, fs::path> found = all();
  while (static_cast<std::int64_t>(found.size()) > keep_) {
    fs::remove(found.begin()->second, error);
    found.erase(found.begin());
  }
}

void Checkpoints::remove_all() {
  std::error_code ignored;
  for (const auto& [step, path] : all()) fs::remove(path, ignored);
}

}  // namespace lyceum
