#include "base/json.h"

#include <cmath>
#include <utility>
#include <vector>

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

// Builds the value and refuses as it goes. The library's own parser with a callback looks at all brothers of
// a value again when the value ends: its time grows with the square of their number.
class Builder {
 public:
  Builder(const std::string& what, const JsonLimits& limits) : what_(what), limits_(limits) {}
  Json take() { return std::move(root_); }

  bool null() { return put(nullptr); }
  bool boolean(bool value) { return put(value); }
  bool number_integer(Json::number_integer_t value) { return put(value); }
  bool number_unsigned(Json::number_unsigned_t value) { return put(value); }
  bool number_float(Json::number_float_t value, const std::string&) { return put(value); }
  bool string(std::string& value) { return put(std::move(value)); }
  bool binary(Json::binary_t& value) { return put(std::move(value)); }
  bool start_object(std::size_t) { return open(Json::object()); }
  bool start_array(std::size_t) { return open(Json::array()); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }
  bool key(std::string& name) {
    const auto [place, fresh] = open_.back()->get_ref<Json::object_t&>().emplace(name, nullptr);
    if (!fresh) fail(Errc::kFormat, "{}: key {} stands twice in one object", what_, shown(name));
    next_ = &place->second;
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const Json::exception& error) {
    const std::string reason = error.what();  // "[json.exception.parse_error.101] parse error at line 1, ..."
    const std::size_t cut = reason.find("] ");
    fail(Errc::kFormat, "{}: not JSON: {}", what_, reason.substr(cut == std::string::npos ? 0 : cut + 2));
  }

 private:
  template <class T>
  bool put(T&& value) {
    place(Json(std::forward<T>(value)));
    return true;
  }
  Json* place(Json value) {
    if (open_.empty()) {
      root_ = std::move(value);
      return &root_;
    }
    if (open_.back()->is_array()) {
      open_.back()->push_back(std::move(value));
      return &open_.back()->back();
    }
    *next_ = std::move(value);
    return next_;
  }
  bool open(Json value) {
    if (open_.size() >= static_cast<std::size_t>(limits_.depth))
      fail(Errc::kFormat, "{}: JSON nested deeper than {} levels", what_, limits_.depth);
    open_.push_back(place(std::move(value)));
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }

  const std::string& what_;
  const JsonLimits& limits_;
  Json root_;
  std::vector<Json*>
      open_;  // lists and objects from the outermost inwards; none grows while one inside it is open
  Json* next_ = nullptr;  // where the value of the last key goes
};

}  // namespace

Json parse_json(std::string_view text, const std::string& what, JsonLimits limits) {
  if (text.size() > limits.bytes)
    fail(Errc::kLimit, "{}: found {} bytes of JSON, expected at most {}", what, text.size(), limits.bytes);
  Builder builder(what, limits);
  Json::sax_parse(text.begin(), text.end(), &builder);
  return builder.take();
}

Json read_json(const std::filesystem::path& path, JsonLimits limits) {
  return parse_json(read_text(path, limits.bytes), path.string(), limits);
}

JsonFields::JsonFields(const Json& object, std::string where) : object_(&object), where_(std::move(where)) {
  if (!object.is_object()) fail(Errc::kFormat, "{}: found {}, expected a JSON object", where_, shown(object));
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
  fail(Errc::kFormat, "{}: '{}': found {}, expected {}", where_, cut_short(key),
       value ? shown(*value) : "nothing", expected);
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
