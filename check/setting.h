// The environment as a test wants it, and as it was afterwards.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <optional>
#include <string>

namespace lyceum::check {

class Setting {
 public:
  Setting(const char* name, const std::filesystem::path& value) : name_(name) {
    if (const char* before = ::getenv(name)) before_ = before;
    ::setenv(name, value.c_str(), 1);
  }
  ~Setting() { before_ ? ::setenv(name_, before_->c_str(), 1) : ::unsetenv(name_); }
  Setting(const Setting&) = delete;
  Setting& operator=(const Setting&) = delete;

 private:
  const char* name_;
  std::optional<std::string> before_;
};

}  // namespace lyceum::check
