// Data folders that eval can score a model on, told by what lies in them rather than by their names.
//
//   similarity      SPLIT.jsonl   {"sentence1", "sentence2", "score" or "relatedness"}; a folder of other
//                                 .jsonl files of this form (sts2012.jsonl, ...) is several sets, each a task
//                                 of its own, all of them split "test"
//   pairs           SPLIT.jsonl   {"sentence1", "sentence2", "label": 0 or 1}
//   classification  train.jsonl, SPLIT.jsonl   {"text", "label" or "intent", and perhaps "title"}
//   clustering      SPLIT.jsonl   the same; train.jsonl is not needed
//   tagging         SPLIT.jsonl   {"tokens": [...], "tags", "ner_tags" or "labels": [...]}, or {"text",
//   "slots"}
//                                 with blanks between words and between labels
//   reranking       SPLIT.jsonl   {"query" or "question", "sentence" or "passage", "label": 0 or 1}, or
//                                 {"query", "positive": [...], "negative": [...]}
//   answering       SPLIT.jsonl   {"question", "context", "answers": {"text": [...]} or [{"text"}, ...]}, or
//                                 SQuAD's own file: SPLIT.json, SPLIT-v2.0.json or SPLIT-v1.1.json
//   retrieval       corpus.jsonl  {"id" or "_id", "text", and perhaps "title"}
//                   queries.jsonl {"id" or "_id", "text"}
//                   qrels/SPLIT.tsv, or qrels.tsv for split "test":   query <tab> document <tab> grade, with
//                   or without a heading
//
// Every file but SQuAD's own may be compressed (.zst, .gz).
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace lyceum {

enum class TaskForm {
  kSimilarity,
  kPairs,
  kClassification,
  kClustering,
  kRetrieval,
  kReranking,
  kTagging,
  kAnswering
};
const char* name_of(TaskForm form) noexcept;
// Errc::kUsage for a name that is none, with the list of those there are.
TaskForm form_from_name(const std::string& name);

struct TaskFiles {
  struct Pairs {
    std::string name;
    std::filesystem::path file;
  };
  std::string name, split;
  std::vector<TaskForm> forms;        // what the files can be read as: one form, or several
  std::vector<Pairs> pairs;           // similarity; more than one: a folder of sets
  std::filesystem::path train, test;  // train: of classification; test: the file of the split
  std::optional<std::filesystem::path> valid;
  std::filesystem::path corpus, queries, qrels;
};

// The tasks of these names under `root`, in this order: names of folders (or the end of their path:
// "nlp/stsb"), or of single files of a folder of sets. Throws Errc::kUsage for a name that is unknown,
// ambiguous or of no known form: the message lists what is there. Links to folders are not followed, folders
// are looked for down to the fourth level.
std::vector<TaskFiles> find_tasks(const std::filesystem::path& root, std::span<const std::string> names,
                                  const std::string& split);

}  // namespace lyceum
