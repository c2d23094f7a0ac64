// JSON from outside, read with limits, and fields that explain themselves when they are wrong.
// Heavy (nlohmann/json): include it in .cpp files only.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace lyceum {

using Json = nlohmann::json;

struct JsonLimits {
  int depth = 64;                            // nesting bombs
  std::uint64_t bytes = std::uint64_t{1} << 28;
};

// Throws Errc::kFormat with `what`, the position and the reason: not JSON, nested too deep, a key that stands twice.
Json parse_json(std::string_view text, const std::string& what, JsonLimits limits = {});
Json read_json(const std::filesystem::path& path, JsonLimits limits = {});

// An object with its place, so that a wrong field is named: "models/x/config.json: 'hidden_size': found "big", expected ...".
class JsonFields {
 public:
  JsonFields(const Json& object, std::string where);

  bool has(const char* key) const;  // present and not null
  const Json* find(const char* key) const;
  const Json& at(const char* key) const;  // Errc::kFormat when missing
  const std::string& where() const { return where_; }

  std::string text(const char* key) const;
  std::string text(const char* key, std::string fallback) const;
  bool boolean(const char* key, bool fallback) const;
  std::int64_t integer(const char* key, std::int64_t low, std::int64_t high) const;
  std::int64_t integer(const char* key, std::int64_t fallback, std::int64_t low, std::int64_t high) const;
  double number(const char* key, double fallback, double low, double high) const;  // NaN is never inside
  JsonFields object(const char* key) const;
  const Json& array(const char* key) const;
  std::vector<std::string> texts(const char* key) const;

  [[noreturn]] void wrong(const char* key, const std::string& expected) const;

 private:
  const Json* object_;
  std::string where_;
};

}  // namespace lyceum
