// Texts of callers, whose bytes may be anything.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/utf8.h"

namespace lyceum {

// Copies in which U+FFFD stands for what is not UTF-8.
inline std::vector<std::string> valid_texts(std::span<const std::string> texts) {
  std::vector<std::string> valid(texts.begin(), texts.end());
  for (std::string& text : valid) repair_utf8(text);
  return valid;
}

}  // namespace lyceum
