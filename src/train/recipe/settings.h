// A recipe's file as named settings: each is asked for once, with its range and its default; what nobody
// asked for is an error.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace lyceum {

// Settings have names with points: "train.learning_rate". Errors name the setting, the line of the file or
// the argument, what was found and what was expected: Errc::kFormat for the file, Errc::kUsage for an
// argument.
class Settings {
 public:
  // A TOML file, then arguments "section.key=value" that take the place of what it says: the value is TOML,
  // or the text as it stands where it is none. Throws Errc::kIo, Errc::kFormat with line and column for what
  // is no TOML.
  Settings(const std::filesystem::path& path, std::span<const std::string> arguments);
  // The same of a text; `where` names it.
  Settings(const std::string& toml, const std::string& where, std::span<const std::string> arguments);
  ~Settings();
  Settings(const Settings&) = delete;
  Settings& operator=(const Settings&) = delete;

  bool has(const std::string& name) const;       // there, of any kind; does not count as asked for
  bool is_table(const std::string& name) const;  // "tokenizer = { ... }"
  std::string text(const std::string& name, const std::string& fallback);
  std::optional<std::string> optional_text(const std::string& name);
  std::string required_text(const std::string& name);
  // A text, one of these; a wrong one is told the nearest.
  std::string choice(const std::string& name, const std::string& fallback,
                     std::span<const std::string> known);
  std::int64_t integer(const std::string& name, std::int64_t fallback, std::int64_t low, std::int64_t high);
  std::optional<std::int64_t> optional_integer(const std::string& name, std::int64_t low, std::int64_t high);
  double number(const std::string& name, double fallback, double low, double high);  // NaN is never inside
  std::optional<double> optional_number(const std::string& name, double low, double high);
  bool boolean(const std::string& name, bool fallback);
  // A list of texts, or one text.
  std::vector<std::string> texts(const std::string& name, std::vector<std::string> fallback = {});
  std::vector<std::int64_t> integers(const std::string& name, std::int64_t low, std::int64_t high);
  std::vector<double> numbers(const std::string& name, std::vector<double> fallback, std::size_t count);
  std::string json(const std::string& name);  // a table of anything, as JSON text; "{}" if absent

  // Throws for one that has been asked for: "LINE: 'name': found ..., expected ...".
  [[noreturn]] void wrong(const std::string& name, const std::string& expected) const;
  // The same where two settings do not go together: "..., <why>".
  [[noreturn]] void conflict(const std::string& name, const std::string& why) const;
  // Throws for settings that nobody asked for, all of them, each with the nearest name.
  void finish() const;

  // Every setting that was asked for with the value that counts, as a TOML file, in the order of the
  // questions.
  std::string resolved() const;
  // NAME -> the value that counts, as TOML text: what a resumed run compares.
  const std::map<std::string, std::string>& values() const noexcept { return values_; }

 private:
  struct Tree;
  std::string slip(
      const std::string& name) const;  // what stands there instead of it by a slip, as a sentence
  template <class T>
  void note(const std::string& name, const T& value);
  std::unique_ptr<Tree> tree_;
  std::vector<std::string> order_;
  std::map<std::string, std::string> values_;
};

}  // namespace lyceum
