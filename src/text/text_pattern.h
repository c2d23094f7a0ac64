// What Replace and Split look for: a string or a regular expression.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/characters.h"
#include "text/regex.h"

namespace lyceum {

class TextPattern {
 public:
  static TextPattern literal(std::string text) { return TextPattern(std::move(text), nullptr); }
  static TextPattern regex(const std::string& pattern, const std::string& where) {
    return TextPattern(pattern, std::make_shared<const Regex>(pattern, where));
  }
  // The whole text as matches and what lies between them. A literal that is empty matches nothing.
  std::vector<MatchRange> find_all(std::string_view text) const;
  std::vector<MatchRange> find_all(const Characters& text) const;  // ranges of characters
  bool is_regex() const noexcept { return regex_ != nullptr; }
  const std::string& text() const noexcept { return text_; }

 private:
  TextPattern(std::string text, std::shared_ptr<const Regex> regex)
      : text_(std::move(text)), regex_(std::move(regex)) {}
  std::string text_;
  std::shared_ptr<const Regex> regex_;
};

}  // namespace lyceum
