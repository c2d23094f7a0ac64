#include "data/records/record.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "base/error.h"
#include "base/json.h"

namespace lyceum {
namespace {

constexpr std::size_t kShownBytes = 60;  // of a value in a message

std::string in_quotes(std::string_view text) {
  if (text.size() <= kShownBytes) return fmt::format("\"{}\"", text);
  std::size_t end = kShownBytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;  // not inside a character
  return fmt::format("\"{}...\"", text.substr(0, end));
}

struct Shown {
  std::string operator()(std::monostate) const { return "something else"; }
  std::string operator()(bool value) const { return value ? "true" : "false"; }
  std::string operator()(std::int64_t value) const { return fmt::format("{}", value); }
  std::string operator()(double value) const { return fmt::format("{}", value); }
  std::string operator()(const std::string& value) const { return in_quotes(value); }
  std::string operator()(const std::vector<std::int32_t>& values) const {
    return fmt::format("a list of {} whole numbers", values.size());
  }
  std::string operator()(const std::vector<std::int64_t>& values) const {
    return fmt::format("a list of {} whole numbers", values.size());
  }
  std::string operator()(const std::vector<double>& values) const {
    return fmt::format("a list of {} numbers", values.size());
  }
  std::string operator()(const std::vector<std::string>& values) const {
    return fmt::format("a list of {} texts", values.size());
  }
};

template <class T>
bool parse_number(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> out;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find(' ', begin), text.size());
    if (end > begin) out.emplace_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return out;
}

bool fits_int64(const Json& value) {
  return value.is_number_integer() &&
         (!value.is_number_unsigned() || value.get<std::uint64_t>() <= static_cast<std::uint64_t>(INT64_MAX));
}

RecordValue list_of(const Json& list) {
  const auto all = [&](auto is) { return std::all_of(list.begin(), list.end(), is); };
  if (all([](const Json& v) { return v.is_string(); })) return list.get<std::vector<std::string>>();
  if (all([](const Json& v) { return v.is_boolean() || fits_int64(v); })) {
    std::vector<std::int64_t> out;
    for (const Json& v : list)
      out.push_back(v.is_boolean() ? std::int64_t{v.get<bool>()} : v.get<std::int64_t>());
    return out;
  }
  if (all([](const Json& v) { return v.is_number(); })) return list.get<std::vector<double>>();
  return std::monostate{};
}

void add_value(std::map<std::string, RecordValue>& to, const std::string& name, const Json& value);

void add_object(std::map<std::string, RecordValue>& to, const std::string& prefix, const Json& object) {
  for (const auto& [key, value] : object.items()) add_value(to, prefix + key, value);
}

// The values of each key in the order of the objects.
void add_objects(std::map<std::string, RecordValue>& to, const std::string& name, const Json& objects) {
  std::map<std::string, Json> lists;
  for (const Json& object : objects)
    for (const auto& [key, value] : object.items()) {
      Json& list = lists.try_emplace(key, Json::array()).first->second;
      list.push_back(value);
    }
  for (const auto& [key, list] : lists) to[name + "." + key] = list_of(list);
}

void add_value(std::map<std::string, RecordValue>& to, const std::string& name, const Json& value) {
  const auto is_object = [](const Json& v) { return v.is_object(); };
  if (value.is_null()) return;
  if (value.is_object()) return add_object(to, name + ".", value);
  RecordValue& out = to[name];
  if (value.is_boolean()) {
    out = value.get<bool>();
  } else if (fits_int64(value)) {
    out = value.get<std::int64_t>();
  } else if (value.is_number()) {
    out = value.get<double>();
  } else if (value.is_string()) {
    out = value.get<std::string>();
  } else if (value.is_array() && !value.empty() && std::all_of(value.begin(), value.end(), is_object)) {
    to.erase(name);
    add_objects(to, name, value);
  } else if (value.is_array()) {
    out = list_of(value);
  }
}

std::string whole_from_to(std::int64_t low, std::int64_t high) {
  return fmt::format("a whole number from {} to {}", low, high);
}

}  // namespace

const RecordValue* RecordFields::find(const std::string& name) const {
  const auto it = values_.find(name);
  return it == values_.end() ? nullptr : &it->second;
}

const RecordValue& RecordFields::at(const std::string& name, std::string_view expected) const {
  const RecordValue* value = find(name);
  if (value == nullptr) wrong(name, expected);
  return *value;
}

void RecordFields::wrong(const std::string& name, std::string_view expected) const {
  if (const RecordValue* value = find(name))
    fail(Errc::kData, "{}: field '{}': found {}, expected {}", where_, name, std::visit(Shown{}, *value),
         expected);
  std::string names;
  for (const auto& [key, value] : values_) {
    if (names.size() > 200) {
      names += ", ...";
      break;
    }
    names += (names.empty() ? "" : ", ") + key;
  }
  fail(Errc::kData, "{}: field '{}' is missing, expected {}; the record has: {}", where_, name, expected,
       names.empty() ? "nothing" : names);
}

const std::string& RecordFields::text(const std::string& name) const {
  const auto* text = std::get_if<std::string>(&at(name, "a text"));
  if (text == nullptr) wrong(name, "a text");
  return *text;
}

double RecordFields::number(const std::string& name) const {
  const RecordValue& value = at(name, "a number");
  double out = std::nan("");
  if (const auto* whole = std::get_if<std::int64_t>(&value)) out = static_cast<double>(*whole);
  if (const auto* real = std::get_if<double>(&value)) out = *real;
  if (const auto* text = std::get_if<std::string>(&value); text != nullptr && is_untyped_)
    if (!parse_number(*text, out)) wrong(name, "a number");
  if (!std::isfinite(out)) wrong(name, "a number");
  return out;
}

std::int64_t RecordFields::integer(const std::string& name, std::int64_t low, std::int64_t high) const {
  const RecordValue& value = at(name, whole_from_to(low, high));
  std::int64_t out = 0;
  if (const auto* whole = std::get_if<std::int64_t>(&value)) {
    out = *whole;
  } else if (const auto* flag = std::get_if<bool>(&value)) {
    out = *flag;
  } else {
    const auto* text = std::get_if<std::string>(&value);
    if (text == nullptr || !is_untyped_ || !parse_number(*text, out)) wrong(name, whole_from_to(low, high));
  }
  if (out < low || out > high) wrong(name, whole_from_to(low, high));
  return out;
}

std::vector<std::string> RecordFields::texts(const std::string& name) const {
  const RecordValue& value = at(name, "a list of texts");
  if (const auto* list = std::get_if<std::vector<std::string>>(&value)) return *list;
  if (const auto* text = std::get_if<std::string>(&value); text != nullptr && is_untyped_)
    return words_of(*text);
  wrong(name, "a list of texts");
}

std::vector<std::string> RecordFields::words(const std::string& name) const {
  const std::string_view expected = "a list of words, or a text with blanks between them";
  const RecordValue& value = at(name, expected);
  if (const auto* list = std::get_if<std::vector<std::string>>(&value)) return *list;
  if (const auto* text = std::get_if<std::string>(&value)) return words_of(*text);
  wrong(name, expected);
}

std::vector<std::int64_t> RecordFields::integers(const std::string& name, std::int64_t low,
                                                 std::int64_t high) const {
  const std::string expected = "a list of whole numbers";
  const RecordValue& value = at(name, expected);
  std::vector<std::int64_t> out;
  if (const auto* list = std::get_if<std::vector<std::int64_t>>(&value)) {
    out = *list;
  } else if (const auto* ids = std::get_if<std::vector<std::int32_t>>(&value)) {
    out.assign(ids->begin(), ids->end());
  } else if (const auto* texts = std::get_if<std::vector<std::string>>(&value); texts && texts->empty()) {
    return out;
  } else if (const auto* text = std::get_if<std::string>(&value); text != nullptr && is_untyped_) {
    for (const std::string& word : words_of(*text))
      if (!parse_number(word, out.emplace_back())) wrong(name, expected);
  } else {
    wrong(name, expected);
  }
  for (const std::int64_t number : out)
    if (number < low || number > high)
      fail(Errc::kData, "{}: field '{}': found {} in the list, expected {}", where_, name, number,
           whole_from_to(low, high));
  return out;
}

std::vector<std::int32_t> RecordFields::token_ids(const std::string& name, std::int64_t vocabulary) const {
  if (const auto* ids = std::get_if<std::vector<std::int32_t>>(&at(name, "a list of token ids"))) {
    for (const std::int32_t id : *ids)
      if (id < 0 || id >= vocabulary)
        fail(Errc::kData, "{}: field '{}': found the token id {}, expected 0 to {}", where_, name, id,
             vocabulary - 1);
    return *ids;
  }
  const std::vector<std::int64_t> ids = integers(name, 0, vocabulary - 1);
  return {ids.begin(), ids.end()};
}

std::vector<double> RecordFields::numbers(const std::string& name) const {
  const RecordValue& value = at(name, "a list of numbers");
  if (const auto* list = std::get_if<std::vector<double>>(&value)) {
    if (!std::all_of(list->begin(), list->end(), [](double v) { return std::isfinite(v); }))
      wrong(name, "a list of finite numbers");
    return *list;
  }
  if (const auto* list = std::get_if<std::vector<std::int64_t>>(&value)) return {list->begin(), list->end()};
  if (const auto* texts = std::get_if<std::vector<std::string>>(&value); texts && texts->empty()) return {};
  wrong(name, "a list of numbers");
}

RecordFields parse_json_record(std::string_view text, const std::string& where) {
  std::map<std::string, RecordValue> values;
  try {
    const Json json = parse_json(text, where);
    if (!json.is_object()) fail(Errc::kData, "{}: found {}, expected a JSON object", where, in_quotes(text));
    add_object(values, "", json);
  } catch (const Error& error) {  // a row that is no JSON is wrong data, as one that lacks a field
    if (error.code() != Errc::kFormat) throw;
    fail(Errc::kData, "{}", error.what());
  }
  return RecordFields(where, std::move(values));
}

std::vector<std::string> tsv_columns(std::string_view line) {
  std::vector<std::string> out;
  for (std::size_t begin = 0;;) {
    const std::size_t end = line.find('\t', begin);
    out.emplace_back(line.substr(begin, end - begin));
    if (end == std::string_view::npos) return out;
    begin = end + 1;
  }
}

RecordFields parse_tsv_record(std::string_view text, const std::vector<std::string>& names,
                              const std::string& where) {
  std::vector<std::string> columns = tsv_columns(text);
  if (columns.size() != names.size())
    fail(Errc::kData, "{}: found {} columns, expected {}", where, columns.size(), names.size());
  std::map<std::string, RecordValue> values;
  for (std::size_t i = 0; i < names.size(); ++i) values[names[i]] = std::move(columns[i]);
  return RecordFields(where, std::move(values), true);
}

}  // namespace lyceum
