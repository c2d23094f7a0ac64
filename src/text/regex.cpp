#include "text/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/error.h"
#include "base/utf8.h"

namespace lyceum {
namespace {

// O: of the steps that one match may take. JIT code counts otherwise than the interpreter, in both it ends a
// pattern that blows up within a second.
constexpr std::uint32_t kSteps = 1'000'000, kDepth = 100'000;
constexpr std::size_t kPatternBytes = 65536;

[[noreturn]] void refuse(int error, std::string_view pattern) {
  if (error == PCRE2_ERROR_MATCHLIMIT || error == PCRE2_ERROR_DEPTHLIMIT || error == PCRE2_ERROR_HEAPLIMIT ||
      error == PCRE2_ERROR_JIT_STACKLIMIT)
    fail(Errc::kLimit,
         "tokenizer: the pattern '{}' takes too many steps on this text. Fix: a pattern without nested "
         "repeats",
         pattern.substr(0, 200));
  fail(Errc::kInternal, "tokenizer: matching '{}' failed with PCRE2's code {}", pattern.substr(0, 200),
       error);
}

struct Matcher {  // what a thread needs to match with
  pcre2_match_data* data = pcre2_match_data_create(1, nullptr);
  pcre2_match_context* context = pcre2_match_context_create(nullptr);
  pcre2_jit_stack* stack = pcre2_jit_stack_create(32 * 1024, 4 * 1024 * 1024, nullptr);
  Matcher() {
    if (data == nullptr || context == nullptr || stack == nullptr)
      fail(Errc::kLimit, "tokenizer: no memory to match patterns with");
    pcre2_set_match_limit(context, kSteps);
    pcre2_set_depth_limit(context, kDepth);
    pcre2_set_heap_limit(context, 64 * 1024);  // KiB
    pcre2_jit_stack_assign(context, nullptr, stack);
  }
  ~Matcher() {
    pcre2_match_data_free(data);
    pcre2_match_context_free(context);
    pcre2_jit_stack_free(stack);
  }
  Matcher(const Matcher&) = delete;
  Matcher& operator=(const Matcher&) = delete;
};

}  // namespace

struct Regex::Code {
  pcre2_code* code = nullptr;
  ~Code() { pcre2_code_free(code); }
};

Regex::Regex(std::string_view pattern, const std::string& where) : pattern_(pattern) {
  if (pattern.size() > kPatternBytes)
    fail(Errc::kLimit, "{}: found a pattern of {} bytes, expected at most {}", where, pattern.size(),
         kPatternBytes);
  const std::string translated = translate_pattern(pattern, where);
  int error = 0;
  std::size_t at = 0;
  std::unique_ptr<pcre2_compile_context, void (*)(pcre2_compile_context*)> limits(
      pcre2_compile_context_create(nullptr), pcre2_compile_context_free);
  if (limits) pcre2_set_parens_nest_limit(limits.get(), 200);
  auto code = std::make_unique<Code>();
  // Ruby: ^ and $ are the ends of lines
  code->code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(),
                             PCRE2_UTF | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C | PCRE2_NO_UTF_CHECK,
                             &error, &at, limits.get());
  if (code->code == nullptr) {
    char message[256] = {};
    pcre2_get_error_message(error, reinterpret_cast<PCRE2_UCHAR*>(message), sizeof message);
    fail(Errc::kFormat, "{}: the pattern '{}' is no regular expression: {}", where, pattern.substr(0, 200),
         message);
  }
  pcre2_jit_compile(code->code, PCRE2_JIT_COMPLETE);  // without it the interpreter does the work
  code_ = std::move(code);
}

Regex::~Regex() = default;

std::vector<MatchRange> Regex::find_all(std::string_view text) const {
  static thread_local Matcher matcher;
  std::vector<MatchRange> out;
  if (text.empty()) return out;
  std::size_t from = 0, done = 0, last_end = text.size() + 1;
  while (from <= text.size()) {
    const int found = pcre2_match(code_->code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), from,
                                  PCRE2_NO_UTF_CHECK, matcher.data, matcher.context);
    if (found == PCRE2_ERROR_NOMATCH) break;
    if (found < 0) refuse(found, pattern_);
    const PCRE2_SIZE* range = pcre2_get_ovector_pointer(matcher.data);
    const std::size_t begin = range[0], end = range[1];
    if (begin > end || begin < done)
      fail(Errc::kUnsupported, "tokenizer: the pattern '{}' matches backwards", pattern_.substr(0, 200));
    if (begin == end && last_end == end) {
      if (from >= text.size()) break;
      from += static_cast<std::size_t>(decode_utf8(text.substr(from)).bytes);
      continue;
    }
    from = last_end = end;
    if (begin > done) out.push_back({done, begin, false});
    out.push_back({begin, end, true});
    done = end;
  }
  if (done < text.size()) out.push_back({done, text.size(), false});
  return out;
}

}  // namespace lyceum
