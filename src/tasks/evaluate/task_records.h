// What stands in the files of task_files.h. Every function throws Errc::kFormat with file and line for what
// is missing or of another kind.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/function_ref.h"

namespace lyceum {

class JsonFields;

// Each line of a .jsonl file that is not blank, in order. Every line is a JSON object.
void for_each_record(const std::filesystem::path& file, FunctionRef<void(const JsonFields& record)> use);

// The name under which a record has its score or its label; null: it has none.
const char* score_field(const JsonFields& record);  // score, else relatedness
const char* label_field(const JsonFields& record);  // label, else intent

double pair_score(const JsonFields& record);        // a number
std::string label_text(const JsonFields& record);   // a string, a whole number or a boolean
bool binary_label(const JsonFields& record);        // label: 0, 1, false or true
std::string document_id(const JsonFields& record);  // id, else _id: a string or a whole number
std::string titled_text(const JsonFields& record);  // title + " " + text, or text alone when the title is
                                                    // missing or empty (BEIR)
struct LabelledWords {
  std::vector<std::string> words, labels;  // as many; no label is empty
};
LabelledWords labelled_words(const JsonFields& record);

struct Judgement {
  std::string query, document;
  std::int32_t grade = 0;
  std::int64_t line = 0;
};
// Besides, Errc::kData for two different grades of one pair.
std::vector<Judgement> read_judgements(const std::filesystem::path& file);

// A query with what was found for it, in the order of the file; lines of one query may stand apart.
struct Candidates {
  std::string query;
  std::vector<std::string> passages;
  std::vector<std::uint8_t> is_relevant;
};
std::vector<Candidates> read_candidates(const std::filesystem::path& file);

struct AskedQuestion {
  std::string question, context;
  std::vector<std::string> answers;  // empty: the context does not say
};
// A .jsonl file, or SQuAD's own .json.
std::vector<AskedQuestion> read_questions(const std::filesystem::path& file);

}  // namespace lyceum
