// Data folders that eval can score a model on, told by what lies in them rather than by their names.
//
//   similarity      SPLIT.jsonl          {"sentence1", "sentence2", "score" or "relatedness"}; a folder of
//   other .jsonl files of this
//                                        form (sts2012.jsonl, ...) is several sets, each a task of its own,
//                                        all of them split "test"
//   classification  train.jsonl, SPLIT.jsonl   {"text", "label" or "intent", and perhaps "title"}
//   retrieval       corpus.jsonl         {"id" or "_id", "text", and perhaps "title"}
//                   queries.jsonl        {"id" or "_id", "text"}
//                   qrels/SPLIT.tsv, or qrels.tsv for split "test":   query <tab> document <tab> grade, with
//                   or without a heading
//
// Every file may be compressed (.zst, .gz).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/function_ref.h"

namespace lyceum {

class JsonFields;

enum class TaskForm { kSimilarity, kClassification, kRetrieval };
const char* name_of(TaskForm form) noexcept;

struct TaskFiles {
  struct Pairs {
    std::string name;
    std::filesystem::path file;
  };
  std::string name, split;
  TaskForm form = TaskForm::kSimilarity;
  std::vector<Pairs> pairs;           // similarity; more than one: a folder of sets
  std::filesystem::path train, test;  // classification; test: the file of the split
  std::optional<std::filesystem::path> valid;
  std::filesystem::path corpus, queries, qrels;
};

// The tasks of these names under `root`, in this order: names of folders (or the end of their path:
// "nlp/stsb"), or of single files of a folder of sets. Throws Errc::kUsage for a name that is unknown,
// ambiguous or of no known form: the message lists what is there. Links to folders are not followed, folders
// are looked for down to the fourth level.
std::vector<TaskFiles> find_tasks(const std::filesystem::path& root, std::span<const std::string> names,
                                  const std::string& split);

// Each line of a .jsonl file that is not blank, in order. A line that is not a JSON object is Errc::kFormat
// with file and line.
void for_each_record(const std::filesystem::path& file, FunctionRef<void(const JsonFields& record)> use);

// Fields as these forms have them, each an Errc::kFormat with file and line when it is missing or of another
// kind.
double pair_score(const JsonFields& record);  // score, else relatedness
std::string label_text(
    const JsonFields& record);  // label, else intent: a string, a whole number or a boolean
std::string document_id(const JsonFields& record);  // id, else _id: a string or a whole number
std::string titled_text(
    const JsonFields& record);  // title + " " + text, or text alone when the title is missing or empty (BEIR)

struct Judgement {
  std::string query, document;
  std::int32_t grade = 0;
  std::int64_t line = 0;
};
// Errc::kFormat for a line that is not query, document and grade; Errc::kData for two different grades of one
// pair.
std::vector<Judgement> read_judgements(const std::filesystem::path& file);

}  // namespace lyceum
