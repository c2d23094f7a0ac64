#include "base/json.h"

#include <cmath>
#include <set>
#include <utility>

#include "base/file.h"

namespace lyceum {
namespace {

std::string cut_short(std::string text) {
  if (text.size() > 60) text = text.substr(0, 57) + "...";
  return text;
}

std::string shown(const Json& value) {
  return cut_short(value.dump(-1, ' ', false, Json::error_handler_t::replace));
}

}  // namespace

Json parse_json(std::string_view text, const std::string& what, JsonLimits limits) {
  if (text.size() > limits.bytes)
    fail(Errc::kLimit, "{}: found {} bytes of JSON, expected at most {}", what, text.size(), limits.bytes);
  std::vector<std::set<std::string>> keys;  // of the objects that are open
  const auto check = [&](int depth, Json::parse_event_t event, Json& value) {
    if (depth > limits.depth)
      fail(Errc::kFormat, "{}: JSON nested deeper than {} levels", what, limits.depth);
    if (event == Json::parse_event_t::object_start) {
      keys.emplace_back();
    } else if (event == Json::parse_event_t::object_end) {
      keys.pop_back();
    } else if (event == Json::parse_event_t::key) {
      if (!keys.back().insert(value.get<std::string>()).second)
        fail(Errc::kFormat, "{}: key {} stands twice in one object", what, shown(value));
    }
    return true;
  };
  try {
    return Json::parse(text.begin(), text.end(), check);
  } catch (const Json::parse_error& error) {
    std::string reason = error.what();
    if (const auto cut = reason.find("parse error"); cut != std::string::npos) reason.erase(0, cut);
    fail(Errc::kFormat, "{}: not JSON: {}", what, reason);
  } catch (const Json::exception& error) {  // numbers out of range
    fail(Errc::kFormat, "{}: not usable JSON: {}", what, error.what());
  }
}

Json read_json(const std::filesystem::path& path, JsonLimits limits) {
  return parse_json(read_text(path, limits.bytes), path.string(), limits);
}

JsonFields::JsonFields(const Json& object, std::string where) : object_(&object), where_(std::move(where)) {
  if (!object.is_object())
    fail(Errc::kFormat, "{}: found {}, expected a JSON object", where_, shown(object));
}

const Json* JsonFields::find(const std::string& key) const {
  const auto it = object_->find(key);
  return it == object_->end() || it->is_null() ? nullptr : &*it;
}

bool JsonFields::has(const std::string& key) const { return find(key) != nullptr; }

const Json& JsonFields::at(const std::string& key) const {
  const Json* value = find(key);
  if (value == nullptr) fail(Errc::kFormat, "{}: key '{}' is missing", where_, cut_short(key));
  return *value;
}

void JsonFields::wrong(const std::string& key, const std::string& expected) const {
  const Json* value = find(key);
  fail(Errc::kFormat, "{}: '{}': found {}, expected {}", where_, cut_short(key), value ? shown(*value) : "nothing", expected);
}

std::string JsonFields::text(const std::string& key) const {
  const Json& value = at(key);
  if (!value.is_string()) wrong(key, "a string");
  return value.get<std::string>();
}

std::string JsonFields::text(const std::string& key, std::string fallback) const {
  return has(key) ? text(key) : std::move(fallback);
}

bool JsonFields::boolean(const std::string& key, bool fallback) const {
  const Json* value = find(key);
  if (value == nullptr) return fallback;
  if (!value->is_boolean()) wrong(key, "true or false");
  return value->get<bool>();
}

std::int64_t JsonFields::integer(const std::string& key, std::int64_t low, std::int64_t high) const {
  const Json& value = at(key);
  const auto expected = [&] { return fmt::format("a whole number from {} to {}", low, high); };
  if (!value.is_number_integer()) wrong(key, expected());
  if (value.is_number_unsigned() && value.get<std::uint64_t>() > static_cast<std::uint64_t>(INT64_MAX))
    wrong(key, expected());
  const auto number = value.get<std::int64_t>();
  if (number < low || number > high) wrong(key, expected());
  return number;
}

std::int64_t JsonFields::integer(const std::string& key, std::int64_t fallback, std::int64_t low,
                                 std::int64_t high) const {
  return has(key) ? integer(key, low, high) : fallback;
}

double JsonFields::number(const std::string& key, double fallback, double low, double high) const {
  const Json* value = find(key);
  if (value == nullptr) return fallback;
  const double number = value->is_number() ? value->get<double>() : std::nan("");
  if (!(number >= low && number <= high)) wrong(key, fmt::format("a number from {} to {}", low, high));
  return number;
}

JsonFields JsonFields::object(const std::string& key) const {
  return JsonFields(at(key), where_ + ": '" + key + "'");
}

const Json& JsonFields::array(const std::string& key) const {
  const Json& value = at(key);
  if (!value.is_array()) wrong(key, "a list");
  return value;
}

std::vector<std::string> JsonFields::texts(const std::string& key) const {
  std::vector<std::string> out;
  for (const Json& item : array(key)) {
    if (!item.is_string()) wrong(key, "a list of strings");
    out.push_back(item.get<std::string>());
  }
  return out;
}

}  // namespace lyceum
