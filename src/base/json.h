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
  int depth = 64;                                // nesting bombs
  std::uint64_t bytes = std::uint64_t{1} << 26;  // the parsed form takes up to twenty times as much
};

// Throws Errc::kFormat with `what`, the position and the reason: not JSON, nested too deep, a key that stands
// twice.
Json parse_json(std::string_view text, const std::string& what, JsonLimits limits = {});
Json read_json(const std::filesystem::path& path, JsonLimits limits = {});

// An object with its place, so that a wrong field is named: "models/x/config.json: 'hidden_size': found
// "big", expected ...".
class JsonFields {
 public:
  JsonFields(const Json& object, std::string where);

  bool has(const std::string& key) const;  // present and not null
  const Json* find(const std::string& key) const;
  const Json& at(const std::string& key) const;  // Errc::kFormat when missing
  const std::string& where() const { return where_; }

  std::string text(const std::string& key) const;
  std::string text(const std::string& key, std::string fallback) const;
  bool boolean(const std::string& key, bool fallback) const;
  std::int64_t integer(const std::string& key, std::int64_t low, std::int64_t high) const;
  std::int64_t integer(const std::string& key, std::int64_t fallback, std::int64_t low,
                       std::int64_t high) const;
  double number(const std::string& key, double fallback, double low,
                double high) const;  // NaN is never inside
  JsonFields object(const std::string& key) const;
  const Json& array(const std::string& key) const;
  std::vector<std::string> texts(const std::string& key) const;

  [[noreturn]] void wrong(const std::string& key, const std::string& expected) const;

 private:
  const Json* object_;
  std::string where_;
};

}  // namespace lyceum
