#include "tasks/evaluate/task_files.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>
#include <utility>
#include <variant>

#include "base/error.h"
#include "base/json.h"
#include "formats/data_file.h"

namespace lyceum {
namespace fs = std::filesystem;
namespace {

constexpr int kDepth = 4;  // of folders below the root
constexpr const char* kSplits[] = {"train", "valid", "dev", "validation", "test"};
constexpr const char* kScoreFields[] = {"score", "relatedness"};
constexpr const char* kLabelFields[] = {"label", "intent"};
constexpr const char* kIdFields[] = {"id", "_id"};

// The first of these fields that is there, or null.
const char* first_of(const JsonFields& record, std::span<const char* const> fields) {
  for (const char* field : fields)
    if (record.has(field)) return field;
  return nullptr;
}

const char* require_one(const JsonFields& record, std::span<const char* const> fields) {
  const char* field = first_of(record, fields);
  if (field == nullptr)
    fail(Errc::kFormat, "{}: found neither '{}' nor '{}', expected one of them", record.where(), fields[0],
         fields[1]);
  return field;
}

bool is_string(const JsonFields& record, const char* field) {
  const Json* value = record.find(field);
  return value != nullptr && value->is_string();
}

bool has_pair(const JsonFields& r) {
  const char* score = first_of(r, kScoreFields);
  return is_string(r, "sentence1") && is_string(r, "sentence2") && score != nullptr &&
         r.at(score).is_number();
}

// Where there are candidates to choose from, the label is an index of them and not a class.
bool has_class(const JsonFields& r) {
  return is_string(r, "text") && first_of(r, kLabelFields) != nullptr && !r.has("candidates") &&
         !r.has("choices");
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
    task.form = TaskForm::kRetrieval;
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
    return task;
  }
  const auto test = file(split);
  if (!test)
    return fmt::format("found {}, expected {}.jsonl", stems.empty() ? "no .jsonl file" : stems, split);
  const auto record = first_record(*test);
  if (!record) return fmt::format("{} is empty", test->filename().string());
  const JsonFields fields(record->first, record->second);
  if (has_pair(fields)) {
    task.pairs.push_back({name, *test});
    return task;
  }
  if (has_class(fields)) {
    const auto train = file("train");
    if (!train || split == "train")
      return fmt::format("found labels in {}, expected a split beside train.jsonl",
                         test->filename().string());
    task.form = TaskForm::kClassification;
    task.train = *train;
    task.test = *test;
    task.valid = file("valid");
    return task;
  }
  std::string keys;
  for (const auto& [key, value] : record->first.items()) keys += (keys.empty() ? "" : ", ") + key;
  return fmt::format("found the fields {} in {}, expected sentence1, sentence2 and score, or text and label",
                     keys, test->filename().string());
}

// Folders that hold .jsonl files, with their paths relative to the root, sorted.
void collect_folders(const fs::path& folder, const fs::path& relative, int depth,
                     std::vector<std::pair<fs::path, fs::path>>& out) {
  if (!jsonl_files(folder).empty()) out.emplace_back(folder, relative);
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

// "nlp/stsb" names data/nlp/stsb; "lp/stsb" does not.
bool is_named(const fs::path& relative, const std::string& name) {
  const std::string path = relative.generic_string();
  return path == name || path.ends_with("/" + name);
}

}  // namespace

const char* name_of(TaskForm form) noexcept {
  switch (form) {
    case TaskForm::kSimilarity:
      return "similarity";
    case TaskForm::kClassification:
      return "classification";
    case TaskForm::kRetrieval:
      return "retrieval";
  }
  return "unknown";
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
          text += fmt::format("{}{} ({})", text.empty() ? "" : ", ", task->name, name_of(task->form));
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
      out.push_back({.name = name, .split = split, .pairs = {{name, it->second}}});
      break;
    }
    if (out.empty() || out.back().name != name)
      fail(Errc::kUsage, "task '{}': found nothing of this name under {}, which has, for split {}: {}", name,
           root.string(), split, all());
  }
  return out;
}

void for_each_record(const fs::path& file, FunctionRef<void(const JsonFields&)> use) {
  DataLines lines(file);
  for (std::string line; lines.next(line);) {
    if (line.find_first_not_of(" \t") == std::string::npos) continue;
    const std::string where = lines.where();
    const Json json = parse_json(line, where);
    use(JsonFields(json, where));
  }
}

double pair_score(const JsonFields& record) {
  const char* field = require_one(record, kScoreFields);
  if (!record.at(field).is_number()) record.wrong(field, "a number");
  return record.at(field).get<double>();
}

std::string label_text(const JsonFields& record) {
  const char* field = require_one(record, kLabelFields);
  const Json& value = record.at(field);
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_number_integer() && !value.is_boolean())
    record.wrong(field, "a string, a whole number or a boolean");
  return value.dump();
}

std::string document_id(const JsonFields& record) {
  const char* field = require_one(record, kIdFields);
  const Json& value = record.at(field);
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_number_integer()) record.wrong(field, "a string or a whole number");
  return value.dump();
}

std::string titled_text(const JsonFields& record) {
  const std::string title = record.text("title", "");
  return title.empty() ? record.text("text") : title + " " + record.text("text");
}

std::vector<Judgement> read_judgements(const fs::path& file) {
  std::vector<Judgement> out;
  std::map<std::pair<std::string, std::string>, std::int32_t> grades;
  DataLines lines(file);
  for (std::string line; lines.next(line);) {
    if (line.empty()) continue;
    const std::size_t first = line.find('\t'),
                      second = first == std::string::npos ? first : line.find('\t', first + 1);
    if (second == std::string::npos || line.find('\t', second + 1) != std::string::npos)
      fail(Errc::kFormat, "{}: found {} columns, expected three with tabs between: query, document, grade",
           lines.where(), std::count(line.begin(), line.end(), '\t') + 1);
    Judgement j{.query = line.substr(0, first),
                .document = line.substr(first + 1, second - first - 1),
                .line = lines.number()};
    const char* begin = line.data() + second + 1;
    const char* end = line.data() + line.size();
    const auto [stop, trouble] = std::from_chars(begin, end, j.grade);
    if (trouble != std::errc() || stop != end) {
      if (lines.number() == 1) continue;  // BEIR's heading: query-id, corpus-id, score
      fail(Errc::kFormat, "{}: found the grade '{}', expected a whole number", lines.where(),
           line.substr(second + 1));
    }
    const auto [it, is_new] = grades.try_emplace({j.query, j.document}, j.grade);
    if (!is_new && it->second != j.grade)
      fail(Errc::kData, "{}: found the grades {} and {} for query '{}' and document '{}', expected one",
           lines.where(), it->second, j.grade, j.query, j.document);
    if (is_new) out.push_back(std::move(j));
  }
  return out;
}

}  // namespace lyceum
