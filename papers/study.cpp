#include "papers/study.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>

#include "lyceum/data_lines.h"
#include "lyceum/error.h"
#include "lyceum/text_tokenizer.h"

namespace lyceum::papers {
namespace {
namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

[[noreturn]] void refuse(Errc code, const std::string& message) { throw Error(code, message); }

void make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) refuse(Errc::kIo, fmt::format("{}: {}", folder.string(), error.message()));
}

// Complete or not at all.
void write_whole(const fs::path& path, const std::string& text) {
  fs::path part = path;
  part += ".part";
  {
    std::ofstream out(part, std::ios::binary);
    out << text;
    out.flush();
    if (!out) refuse(Errc::kIo, fmt::format("{}: cannot be written", part.string()));
  }
  std::error_code error;
  fs::rename(part, path, error);
  if (error) refuse(Errc::kIo, fmt::format("{}: {}", path.string(), error.message()));
}

// Nothing where there is no such file, or it is no JSON: what it kept is then measured again.
Json read_json(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  return Json::parse(text, nullptr, false);
}

std::string digest(const std::string& text) {  // FNV-1a
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return fmt::format("{:016x}", hash);
}

}  // namespace

const char* name_of(Scale scale) {
  return scale == Scale::kFull ? "full" : scale == Scale::kQuick ? "quick" : "tiny";
}

double Run::number(const std::string& name) const {
  const auto it = numbers.find(name);
  if (it != numbers.end()) return it->second;
  if (numbers.empty()) return std::numeric_limits<double>::quiet_NaN();  // counted only, not run
  refuse(Errc::kInternal, fmt::format("{}: there is no number '{}'", folder, name));
}

Study::Study(const Paper& paper, StudyOptions options) : paper_(paper), options_(std::move(options)) {
  std::string missing;
  for (const std::string& name : paper.data)
    if (find_data_file((options_.data / name).string()).empty()) missing += fmt::format("\n  {}", name);
  if (!missing.empty())
    refuse(Errc::kIo,
           fmt::format("paper {}: found none of these under {}, plain, .zst or .gz:{}\nFix: --data "
                       "DIR, or LYCEUM_DATA, the folder that holds them",
                       paper.name, options_.data.string(), missing));
  begin_folder();
}

// One folder, one study: runs of another size or other data must not be taken for this one's.
void Study::begin_folder() {
  const fs::path stamp = options_.output / "study.json";
  std::error_code error;
  const Json own = {{"paper", paper_.name},
                    {"scale", name_of(scale())},
                    {"data", fs::absolute(options_.data).lexically_normal().string()}};
  if (options_.restart && fs::exists(stamp, error))
    for (const char* name : {"runs", "parts", "data", "study.json", "report.html", "results.json"})
      fs::remove_all(options_.output / name, error);
  if (fs::exists(stamp, error)) {
    if (const Json there = read_json(stamp); there != own)
      refuse(Errc::kUsage, fmt::format("{}: found the study {}, expected {}. Fix: another --output, or "
                                       "--restart",
                                       options_.output.string(), there.dump(), own.dump()));
  } else if (fs::exists(options_.output, error) && !fs::is_empty(options_.output, error)) {
    refuse(Errc::kUsage, fmt::format("{}: found other files and no study. Fix: another --output",
                                     options_.output.string()));
  }
  for (const char* name : {"runs", "parts", "data"}) make_folder(options_.output / name);
  write_whole(stamp, own.dump(2) + "\n");
}

std::string Study::data(const std::string& name) const {
  if (std::find(paper_.data.begin(), paper_.data.end(), name) == paper_.data.end())
    refuse(Errc::kInternal, fmt::format("paper {}: '{}' is not in its list of data", paper_.name, name));
  return find_data_file((options_.data / name).string());
}

std::string Study::file(const std::string& name, const std::function<void(const std::string&)>& make) {
  const fs::path path = options_.output / "data" / name;
  std::error_code error;
  if (!is_planning_ && !fs::exists(path, error)) {
    fs::path part = path;
    part += ".part";
    fs::remove_all(part, error);
    make(part.string());
    fs::rename(part, path, error);
    if (error) refuse(Errc::kIo, fmt::format("{}: {}", path.string(), error.message()));
  }
  return path.string();
}

std::string Study::tokenizer(const std::string& name, const std::vector<std::string>& files,
                             std::int64_t vocabulary) {
  return file(name, [&](const std::string& folder) {
    TextTokenizer::learn(files, folder, {.vocabulary_size = vocabulary});
  });
}

// A part's result is that of its settings, and of the runs that it goes on from.
std::string Study::key_of(const std::string& name, const std::string& text) const {
  std::string all = name + "\n" + text;
  for (const auto& [folder, key] : keys_)
    if (text.find(folder + "/") != std::string::npos) all += "\n" + key;
  return digest(all);
}

Numbers Study::part(const std::string& name, const std::string& key, const std::function<Numbers()>& work) {
  const fs::path kept = options_.output / "parts" / (name + ".json");
  const Json there = read_json(kept);
  if (there.is_object() && there.value("key", "") == key && there.contains("numbers")) {
    Numbers numbers;
    for (const auto& [label, value] : there["numbers"].items())
      numbers[label] = value.is_number() ? value.get<double>() : std::numeric_limits<double>::quiet_NaN();
    return numbers;
  }
  if (is_planning_) {
    planned_.insert(name);
    return {};
  }
  if (options_.observer != nullptr)
    options_.observer->on_part(name, ++number_, static_cast<std::int64_t>(planned_.size()));
  Numbers numbers = work();
  write_whole(kept, Json{{"key", key}, {"numbers", numbers}}.dump(2) + "\n");
  return numbers;
}

Run Study::train(const RunSpec& spec) {
  const fs::path folder = options_.output / "runs" / spec.name;
  std::vector<std::string> settings = spec.settings;
  settings.push_back("output.directory=" + folder.string());
  const std::string file = paper_.name + "/" + spec.recipe + ".toml";
  const TrainingRecipe recipe = TrainingRecipe::parse(recipe_text(file), file, settings);
  const std::string key = key_of(spec.name, recipe.resolved());
  keys_[folder.string()] = key;
  Run run{.folder = folder.string(), .model = (folder / "model").string(), .numbers = {}};
  run.numbers = part(spec.name, key, [&] {
    TrainingOptions options{.accept_changes = false, .on_step = {}, .on_validation = {}, .on_message = {}};
    if (options_.observer != nullptr)
      options.on_step = [&](const TrainingStep& step) { options_.observer->on_step(step); };
    // Checkpoints of other settings are no beginning of this run.
    const fs::path mark = folder / "study.key";
    std::error_code error;
    const Json before = read_json(mark);
    options.restart = !before.is_string() || before.get<std::string>() != key;
    make_folder(folder);
    write_whole(mark, Json(key).dump() + "\n");
    recipe.train(options);
    Numbers numbers;
    const TrainingHistory history = training_history(folder.string());
    if (!history.losses_nats.empty()) numbers["train_loss_nats"] = history.losses_nats.back();
    if (!history.validations.empty())
      for (const auto& [name, value] : history.validations.back().numbers) numbers[name] = value;
    if (spec.measure)
      for (const auto& [name, value] : spec.measure(run.model)) numbers[name] = value;
    fs::remove_all(folder / "checkpoints", error);  // the run is over
    if (!spec.keep_model) fs::remove_all(folder / "model", error);
    return numbers;
  });
  return run;
}

std::string Study::model_of(const std::string& run) const {
  return (options_.output / "runs" / run / "model").string();
}

Numbers Study::measure(const std::string& name, const std::string& of,
                       const std::function<Numbers()>& measure) {
  return part(name, key_of(name, of), measure);
}

LineSeries Study::validation_curve(const std::string& model, const std::string& name,
                                   const std::string& number) const {
  LineSeries line{.name = name, .x = {}, .y = {}, .low = {}, .high = {}};
  if (is_planning_) return line;
  for (const ValidationScores& scores :
       training_history(fs::path(model).parent_path().string()).validations) {
    const auto it = scores.numbers.find(number);
    if (it == scores.numbers.end()) continue;
    line.x.push_back(static_cast<double>(scores.step));
    line.y.push_back(it->second);
  }
  return line;
}

void Study::reproduce() {
  is_planning_ = true;
  paper_.reproduce(*this);
  is_planning_ = false;
  report_ = {};
  keys_.clear();
  paper_.reproduce(*this);
}

StudyResult reproduce(const Paper& paper, const StudyOptions& options) {
  Study study(paper, options);
  study.reproduce();
  ReportHead head{.paper = paper.name,
                  .citation = paper.citation,
                  .summary = paper.summary,
                  .scale = name_of(options.scale),
                  .command = fmt::format("lyceum paper {}{}{} --data {}", paper.name,
                                         options.scale == Scale::kQuick ? " --quick" : "",
                                         options.seeds > 0 ? fmt::format(" --seeds {}", options.seeds) : "",
                                         options.data.string()),
                  .about = {}};
  if (options.scale == Scale::kQuick)
    head.about.push_back(
        "This is the quick study: smaller models, fewer steps and fewer seeds than the full one, so that it "
        "takes minutes. What is undecided here may be decided there.");
  if (options.scale == Scale::kTiny)
    head.about.push_back("This is the tiny study of the tests: its numbers mean nothing.");
  const StudyResult result{.report = options.output / "report.html",
                           .results = options.output / "results.json",
                           .claims = study.report().claims()};
  write_whole(result.results, study.report().json(head).dump(2) + "\n");
  write_whole(result.report, study.report().html(head));
  return result;
}

const Paper& paper_named(const std::string& name) {
  std::string there;
  for (const Paper& paper : papers()) {
    if (paper.name == name) return paper;
    there += (there.empty() ? "" : ", ") + paper.name;
  }
  refuse(Errc::kUsage, fmt::format("paper: found '{}', expected one of: {}", name,
                                   there.empty() ? "none, this build has no papers" : there));
}

}  // namespace lyceum::papers
