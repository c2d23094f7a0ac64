#include "tasks/evaluate/task_files.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>
#include <variant>

#include "base/error.h"
#include "base/json.h"
#include "formats/data_file.h"
#include "tasks/evaluate/task_records.h"

namespace lyceum {
namespace fs = std::filesystem;
namespace {

constexpr int kDepth = 4;  // of folders below the root
constexpr const char* kSplits[] = {"train", "valid", "dev", "validation", "test"};
constexpr const char* kSquadEndings[] = {".json", "-v2.0.json", "-v1.1.json"};
constexpr std::pair<TaskForm, const char*> kForms[] = {{TaskForm::kSimilarity, "similarity"},
                                                       {TaskForm::kPairs, "pairs"},
                                                       {TaskForm::kClassification, "classification"},
                                                       {TaskForm::kClustering, "clustering"},
                                                       {TaskForm::kRetrieval, "retrieval"},
                                                       {TaskForm::kReranking, "reranking"},
                                                       {TaskForm::kTagging, "tagging"},
                                                       {TaskForm::kAnswering, "answering"}};

bool is_string(const JsonFields& record, const char* field) {
  const Json* value = record.find(field);
  return value != nullptr && value->is_string();
}

bool is_array(const JsonFields& record, const char* field) {
  const Json* value = record.find(field);
  return value != nullptr && value->is_array();
}

bool has_pair(const JsonFields& r) {
  const char* score = score_field(r);
  return is_string(r, "sentence1") && is_string(r, "sentence2") && score != nullptr &&
         r.at(score).is_number();
}

// Where there are candidates to choose from, the label is an index of them and not a class.
bool has_class(const JsonFields& r) {
  return is_string(r, "text") && label_field(r) != nullptr && !r.has("candidates") && !r.has("choices");
}

bool is_binary(const JsonFields& r) {
  const Json* value = r.find("label");
  return value != nullptr && (value->is_boolean() || *value == 0 || *value == 1);
}

// What a record of a split can be read as; empty: as nothing that is known here.
std::vector<TaskForm> forms_of(const JsonFields& r) {
  if (has_pair(r)) return {TaskForm::kSimilarity};
  if (is_string(r, "sentence1") && is_string(r, "sentence2") && is_binary(r)) return {TaskForm::kPairs};
  const bool asks = is_string(r, "query") || is_string(r, "question");
  if (asks && is_string(r, "context") && r.has("answers")) return {TaskForm::kAnswering};
  if ((asks && (is_string(r, "sentence") || is_string(r, "passage")) && is_binary(r)) ||
      (is_string(r, "query") && is_array(r, "positive") && is_array(r, "negative")))
    return {TaskForm::kReranking};
  std::vector<TaskForm> out;
  if (has_class(r)) out = {TaskForm::kClassification, TaskForm::kClustering};
  if (is_array(r, "tokens") || (is_string(r, "text") && is_string(r, "slots")))
    out.push_back(TaskForm::kTagging);
  return out;
}

// The first record of a file as (JSON, place); nothing in an empty file.
std::optional<std::pair<Json, std::string>> first_record(const fs::path& file) {
  DataLines lines(file);
  for (std::string line; lines.next(line);)
    if (line.find_first_not_of(" \t") != std::string::npos)
      return std::pair(parse_json(line, lines.where()), lines.where());
  return std::nullopt;
}

bool first_record_is(const fs::path& file, bool (*form)(const JsonFields&)) {
  const auto record = first_record(file);
  return record && form(JsonFields(record->first, record->second));
}

std::string stem(const fs::path& file) {
  return fs::path(without_compression(file.filename().string())).stem().string();
}

std::optional<fs::path> squad_file(const fs::path& folder, const std::string& split) {
  for (const char* ending : kSquadEndings) {
    std::error_code error;
    if (const fs::path file = folder / (split + ending); fs::is_regular_file(file, error)) return file;
  }
  return std::nullopt;
}

// The .jsonl files of a folder by stem, uncompressed names first.
std::map<std::string, fs::path> jsonl_files(const fs::path& folder) {
  std::map<std::string, fs::path> out;
  std::error_code error;
  for (fs::directory_iterator it(folder, fs::directory_options::skip_permission_denied, error), end;
       !error && it != end; it.increment(error)) {
    const std::string name(without_compression(it->path().filename().string()));
    std::error_code ignored;
    if (name.ends_with(".jsonl") && name.size() > 6 && name[0] != '.' && it->is_regular_file(ignored))
      out[stem(it->path())] = *find_data_file(folder, name);
  }
  return out;
}

// What a folder is, or why it is nothing for us.
std::variant<TaskFiles, std::string> recognise(const fs::path& folder, const std::string& name,
                                               const std::string& split) {
  TaskFiles task{.name = name, .split = split};
  const auto files = jsonl_files(folder);
  const auto file = [&](const std::string& s) {
    return files.contains(s) ? std::optional(files.at(s)) : std::nullopt;
  };
  if (file("corpus") && file("queries")) {
    auto qrels = find_data_file(folder / "qrels", split + ".tsv");
    if (!qrels && split == "test") qrels = find_data_file(folder, "qrels.tsv");
    if (!qrels)
      return fmt::format("found corpus and queries, but neither qrels/{}.tsv nor, for split test, qrels.tsv",
                         split);
    task.forms = {TaskForm::kRetrieval};
    task.corpus = *file("corpus");
    task.queries = *file("queries");
    task.qrels = *qrels;
    return task;
  }
  std::string stems;
  for (const auto& [s, path] : files) stems += (stems.empty() ? "" : ", ") + s;
  const bool has_splits =
      std::any_of(std::begin(kSplits), std::end(kSplits), [&](const char* s) { return files.contains(s); });
  if (!has_splits && split == "test" && !files.empty()) {
    for (const auto& [s, path] : files) {
      if (!first_record_is(path, has_pair))
        return fmt::format(
            "found the files {}, but no split (train, valid, test) and not only pairs with scores", stems);
      task.pairs.push_back({s, path});
    }
    task.forms = {TaskForm::kSimilarity};
    return task;
  }
  const auto test = file(split);
  if (const auto squad = test ? std::nullopt : squad_file(folder, split)) {
    task.forms = {TaskForm::kAnswering};
    task.test = *squad;
    return task;
  }
  if (!test)
    return fmt::format("found {}, expected {}.jsonl", stems.empty() ? "no .jsonl file" : stems, split);
  const auto record = first_record(*test);
  if (!record) return fmt::format("{} is empty", test->filename().string());
  const JsonFields fields(record->first, record->second);
  task.forms = forms_of(fields);
  task.test = *test;
  if (task.forms.empty()) {
    std::string keys;
    for (const auto& [key, value] : record->first.items()) keys += (keys.empty() ? "" : ", ") + key;
    return fmt::format(
        "found the fields {} in {}, expected sentence1, sentence2 and score or label; text and label; text "
        "and "
        "slots, or tokens and tags; query, sentence and label; or question, context and answers",
        keys, test->filename().string());
  }
  if (task.forms[0] == TaskForm::kSimilarity) task.pairs.push_back({name, *test});
  if (const auto train = file("train"); train && split != "train") {
    task.train = *train;
    task.valid = file("valid");
  } else {
    std::erase(task.forms, TaskForm::kClassification);
  }
  return task;
}

// Folders that hold .jsonl files or SQuAD's, with their paths relative to the root, sorted.
void collect_folders(const fs::path& folder, const fs::path& relative, int depth,
                     std::vector<std::pair<fs::path, fs::path>>& out) {
  const auto has_squad = [&](const char* split) { return squad_file(folder, split).has_value(); };
  if (!jsonl_files(folder).empty() || std::any_of(std::begin(kSplits), std::end(kSplits), has_squad))
    out.emplace_back(folder, relative);
  if (depth == kDepth) return;
  std::vector<fs::path> below;
  std::error_code error;
  for (fs::directory_iterator it(folder, fs::directory_options::skip_permission_denied, error), end;
       !error && it != end; it.increment(error)) {
    std::error_code ignored;
    if (it->is_directory(ignored) && !it->is_symlink(ignored) && it->path().filename().string()[0] != '.')
      below.push_back(it->path());
  }
  std::sort(below.begin(), below.end());
  for (const fs::path& path : below) collect_folders(path, relative / path.filename(), depth + 1, out);
}

std::string names_of(std::span<const TaskForm> forms) {
  std::string out;
  for (const TaskForm form : forms) out += (out.empty() ? "" : ", ") + std::string(name_of(form));
  return out;
}

// "nlp/stsb" names data/nlp/stsb; "lp/stsb" does not.
bool is_named(const fs::path& relative, const std::string& name) {
  const std::string path = relative.generic_string();
  return path == name || path.ends_with("/" + name);
}

}  // namespace

const char* name_of(TaskForm form) noexcept {
  for (const auto& [known, name] : kForms)
    if (known == form) return name;
  return "unknown";
}

TaskForm form_from_name(const std::string& name) {
  std::string all;
  for (const auto& [form, known] : kForms) {
    if (name == known) return form;
    all += (all.empty() ? "" : ", ") + std::string(known);
  }
  fail(Errc::kUsage, "form: found '{}', expected one of {}", name, all);
}

std::vector<TaskFiles> find_tasks(const fs::path& root, std::span<const std::string> names,
                                  const std::string& split) {
  std::error_code error;
  if (!fs::is_directory(root, error))
    fail(Errc::kUsage, "{}: found no such folder, expected the data that the tasks lie in", root.string());
  // the root may be a task itself, under its own name
  const fs::path whole = fs::weakly_canonical(root, error);
  std::vector<std::pair<fs::path, fs::path>> folders;
  collect_folders(root, whole.filename(), 0, folders);
  const auto all = [&] {
    std::string text;
    for (const auto& [folder, relative] : folders) {
      try {
        const auto found = recognise(folder, relative.filename().string(), split);
        if (const auto* task = std::get_if<TaskFiles>(&found))
          text += fmt::format("{}{} ({})", text.empty() ? "" : ", ", task->name, names_of(task->forms));
      } catch (const Error&) {  // a damaged file beside the others must not hide them
      }
    }
    return text.empty() ? std::string("nothing") : text;
  };
  if (names.empty())
    fail(Errc::kUsage, "eval: found no task, expected --tasks NAME[,NAME...]. {} has, for split {}: {}",
         root.string(), split, all());
  std::vector<TaskFiles> out;
  for (const std::string& name : names) {
    std::vector<std::pair<fs::path, fs::path>> matches;
    for (const auto& f : folders)
      if (is_named(f.second, name)) matches.push_back(f);
    if (matches.size() > 1)
      fail(Errc::kUsage, "task '{}': found {} and {}. Fix: give more of the path.", name,
           matches[0].first.string(), matches[1].first.string());
    if (matches.size() == 1) {
      auto found = recognise(matches[0].first, matches[0].second.filename().string(), split);
      if (const auto* reason = std::get_if<std::string>(&found))
        fail(Errc::kUsage, "task '{}' ({}), split {}: {}", name, matches[0].first.string(), split, *reason);
      out.push_back(std::move(std::get<TaskFiles>(found)));
      continue;
    }
    // one file of a folder of sets
    for (const auto& [folder, relative] : folders) {
      const auto files = jsonl_files(folder);
      const auto it = files.find(name);
      if (it == files.end() || split != "test") continue;
      const auto found = recognise(folder, relative.filename().string(), split);
      const auto* task = std::get_if<TaskFiles>(&found);
      if (task == nullptr || task->pairs.size() < 2) continue;
      out.push_back(
          {.name = name, .split = split, .forms = {TaskForm::kSimilarity}, .pairs = {{name, it->second}}});
      break;
    }
    if (out.empty() || out.back().name != name)
      fail(Errc::kUsage, "task '{}': found nothing of this name under {}, which has, for split {}: {}", name,
           root.string(), split, all());
  }
  return out;
}

}  // namespace lyceum
