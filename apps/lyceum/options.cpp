#include "apps/lyceum/options.h"

#include <CLI/CLI.hpp>

namespace lyceum::app {

Option Option::required() {
  option_->required();
  return *this;
}

Option Option::show_default() {
  option_->capture_default_str();
  return *this;
}

Option Option::range(std::int64_t least, std::int64_t most) {
  option_->check(CLI::Range(least, most));
  return *this;
}

Option Option::one_of(const std::vector<std::string>& values) {
  option_->check(CLI::IsMember(values));
  return *this;
}

Option Option::separator(char between) {
  option_->delimiter(between)->allow_extra_args(false);
  return *this;
}

Option Option::one_each() {
  option_->allow_extra_args(false);
  return *this;
}

Option Option::variable(const std::string& name) {
  option_->envname(name);
  return *this;
}

Option Option::check(const std::function<std::string(const std::string&)>& trouble, const std::string& what) {
  option_->check(CLI::Validator([trouble](std::string& text) { return trouble(text); }, what));
  return *this;
}

Verb::Verb(CLI::App& app, const std::string& name, const std::string& what)
    : verb_(app.add_subcommand(name, what)) {}

Option Verb::option(const std::string& names, std::string& value, const std::string& what) {
  return Option(verb_->add_option(names, value, what));
}

Option Verb::option(const std::string& names, int& value, const std::string& what) {
  return Option(verb_->add_option(names, value, what));
}

Option Verb::option(const std::string& names, std::int64_t& value, const std::string& what) {
  return Option(verb_->add_option(names, value, what));
}

Option Verb::option(const std::string& names, std::uint64_t& value, const std::string& what) {
  return Option(verb_->add_option(names, value, what));
}

Option Verb::option(const std::string& names, double& value, const std::string& what) {
  return Option(verb_->add_option(names, value, what));
}

Option Verb::option(const std::string& names, std::vector<std::string>& values, const std::string& what) {
  return Option(verb_->add_option(names, values, what));
}

Option Verb::option(const std::string& names, std::vector<std::int64_t>& values, const std::string& what) {
  return Option(verb_->add_option(names, values, what));
}

Option Verb::option(const std::string& names, std::vector<double>& values, const std::string& what) {
  return Option(verb_->add_option(names, values, what));
}

void Verb::flag(const std::string& names, bool& value, const std::string& what) {
  verb_->add_flag(names, value, what);
}

void Verb::example(const std::string& line) { verb_->footer("Example:\n  " + line); }

void Verb::run(std::function<void()> work) { verb_->callback(std::move(work)); }

}  // namespace lyceum::app
