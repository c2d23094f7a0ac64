// The patterns that most byte-level tokenizers split with, written out: one pass over the bytes, nothing
// taken back.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace lyceum {

// Radford et al. 2019, encoder.py.
inline constexpr const char* kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

class Scanner {
 public:
  // The scanner for a regular expression, where there is one: GPT-2's; that of cl100k and Llama 3, with runs
  // of at most three digits; Qwen 2's, with single digits.
  static std::optional<Scanner> find(std::string_view pattern);
  static Scanner gpt2() { return Scanner(0); }
  // Where the piece that begins at `at` ends. The text is UTF-8, and at < text.size().
  std::size_t next(std::string_view text, std::size_t at) const noexcept {
    return digits_ == 0 ? next_gpt2(text, at) : next_cl100k(text, at);
  }

 private:
  explicit Scanner(int digits) : digits_(digits) {}
  std::size_t next_gpt2(std::string_view text, std::size_t at) const noexcept;
  std::size_t next_cl100k(std::string_view text, std::size_t at) const noexcept;
  int digits_;  // 0: GPT-2's pattern
};

// Where the first character behind `at` ends, for text that is UTF-8.
std::size_t char_end(std::string_view text, std::size_t at) noexcept;
bool is_digit_at(std::string_view text, std::size_t at) noexcept;  // as the pre-tokenizer Digits sees it

}  // namespace lyceum
