// A record: what a data set consists of. Read as bytes, looked into later and by several threads.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace lyceum {

// As it lies in its file; nothing is parsed yet, so that a shuffle buffer knows what it costs.
struct Record {
  std::string bytes;
  std::uint32_t file = 0;    // of its RecordFiles
  std::uint64_t number = 0;  // in the file, counted from 0
  std::int64_t line = 0;     // at which it begins, counted from 1; 0 where the file has no lines
};

// monostate: something that no field of a record may be (a list of lists, a list of mixed things). Lists of
// 32 bits are token ids out of a cache.
using RecordValue =
    std::variant<std::monostate, bool, std::int64_t, double, std::string, std::vector<std::int32_t>,
                 std::vector<std::int64_t>, std::vector<double>, std::vector<std::string>>;

// The named texts, numbers and lists of a record. A nested object's fields have names with a point
// ("answers.text"), and so have those of a list of objects, whose values become lists. What is null is
// absent. Everything below throws Errc::kData that names place, field, what was found and what was expected.
class RecordFields {
 public:
  RecordFields() = default;
  // is_untyped: all values are texts (.tsv), and numbers are read from them.
  RecordFields(std::string where, std::map<std::string, RecordValue> values, bool is_untyped = false)
      : where_(std::move(where)), values_(std::move(values)), is_untyped_(is_untyped) {}

  const std::string& where() const noexcept { return where_; }
  bool has(const std::string& name) const { return values_.count(name) > 0; }
  const RecordValue* find(const std::string& name) const;

  const std::string& text(const std::string& name) const;
  double number(const std::string& name) const;  // finite
  std::int64_t integer(const std::string& name, std::int64_t low, std::int64_t high) const;
  // Lists. Of an untyped record: the words between blanks. An empty list is a list of anything.
  std::vector<std::string> texts(const std::string& name) const;
  // A list of texts; of one text the words between blanks, of any record.
  std::vector<std::string> words(const std::string& name) const;
  std::vector<std::int64_t> integers(const std::string& name, std::int64_t low, std::int64_t high) const;
  std::vector<double> numbers(const std::string& name) const;  // finite
  // Ids from 0 to vocabulary - 1.
  std::vector<std::int32_t> token_ids(const std::string& name, std::int64_t vocabulary) const;

  [[noreturn]] void wrong(const std::string& name, std::string_view expected) const;

 private:
  const RecordValue& at(const std::string& name, std::string_view expected) const;
  std::string where_;
  std::map<std::string, RecordValue> values_;
  bool is_untyped_ = false;
};

// The fields of one JSON object. Throws Errc::kData for what is none.
RecordFields parse_json_record(std::string_view text, const std::string& where);
// Columns with tabs between them. Throws Errc::kData where their number is not that of the names.
RecordFields parse_tsv_record(std::string_view text, const std::vector<std::string>& names,
                              const std::string& where);
// The parts between tabs.
std::vector<std::string> tsv_columns(std::string_view line);

}  // namespace lyceum
