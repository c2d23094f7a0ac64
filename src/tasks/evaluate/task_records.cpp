#include "tasks/evaluate/task_records.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <unordered_map>
#include <utility>

#include "base/error.h"
#include "base/json.h"
#include "formats/data_file.h"

namespace lyceum {
namespace {

// The first of these fields that is there, or null.
const char* first_of(const JsonFields& record, std::initializer_list<const char*> fields) {
  for (const char* field : fields)
    if (record.has(field)) return field;
  return nullptr;
}

const char* require_one(const JsonFields& record, std::initializer_list<const char*> fields) {
  const char* found = first_of(record, fields);
  if (found != nullptr) return found;
  std::string all;
  for (const char* field : fields) all += (all.empty() ? "neither '" : " nor '") + std::string(field) + "'";
  fail(Errc::kFormat, "{}: found {}, expected one of them", record.where(), all);
}

std::vector<std::string> split_at_blanks(const std::string& text) {
  std::vector<std::string> out;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find(' ', begin), text.size());
    if (end > begin) out.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return out;
}

// {"text": [...]} or [{"text": ...}, ...]
std::vector<std::string> answers_of(const JsonFields& record) {
  const Json& answers = record.at("answers");
  if (answers.is_object()) return record.object("answers").texts("text");
  std::vector<std::string> out;
  for (const Json& answer : record.array("answers"))
    out.push_back(JsonFields(answer, record.where() + ": answers").text("text"));
  return out;
}

void add_squad_article(const JsonFields& article, std::vector<AskedQuestion>& to) {
  for (const Json& json : article.array("paragraphs")) {
    const JsonFields paragraph(json, article.where() + ": paragraphs");
    const std::string context = paragraph.text("context");
    for (const Json& asked : paragraph.array("qas")) {
      const JsonFields question(asked, paragraph.where() + ": qas");
      to.push_back({question.text("question"), context, answers_of(question)});
    }
  }
}

}  // namespace

const char* score_field(const JsonFields& record) { return first_of(record, {"score", "relatedness"}); }
const char* label_field(const JsonFields& record) { return first_of(record, {"label", "intent"}); }

void for_each_record(const std::filesystem::path& file, FunctionRef<void(const JsonFields&)> use) {
  DataLines lines(file);
  for (std::string line; lines.next(line);) {
    if (line.find_first_not_of(" \t") == std::string::npos) continue;
    const std::string where = lines.where();
    const Json json = parse_json(line, where);
    use(JsonFields(json, where));
  }
}

double pair_score(const JsonFields& record) {
  const char* field = require_one(record, {"score", "relatedness"});
  if (!record.at(field).is_number()) record.wrong(field, "a number");
  return record.at(field).get<double>();
}

std::string label_text(const JsonFields& record) {
  const char* field = require_one(record, {"label", "intent"});
  const Json& value = record.at(field);
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_number_integer() && !value.is_boolean())
    record.wrong(field, "a string, a whole number or a boolean");
  return value.dump();
}

std::string document_id(const JsonFields& record) {
  const char* field = require_one(record, {"id", "_id"});
  const Json& value = record.at(field);
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_number_integer()) record.wrong(field, "a string or a whole number");
  return value.dump();
}

std::string titled_text(const JsonFields& record) {
  const std::string title = record.text("title", "");
  return title.empty() ? record.text("text") : title + " " + record.text("text");
}

bool binary_label(const JsonFields& record) {
  const Json& value = record.at("label");
  if (value.is_boolean()) return value.get<bool>();
  if (value != 0 && value != 1) record.wrong("label", "0 or 1");
  return value == 1;
}

LabelledWords labelled_words(const JsonFields& record) {
  LabelledWords out;
  if (record.has("slots")) {
    out = {split_at_blanks(record.text("text")), split_at_blanks(record.text("slots"))};
  } else {
    out = {record.texts("tokens"), record.texts(require_one(record, {"tags", "ner_tags", "labels"}))};
  }
  if (out.words.size() != out.labels.size())
    fail(Errc::kFormat, "{}: found {} words and {} labels, expected as many", record.where(),
         out.words.size(), out.labels.size());
  if (std::find(out.labels.begin(), out.labels.end(), "") != out.labels.end())
    fail(Errc::kFormat, "{}: found an empty label, expected O for a word outside of every entity",
         record.where());
  return out;
}

std::vector<Judgement> read_judgements(const std::filesystem::path& file) {
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

std::vector<Candidates> read_candidates(const std::filesystem::path& file) {
  std::vector<Candidates> out;
  std::unordered_map<std::string, std::size_t> places;
  for_each_record(file, [&](const JsonFields& r) {
    const std::string query = r.text(require_one(r, {"query", "question"}));
    const auto [it, is_new] = places.try_emplace(query, out.size());
    if (is_new) out.push_back({.query = query});
    Candidates& to = out[it->second];
    const auto add = [&](std::string passage, bool is_relevant) {
      to.passages.push_back(std::move(passage));
      to.is_relevant.push_back(is_relevant);
    };
    if (r.has("positive")) {
      for (std::string passage : r.texts("positive")) add(std::move(passage), true);
      for (std::string passage : r.texts("negative")) add(std::move(passage), false);
    } else {
      add(r.text(require_one(r, {"sentence", "passage"})), binary_label(r));
    }
  });
  return out;
}

std::vector<AskedQuestion> read_questions(const std::filesystem::path& file) {
  std::vector<AskedQuestion> out;
  if (file.extension() == ".json") {
    const Json json = read_json(file);
    for (const Json& article : JsonFields(json, file.string()).array("data"))
      add_squad_article(JsonFields(article, file.string() + ": data"), out);
    return out;
  }
  for_each_record(file, [&](const JsonFields& r) {
    out.push_back({r.text("question"), r.text("context"), answers_of(r)});
  });
  return out;
}

}  // namespace lyceum
