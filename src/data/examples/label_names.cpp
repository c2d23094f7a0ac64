#include "data/examples/label_names.h"

#include <algorithm>
#include <charconv>
#include <numeric>
#include <optional>
#include <set>
#include <utility>

#include "base/error.h"

namespace lyceum {
namespace {

constexpr std::size_t kMostNames = 1'000'000;
constexpr std::size_t kCompared = 1000,
                      kComparedBytes = 100;  // names that the nearest one is looked for among

std::optional<std::int64_t> whole_number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Labels as texts: of a list all of them.
std::vector<std::string> label_texts(const RecordFields& record, const std::string& field, LabelText form) {
  const RecordValue* value = record.find(field);
  if (value == nullptr) record.wrong(field, "a label");
  if (const auto* text = std::get_if<std::string>(value)) {
    if (form == LabelText::kWords) return record.words(field);
    return {*text};
  }
  if (const auto* texts = std::get_if<std::vector<std::string>>(value)) return *texts;
  if (const auto* whole = std::get_if<std::int64_t>(value)) return {fmt::format("{}", *whole)};
  if (const auto* flag = std::get_if<bool>(value)) return {*flag ? "1" : "0"};
  std::vector<std::string> out;
  const auto* list = std::get_if<std::vector<std::int64_t>>(value);
  if (list == nullptr) record.wrong(field, "a label: a text or a whole number, or a list of them");
  for (const std::int64_t whole : *list) out.push_back(fmt::format("{}", whole));
  return out;
}

// Levenshtein 1966: insertions, deletions and substitutions of bytes.
std::size_t edits(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j)
      diagonal = std::exchange(row[j + 1], std::min({row[j] + 1, row[j + 1] + 1,
                                                     diagonal + static_cast<std::size_t>(a[i] != b[j])}));
  }
  return row.back();
}

}  // namespace

LabelNames::LabelNames(std::vector<std::string> names) : names_(std::move(names)) {
  for (std::size_t i = 0; i < names_.size(); ++i)
    if (!indices_.try_emplace(names_[i], static_cast<std::int64_t>(i)).second)
      fail(Errc::kUsage, "labels: found the name '{}' twice, expected different names", names_[i]);
}

LabelNames LabelNames::collect(const RecordFiles& files, const std::string& field, LabelText text,
                               bool skip_bad_records) {
  std::set<std::string> found;
  for (std::size_t f = 0; f < files.count(); ++f) {
    const auto reader = files.open(f);
    for (Record record; reader->next(record);) {
      record.file = static_cast<std::uint32_t>(f);
      try {
        for (std::string& name : label_texts(files.parse(record), field, text)) found.insert(std::move(name));
      } catch (const Error& error) {
        if (error.code() != Errc::kData || !skip_bad_records) throw;
      }
      if (found.size() > kMostNames)
        fail(Errc::kLimit, "labels: found more than {} different values of '{}' in {}", kMostNames, field,
             files.names());
    }
  }
  if (found.empty())
    fail(Errc::kData, "labels: found no '{}' in {}, expected at least one", field, files.names());
  std::vector<std::string> names(found.begin(), found.end());
  const auto is_whole = [](const std::string& name) { return whole_number(name).has_value(); };
  if (std::all_of(names.begin(), names.end(), is_whole))
    std::stable_sort(names.begin(), names.end(), [](const std::string& a, const std::string& b) {
      return *whole_number(a) < *whole_number(b);
    });
  return LabelNames(std::move(names));
}

std::int64_t LabelNames::index_of(const std::string& name, const RecordFields& record,
                                  const std::string& field) const {
  if (const auto it = indices_.find(name); it != indices_.end()) return it->second;
  if (const auto whole = whole_number(name); whole && *whole >= 0 && *whole < size()) return *whole;
  const std::string_view looked = std::string_view(name).substr(0, kComparedBytes);
  std::string nearest;
  std::size_t least = SIZE_MAX;
  for (std::size_t i = 0; i < std::min(names_.size(), kCompared); ++i)
    if (const std::size_t e = edits(looked, std::string_view(names_[i]).substr(0, kComparedBytes)); e < least)
      least = e, nearest = names_[i];
  fail(Errc::kData, "{}: field '{}': found the label '{}', expected one of {}; the nearest is '{}'",
       record.where(), field, looked, names_.size(), nearest);
}

std::int64_t LabelNames::index(const RecordFields& record, const std::string& field) const {
  const std::vector<std::int64_t> all = indices(record, field);
  if (all.size() != 1) record.wrong(field, "one label");
  return all[0];
}

std::vector<std::int64_t> LabelNames::indices(const RecordFields& record, const std::string& field,
                                              LabelText text) const {
  std::vector<std::int64_t> out;
  for (const std::string& name : label_texts(record, field, text))
    out.push_back(index_of(name, record, field));
  return out;
}

}  // namespace lyceum
