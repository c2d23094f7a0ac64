// What a verb takes from the command line: CLI11 behind functions that are compiled once, since its headers
// cost each file that includes them many seconds.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace lyceum::app {

// A handle of an option; its functions return it, so that they can be strung together.
class Option {
 public:
  explicit Option(CLI::Option* option) noexcept : option_(option) {}
  Option required();
  Option show_default();
  Option range(std::int64_t least, std::int64_t most);
  Option one_of(const std::vector<std::string>& values);
  // Several values in one word with this character between them, instead of several words.
  Option separator(char between);
  // One value behind each mention of the option, instead of all words up to the next option.
  Option one_each();
  // The environment variable that stands in where the option is not given.
  Option variable(const std::string& name);
  // `trouble` says what is wrong with a value's text, "" if nothing; `what` names the values that are right.
  Option check(const std::function<std::string(const std::string&)>& trouble, const std::string& what);

 private:
  CLI::Option* option_;
};

// A verb that is being declared. What its options write to must live until the verb has run.
class Verb {
 public:
  Verb(CLI::App& app, const std::string& name, const std::string& what);

  // Names as CLI11 has them: "--output,-o", or "text" for what stands without a name.
  Option option(const std::string& names, std::string& value, const std::string& what);
  Option option(const std::string& names, int& value, const std::string& what);
  Option option(const std::string& names, std::int64_t& value, const std::string& what);
  Option option(const std::string& names, std::uint64_t& value, const std::string& what);
  Option option(const std::string& names, double& value, const std::string& what);
  Option option(const std::string& names, std::vector<std::string>& values, const std::string& what);
  Option option(const std::string& names, std::vector<std::int64_t>& values, const std::string& what);
  Option option(const std::string& names, std::vector<double>& values, const std::string& what);
  void flag(const std::string& names, bool& value, const std::string& what);
  // Stands at the end of the help.
  void example(const std::string& line);
  void run(std::function<void()> work);

 private:
  CLI::App* verb_;
};

}  // namespace lyceum::app
