#include "train/recipe/settings.h"

// toml++ 3.3 enters its parse_key() at "[[[" against its own assertion, whose next lines report the bad key
// well. So in every build the parser runs as with GCC's NDEBUG: assertions neither abort (a debug build) nor
// are assumed to hold (Clang's NDEBUG).
#pragma push_macro("NDEBUG")
#undef NDEBUG
#define TOML_ASSERT(expr) static_assert(true)
#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>
#pragma pop_macro("NDEBUG")

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <sstream>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/nearest.h"
#include "base/utf8.h"

namespace lyceum {
namespace {

constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 20;
constexpr int kMostDepth = 32;
constexpr std::size_t kMostNamed = 20, kMostShown = 200;  // settings in one message, bytes of a name

std::vector<std::string> split(const std::string& name) {
  std::vector<std::string> parts;
  std::size_t begin = 0;
  for (std::size_t end = 0; end != std::string::npos; begin = end + 1) {
    end = name.find('.', begin);
    parts.push_back(name.substr(begin, end == std::string::npos ? end : end - begin));
  }
  return parts;
}

std::string toml_text(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      out += fmt::format("\\u{:04X}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out + "\"";
}
std::string toml_value(const std::string& value) { return toml_text(value); }
std::string toml_value(std::int64_t value) { return fmt::format("{}", value); }
std::string toml_value(bool value) { return value ? "true" : "false"; }
std::string toml_value(double value) {
  std::string text = fmt::format("{}", value);
  return text.find_first_of(".en") == std::string::npos ? text + ".0" : text;
}
template <class T>
std::string toml_value(const std::vector<T>& values) {
  std::string out = "[";
  for (const T& value : values) out += (out.size() > 1 ? ", " : "") + toml_value(value);
  return out + "]";
}

// As TOML writes it, in one line, for messages and for the resolved recipe.
std::string inline_toml(const toml::node& node) {
  if (const auto* table = node.as_table()) {
    std::string out = "{";
    for (const auto& [key, value] : *table)
      out += fmt::format("{} {} = {}", out.size() > 1 ? "," : "", toml_text(std::string(key.str())),
                         inline_toml(value));
    return out + " }";
  }
  if (const auto* array = node.as_array()) {
    std::string out = "[";
    for (const toml::node& value : *array) out += (out.size() > 1 ? ", " : "") + inline_toml(value);
    return out + "]";
  }
  if (const auto text = node.value_exact<std::string>()) return toml_text(*text);
  if (const auto value = node.value_exact<bool>()) return toml_value(*value);
  if (const auto value = node.value_exact<std::int64_t>()) return toml_value(*value);
  if (const auto value = node.value_exact<double>()) return toml_value(*value);
  return "a date";
}

Json json_of(const toml::node& node, int depth, const std::string& name) {
  if (depth > kMostDepth) fail(Errc::kFormat, "'{}': nested deeper than {}", name, kMostDepth);
  if (const auto* table = node.as_table()) {
    Json out = Json::object();
    for (const auto& [key, value] : *table) out[std::string(key.str())] = json_of(value, depth + 1, name);
    return out;
  }
  if (const auto* array = node.as_array()) {
    Json out = Json::array();
    for (const toml::node& value : *array) out.push_back(json_of(value, depth + 1, name));
    return out;
  }
  if (const auto text = node.value_exact<std::string>()) return *text;
  if (const auto value = node.value_exact<bool>()) return *value;
  if (const auto value = node.value_exact<std::int64_t>()) return *value;
  if (const auto value = node.value_exact<double>()) return *value;
  fail(Errc::kFormat, "'{}': found a date, expected texts, numbers, lists and tables", name);
}

}  // namespace

struct Settings::Tree {
  toml::table table;
  std::string where;
  std::set<std::string> arguments;  // names that an argument gave
  std::set<std::string> asked;

  const toml::node* find(const std::string& name) const {
    const toml::node* node = &table;
    for (const std::string& part : split(name)) {
      const toml::table* here = node->as_table();
      if (here == nullptr) return nullptr;
      node = here->get(part);
      if (node == nullptr) return nullptr;
    }
    return node;
  }
  bool is_argument(const std::string& name) const {
    return std::any_of(arguments.begin(), arguments.end(), [&](const std::string& given) {
      return name == given || name.starts_with(given + ".") || given.starts_with(name + ".");
    });
  }
  std::string place(const std::string& name) const {
    if (is_argument(name)) return "argument";
    const toml::node* node = find(name);
    return node == nullptr || node->source().begin.line == 0
               ? where
               : fmt::format("{}: line {}", where, node->source().begin.line);
  }
  Errc code(const std::string& name) const { return is_argument(name) ? Errc::kUsage : Errc::kFormat; }

  void parse(const std::string& text) {
    toml::parse_result result = toml::parse(text, where);
    if (!result)
      fail(Errc::kFormat, "{}: line {}, column {}: {}", where, result.error().source().begin.line,
           result.error().source().begin.column, result.error().description());
    table = std::move(result).table();
  }

  void set(const std::string& argument) {
    if (!is_utf8(argument)) fail(Errc::kUsage, "argument: found bytes that are no UTF-8, expected a text");
    const std::size_t equals = argument.find('=');
    if (equals == 0 || equals == std::string::npos)
      fail(Errc::kUsage, "argument '{}': expected section.key=value, as in train.steps=2000", argument);
    const std::string name = argument.substr(0, equals), value = argument.substr(equals + 1);
    const std::vector<std::string> parts = split(name);
    if (parts.size() > kMostDepth ||
        std::any_of(parts.begin(), parts.end(), [](const auto& p) { return p.empty(); }))
      fail(Errc::kUsage, "argument '{}': expected section.key=value, as in train.steps=2000", argument);
    toml::table* here = &table;
    for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
      if (here->get(parts[i]) == nullptr) here->insert(parts[i], toml::table{});
      here = here->get(parts[i])->as_table();
      if (here == nullptr)
        fail(Errc::kUsage, "argument '{}': '{}' is a value, expected a section", argument, parts[i]);
    }
    // A bare word is a text, and so is what is no TOML: a path, a pattern.
    if (toml::parse_result parsed = toml::parse("v = " + value); parsed && parsed.table().size() == 1) {
      here->insert_or_assign(parts.back(), *parsed.table().get("v"));
    } else {
      here->insert_or_assign(parts.back(), value);
    }
    arguments.insert(name);
  }
};

Settings::Settings(const std::string& toml, const std::string& where, std::span<const std::string> arguments)
    : tree_(std::make_unique<Tree>()) {
  tree_->where = where;
  tree_->parse(toml);
  for (const std::string& argument : arguments) tree_->set(argument);
}

Settings::Settings(const std::filesystem::path& path, std::span<const std::string> arguments)
    : Settings(read_text(path, kMostBytes), path.string(), arguments) {}

Settings::~Settings() = default;

template <class T>
void Settings::note(const std::string& name, const T& value) {
  tree_->asked.insert(name);
  if (values_.insert_or_assign(name, toml_value(value)).second) order_.push_back(name);
}

bool Settings::has(const std::string& name) const { return tree_->find(name) != nullptr; }

bool Settings::is_table(const std::string& name) const {
  const toml::node* node = tree_->find(name);
  return node != nullptr && node->is_table();
}

std::string Settings::slip(const std::string& name) const {
  if (has(name)) return "";
  const std::size_t point = name.rfind('.');
  const std::string section = point == std::string::npos ? "" : name.substr(0, point);
  const bool there = section.empty() || is_table(section);  // else the section's own name may be the slip
  const std::string wanted = there ? name.substr(point + 1) : section;
  const toml::table& table = there && !section.empty() ? *tree_->find(section)->as_table() : tree_->table;
  for (const auto& [key, value] : table) {
    const std::string found(key.str()), full = (there && !section.empty() ? section + "." : "") + found;
    if (found == wanted || tree_->asked.contains(full) || found.size() > 64 ||
        edit_distance(found, wanted) > 2)
      continue;
    return fmt::format(". There is '{}': is that meant?", full);
  }
  return "";
}

void Settings::wrong(const std::string& name, const std::string& expected) const {
  const toml::node* node = tree_->find(name);
  std::string found = node == nullptr ? "nothing" : inline_toml(*node);
  if (found.size() > 200) found = found.substr(0, 200) + "...";
  throw_error(tree_->code(name), "{}: '{}': found {}, expected {}{}",
              fmt::make_format_args(tree_->place(name), name, found, expected, slip(name)));
}

void Settings::conflict(const std::string& name, const std::string& why) const {
  throw_error(tree_->code(name), "{}: '{}': {}{}",
              fmt::make_format_args(tree_->place(name), name, why, slip(name)));
}

std::optional<std::string> Settings::optional_text(const std::string& name) {
  const toml::node* node = tree_->find(name);
  if (node == nullptr) {
    tree_->asked.insert(name);
    return {};
  }
  const auto value = node->value_exact<std::string>();
  if (!value) wrong(name, "a text in quotes");
  note(name, *value);
  return value;
}

std::string Settings::text(const std::string& name, const std::string& fallback) {
  const std::string value = optional_text(name).value_or(fallback);
  note(name, value);
  return value;
}

std::string Settings::required_text(const std::string& name) {
  const auto value = optional_text(name);
  if (!value || value->empty()) wrong(name, "a text in quotes");
  return *value;
}

std::string Settings::choice(const std::string& name, const std::string& fallback,
                             std::span<const std::string> known) {
  const std::string value = text(name, fallback);
  if (std::find(known.begin(), known.end(), value) == known.end()) {
    const std::vector<std::string> near = nearest_names(value, known, 1);
    wrong(name, fmt::format("one of {}{}", fmt::join(known, ", "),
                            near.empty() ? "" : fmt::format("; the nearest is '{}'", near[0])));
  }
  return value;
}

std::optional<std::int64_t> Settings::optional_integer(const std::string& name, std::int64_t low,
                                                       std::int64_t high) {
  const toml::node* node = tree_->find(name);
  if (node == nullptr) {
    tree_->asked.insert(name);
    return {};
  }
  const auto value = node->value_exact<std::int64_t>();
  if (!value || *value < low || *value > high)
    wrong(name, fmt::format("a whole number from {} to {}", low, high));
  note(name, *value);
  return value;
}

std::int64_t Settings::integer(const std::string& name, std::int64_t fallback, std::int64_t low,
                               std::int64_t high) {
  const std::int64_t value = optional_integer(name, low, high).value_or(fallback);
  note(name, value);
  return value;
}

std::optional<double> Settings::optional_number(const std::string& name, double low, double high) {
  const toml::node* node = tree_->find(name);
  if (node == nullptr) {
    tree_->asked.insert(name);
    return {};
  }
  std::optional<double> value = node->value_exact<double>();
  if (const auto whole = node->value_exact<std::int64_t>()) value = static_cast<double>(*whole);
  if (!value || !(*value >= low && *value <= high))
    wrong(name, fmt::format("a number from {} to {}", low, high));
  note(name, *value);
  return value;
}

double Settings::number(const std::string& name, double fallback, double low, double high) {
  const double value = optional_number(name, low, high).value_or(fallback);
  note(name, value);
  return value;
}

bool Settings::boolean(const std::string& name, bool fallback) {
  bool value = fallback;
  if (const toml::node* node = tree_->find(name)) {
    const auto given = node->value_exact<bool>();
    if (!given) wrong(name, "true or false");
    value = *given;
  }
  note(name, value);
  return value;
}

std::vector<std::string> Settings::texts(const std::string& name, std::vector<std::string> fallback) {
  std::vector<std::string> out = std::move(fallback);
  if (const toml::node* node = tree_->find(name)) {
    out.clear();
    if (const auto one = node->value_exact<std::string>()) {
      out.push_back(*one);
    } else if (const auto* array = node->as_array()) {
      for (const toml::node& item : *array) {
        const auto value = item.value_exact<std::string>();
        if (!value) wrong(name, "a list of texts");
        out.push_back(*value);
      }
    } else {
      wrong(name, "a list of texts");
    }
  }
  note(name, out);
  return out;
}

std::vector<std::int64_t> Settings::integers(const std::string& name, std::int64_t low, std::int64_t high) {
  std::vector<std::int64_t> out;
  if (const toml::node* node = tree_->find(name)) {
    const std::string expected = fmt::format("a list of whole numbers from {} to {}", low, high);
    const auto* array = node->as_array();
    if (array == nullptr) wrong(name, expected);
    for (const toml::node& item : *array) {
      const auto value = item.value_exact<std::int64_t>();
      if (!value || *value < low || *value > high) wrong(name, expected);
      out.push_back(*value);
    }
  }
  note(name, out);
  return out;
}

std::vector<double> Settings::numbers(const std::string& name, std::vector<double> fallback,
                                      std::size_t count) {
  std::vector<double> out = std::move(fallback);
  if (const toml::node* node = tree_->find(name)) {
    const std::string expected = fmt::format("a list of {} numbers", count);
    const auto* array = node->as_array();
    if (array == nullptr || array->size() != count) wrong(name, expected);
    out.clear();
    for (const toml::node& item : *array) {
      std::optional<double> value = item.value_exact<double>();
      if (const auto whole = item.value_exact<std::int64_t>()) value = static_cast<double>(*whole);
      if (!value) wrong(name, expected);
      out.push_back(*value);
    }
  }
  note(name, out);
  return out;
}

std::string Settings::json(const std::string& name) {
  tree_->asked.insert(name);
  const toml::node* node = tree_->find(name);
  if (node == nullptr) return "{}";
  if (!node->is_table()) wrong(name, "a table, { key = value, ... }");
  if (values_.insert_or_assign(name, inline_toml(*node)).second) order_.push_back(name);
  return json_of(*node, 0, name).dump();
}

void Settings::finish() const {
  std::vector<std::string> unknown;
  const auto visit = [&](const auto& self, const toml::table& table, const std::string& prefix,
                         int depth) -> void {
    for (const auto& [key, value] : table) {
      const std::string name = prefix + std::string(key.str());
      if (tree_->asked.contains(name)) continue;
      const bool is_section =
          std::any_of(tree_->asked.begin(), tree_->asked.end(),
                      [&](const std::string& known) { return known.starts_with(name + "."); });
      if (is_section && value.is_table() && depth < kMostDepth) {
        self(self, *value.as_table(), name + ".", depth + 1);
      } else {
        unknown.push_back(name);
      }
    }
  };
  visit(visit, tree_->table, "", 0);
  if (unknown.empty()) return;
  const std::vector<std::string> known(tree_->asked.begin(), tree_->asked.end());
  std::string message;
  for (const std::string& name : std::span(unknown).first(std::min(unknown.size(), kMostNamed))) {
    const std::vector<std::string> near = nearest_names(name, known, 1);
    message += fmt::format("{}{}: '{}': no such setting here{}", message.empty() ? "" : "\n",
                           tree_->place(name), name.substr(0, kMostShown),
                           near.empty() ? "" : fmt::format("; the nearest is '{}'", near[0]));
  }
  if (unknown.size() > kMostNamed) message += fmt::format("\nand {} more", unknown.size() - kMostNamed);
  throw_error(tree_->code(unknown[0]), "{}", fmt::make_format_args(message));
}

std::string Settings::resolved() const {
  std::map<std::string, std::string> sections;  // in the order of their first setting
  std::vector<std::string> names;
  for (const std::string& name : order_) {
    const std::size_t point = name.rfind('.');
    const std::string section = point == std::string::npos ? "" : name.substr(0, point);
    if (!sections.contains(section)) names.push_back(section);
    sections[section] +=
        name.substr(point == std::string::npos ? 0 : point + 1) + " = " + values_.at(name) + "\n";
  }
  std::string out = sections.contains("") ? sections[""] : "";
  for (const std::string& section : names)
    if (!section.empty()) out += (out.empty() ? "[" : "\n[") + section + "]\n" + sections[section];
  return out;
}

}  // namespace lyceum
