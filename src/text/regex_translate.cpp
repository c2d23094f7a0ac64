// Oniguruma's dialect in PCRE2's words. Every class becomes the list of its characters as the reference knows
// them, since PCRE2 may know another version of Unicode.
#include <algorithm>
#include <bitset>
#include <functional>
#include <map>
#include <mutex>
#include <optional>

#include "base/error.h"
#include "base/utf8.h"
#include "text/regex.h"
#include "text/unicode/unicode.h"

namespace lyceum {
namespace {

using Set = std::vector<std::pair<char32_t, char32_t>>;  // ranges, ascending, apart
constexpr char32_t kLast = 0x10FFFF;

Set tidy(Set set) {
  std::sort(set.begin(), set.end());
  Set out;
  for (const auto& [low, high] : set) {
    if (!out.empty() && low <= out.back().second + 1)
      out.back().second = std::max(out.back().second, high);
    else
      out.emplace_back(low, high);
  }
  return out;
}

Set inverted(const Set& set) {
  Set out;
  char32_t next = 0;
  for (const auto& [low, high] : set) {
    if (low > next) out.emplace_back(next, low - 1);
    next = high + 1;
  }
  if (next <= kLast) out.emplace_back(next, kLast);
  return out;
}

Set common(const Set& a, const Set& b) {
  Set either = inverted(a);
  const Set not_b = inverted(b);
  either.insert(either.end(), not_b.begin(), not_b.end());
  return inverted(tidy(std::move(either)));
}

template <class Is>
Set collect(Is is) {
  Set out;
  for (char32_t c = 0; c <= kLast; ++c) {
    if (c >= 0xD800 && c < 0xE000) continue;
    if (!is(c)) continue;
    if (!out.empty() && out.back().second + 1 == c)
      out.back().second = c;
    else
      out.emplace_back(c, c);
  }
  return out;
}

constexpr const char* kCategories[] = {"Cn", "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd",
                                       "Nl", "No", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Sm",
                                       "Sc", "Sk", "So", "Zs", "Zl", "Zp", "Cc", "Cf", "Co", "Cs"};
constexpr std::pair<const char*, const char*> kLongNames[] = {{"letter", "L"},
                                                              {"uppercaseletter", "Lu"},
                                                              {"lowercaseletter", "Ll"},
                                                              {"titlecaseletter", "Lt"},
                                                              {"modifierletter", "Lm"},
                                                              {"otherletter", "Lo"},
                                                              {"mark", "M"},
                                                              {"nonspacingmark", "Mn"},
                                                              {"spacingmark", "Mc"},
                                                              {"enclosingmark", "Me"},
                                                              {"number", "N"},
                                                              {"decimalnumber", "Nd"},
                                                              {"letternumber", "Nl"},
                                                              {"othernumber", "No"},
                                                              {"punctuation", "P"},
                                                              {"punct", "P"},
                                                              {"symbol", "S"},
                                                              {"separator", "Z"},
                                                              {"other", "C"},
                                                              {"control", "Cc"},
                                                              {"format", "Cf"},
                                                              {"mathsymbol", "Sm"},
                                                              {"currencysymbol", "Sc"},
                                                              {"modifiersymbol", "Sk"},
                                                              {"othersymbol", "So"},
                                                              {"spaceseparator", "Zs"},
                                                              {"lineseparator", "Zl"},
                                                              {"dashpunctuation", "Pd"},
                                                              {"openpunctuation", "Ps"},
                                                              {"closepunctuation", "Pe"},
                                                              {"otherpunctuation", "Po"}};

// The characters of a named class, or nothing for a name that is not known here.
std::optional<Set> named(std::string name) {
  std::string plain;
  for (const char c : name)
    if (c != ' ' && c != '_' && c != '-') plain += static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  static std::mutex mutex;
  static std::map<std::string, Set> known;
  const std::lock_guard lock(mutex);
  if (const auto it = known.find(plain); it != known.end()) return it->second;
  const auto has = [](unicode::ClassBit bit) {
    return [bit](char32_t c) { return (unicode::class_of(c) & bit) != 0; };
  };
  const auto flagged = [](unicode::Flag flag) {
    return [flag](char32_t c) { return (unicode::flags(c) & flag) != 0; };
  };
  const auto is_digit = [](char32_t c) { return unicode::category(c) == unicode::Category::kNd; };
  std::function<bool(char32_t)> is;
  if (plain == "space") is = flagged(unicode::kSpace);
  // R: two characters fewer than a word has elsewhere; \w alone takes some of Latin-1 in beside them
  const auto is_word = [](char32_t c) {
    return (unicode::flags(c) & unicode::kWord) && c != 0x200C && c != 0x200D;
  };
  if (plain == "word") is = is_word;
  if (plain == "\\w")
    is = [is_word](char32_t c) {
      return is_word(c) || c == 0xB2 || c == 0xB3 || c == 0xB9 || (c >= 0xBC && c <= 0xBE);
    };
  if (plain == "[:punct:]")  // R: as a class in brackets with symbols, as a property without
    is = [](char32_t c) {
      const unicode::Category k = unicode::category(c);
      return k >= unicode::Category::kPc && k <= unicode::Category::kSo;
    };
  if (plain == "digit") is = is_digit;
  if (plain == "alpha" || plain == "alphabetic") is = has(unicode::kAlphabetic);
  if (plain == "lower" || plain == "lowercase") is = has(unicode::kLowercase);
  if (plain == "upper" || plain == "uppercase") is = has(unicode::kUppercase);
  if (plain == "alnum")
    is = [is_digit](char32_t c) { return (unicode::class_of(c) & unicode::kAlphabetic) || is_digit(c); };
  if (plain == "ascii") is = [](char32_t c) { return c < 0x80; };
  if (plain == "any") is = [](char32_t) { return true; };
  if (plain == "blank")
    is = [](char32_t c) { return c == '\t' || unicode::category(c) == unicode::Category::kZs; };
  if (plain == "cntrl") is = [](char32_t c) { return unicode::category(c) == unicode::Category::kCc; };
  if (plain == "xdigit")
    is = [](char32_t c) {
      return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    };
  for (const auto& [longer, shorter] : kLongNames)
    if (plain == longer) plain = shorter;
  if (!is && !plain.empty() && plain.size() <= 2) {
    const char major = static_cast<char>(plain[0] >= 'a' ? plain[0] - 32 : plain[0]);
    std::bitset<32> wanted;
    for (std::size_t i = 0; i < std::size(kCategories); ++i)
      wanted[i] = kCategories[i][0] == major &&
                  (plain.size() == 1 || kCategories[i][1] == (plain[1] < 'a' ? plain[1] + 32 : plain[1]));
    if (wanted.any())
      is = [wanted](char32_t c) { return wanted[static_cast<std::size_t>(unicode::category(c))]; };
  }
  if (!is) return std::nullopt;
  return known.emplace(std::move(plain), collect(is)).first->second;
}

std::string written(const Set& set) {
  std::string out = "[";
  for (const auto& [low, high] : set) {
    out += fmt::format("\\x{{{:x}}}", static_cast<std::uint32_t>(low));
    if (high > low) out += fmt::format("-\\x{{{:x}}}", static_cast<std::uint32_t>(high));
  }
  return set.empty() ? "(*FAIL)" : out + "]";
}

class Translator {
 public:
  Translator(std::string_view pattern, const std::string& where) : text_(pattern), where_(where) {}

  std::string run() {
    while (at_ < text_.size()) step();
    return std::move(out_);
  }

 private:
  [[noreturn]] void unsupported(std::string_view found) const {
    fail(Errc::kUnsupported, "{}: the pattern '{}': found '{}', which this build does not translate", where_,
         text_.substr(0, 200), found);
  }
  [[noreturn]] void wrong(const char* why) const {
    fail(Errc::kFormat, "{}: the pattern '{}' is no regular expression: {}", where_, text_.substr(0, 200),
         why);
  }
  bool next_is(std::string_view what) const { return text_.substr(at_).starts_with(what); }

  void step() {
    const char c = text_[at_];
    if (c == '\\') return put_escape();
    if (c == '[') return put(parse_class(0));
    if (c == '(' && next_is("(?")) return put_group();
    if (c == '(' && next_is("(*")) unsupported("(*");
    if (c == '{') return put_interval();
    if (c == '$') {  // Ruby's end of a line is before a line feed or at the very end
      out_ += "(?=\\n|\\z)";
      ++at_;
      return;
    }
    out_ += c;
    ++at_;
  }

  void put(const Set& set) { out_ += written(set); }

  // {n,m}: a range; {n,m}+ repeats it (it is not possessive as in PCRE2); anything else is text
  void put_interval() {
    std::size_t i = at_ + 1;
    std::string low, high;
    bool comma = false;
    for (; i < text_.size() && text_[i] != '}'; ++i) {
      if (text_[i] == ',' && !comma)
        comma = true;
      else if (text_[i] >= '0' && text_[i] <= '9')
        (comma ? high : low) += text_[i];
      else
        break;
    }
    if (i >= text_.size() || text_[i] != '}' || (low.empty() && high.empty())) {
      out_ += "\\{";
      ++at_;
      return;
    }
    if (i + 1 < text_.size() && text_[i + 1] == '+') unsupported("}+");
    out_ += "{" + (low.empty() ? "0" : low) + (comma ? "," + high : "") + "}";
    at_ = i + 1;
  }

  void put_group() {
    static constexpr std::string_view kSame[] = {"(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>"};
    for (const std::string_view same : kSame)
      if (next_is(same)) {
        out_ += same;
        at_ += same.size();
        return;
      }
    if (next_is("(?#")) {
      const std::size_t end = text_.find(')', at_);
      if (end == std::string_view::npos) wrong("a comment without end");
      at_ = end + 1;
      return;
    }
    if (next_is("(?<")) {  // a name
      const std::size_t end = text_.find('>', at_);
      if (end == std::string_view::npos) wrong("a name without end");
      out_ += text_.substr(at_, end + 1 - at_);
      at_ = end + 1;
      return;
    }
    // options: Ruby's m is PCRE2's s
    std::size_t i = at_ + 2;
    std::string options;
    for (; i < text_.size() && text_[i] != ')' && text_[i] != ':'; ++i) {
      const char c = text_[i];
      if (c == 'm')
        options += 's';
      else if (c == 'i' || c == '-')
        options += c;
      else
        unsupported(text_.substr(at_, i + 1 - at_));
    }
    if (i >= text_.size()) wrong("a group without end");
    if (text_[i] == ')') unsupported(text_.substr(at_, i + 1 - at_));  // it reaches across alternatives there
    out_ += "(?" + options + ":";
    at_ = i + 1;
  }

  // \p{...}, \s, ... : the characters, or nothing when the escape at at_ is none of these
  std::optional<Set> class_escape() {
    if (at_ + 1 >= text_.size()) wrong("it ends in a backslash");
    const char c = text_[at_ + 1];
    static constexpr std::pair<char, const char*> kShort[] = {
        {'s', "space"}, {'d', "digit"}, {'w', "\\w"}, {'h', "xdigit"}};
    for (const auto& [letter, name] : kShort)
      if (c == letter || c == letter - 32) {
        at_ += 2;
        return c == letter ? *named(name) : inverted(*named(name));
      }
    if (c != 'p' && c != 'P') return std::nullopt;
    if (at_ + 2 >= text_.size() || text_[at_ + 2] != '{') unsupported(text_.substr(at_, 2));
    const std::size_t end = text_.find('}', at_);
    if (end == std::string_view::npos) wrong("a property without end");
    std::string name(text_.substr(at_ + 3, end - at_ - 3));
    bool negative = c == 'P';
    if (!name.empty() && name[0] == '^') negative = !negative, name.erase(0, 1);
    auto set = named(name);
    if (!set) set = script_set(name);
    if (!set) unsupported(text_.substr(at_, end + 1 - at_));
    at_ = end + 1;
    return negative ? inverted(*set) : *set;
  }

  // Scripts that patterns of tokenizers name, by a character of theirs.
  static std::optional<Set> script_set(const std::string& name) {
    static constexpr std::pair<const char*, char32_t> kScripts[] = {
        {"Latin", 'a'},      {"Greek", 0x3B1},    {"Cyrillic", 0x431}, {"Hebrew", 0x5D0},
        {"Arabic", 0x627},   {"Thai", 0xE01},     {"Hangul", 0xAC00},  {"Devanagari", 0x905},
        {"Armenian", 0x561}, {"Georgian", 0x10D0}};
    for (const auto& [known, example] : kScripts)
      if (name == known)
        return collect(
            [number = unicode::script(example)](char32_t c) { return unicode::script(c) == number; });
    return std::nullopt;
  }

  // A character written as \n, \x41, \u0041, \. and so on; nothing for other escapes.
  std::optional<char32_t> char_escape() {
    const char c = text_[at_ + 1];
    static constexpr std::pair<char, char> kControls[] = {{'n', '\n'}, {'r', '\r'}, {'t', '\t'},  {'f', '\f'},
                                                          {'v', '\v'}, {'a', '\a'}, {'e', '\x1B'}};
    for (const auto& [letter, value] : kControls)
      if (c == letter) {
        at_ += 2;
        return static_cast<char32_t>(value);
      }
    if (c == 'x' || c == 'u') {
      std::size_t i = at_ + 2, most = c == 'u' ? 4 : 2;
      const bool braces = c == 'x' && i < text_.size() && text_[i] == '{';
      if (braces) ++i, most = 8;
      char32_t value = 0;
      std::size_t digits = 0;
      for (; i < text_.size() && digits < most; ++i, ++digits) {
        const char d = text_[i];
        const int v = d >= '0' && d <= '9'   ? d - '0'
                      : d >= 'a' && d <= 'f' ? d - 'a' + 10
                      : d >= 'A' && d <= 'F' ? d - 'A' + 10
                                             : -1;
        if (v < 0) break;
        value = value * 16 + static_cast<char32_t>(v);
      }
      if (digits == 0 || value > kLast || (value >= 0xD800 && value < 0xE000) || (c == 'u' && digits != 4))
        wrong("a character that does not exist");
      if (braces) {
        if (i >= text_.size() || text_[i] != '}') wrong("a character without end");
        ++i;
      }
      at_ = i;
      return value;
    }
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (letter) return std::nullopt;
    const Utf8Char escaped = decode_utf8(text_.substr(at_ + 1));
    at_ += 1 + static_cast<std::size_t>(escaped.bytes);
    return escaped.code;
  }

  void put_escape() {
    if (auto set = class_escape()) return put(*set);
    if (const auto c = char_escape()) return put({{*c, *c}});
    const char c = text_[at_ + 1];
    if (c == 'k') {  // a group by its name
      const std::size_t end = text_.find('>', at_);
      if (end == std::string_view::npos || text_.substr(at_ + 2, 1) != "<") unsupported(text_.substr(at_, 2));
      out_ += text_.substr(at_, end + 1 - at_);
      at_ = end + 1;
      return;
    }
    const std::string word = written(*named("\\w"));
    if (c == 'b' || c == 'B') {
      const std::string yes = "(?<=" + word + ")", no = "(?<!" + word + ")", yes2 = "(?=" + word + ")",
                        no2 = "(?!" + word + ")";
      out_ +=
          c == 'b' ? "(?:" + yes + no2 + "|" + no + yes2 + ")" : "(?:" + yes + yes2 + "|" + no + no2 + ")";
    } else if (c == 'A' || c == 'z' || c == 'Z' || c == 'G') {
      out_ += text_.substr(at_, 2);
    } else if (c == 'R') {
      out_ += "(?>\\r\\n|[\\n-\\r\\x{85}\\x{2028}\\x{2029}])";
    } else if (c == 'N') {
      out_ += "[^\\n]";
    } else if (c == 'O') {
      out_ += "(?s:.)";
    } else if (c >= '1' && c <= '9' &&
               (at_ + 2 >= text_.size() || text_[at_ + 2] < '0' || text_[at_ + 2] > '9')) {
      out_ += fmt::format("\\g{{{}}}", c);
    } else {
      unsupported(text_.substr(at_, 2));
    }
    at_ += 2;
  }

  // [...] with classes inside classes and &&
  Set parse_class(int depth) {
    if (depth > 20) unsupported("[[[[");
    ++at_;
    const bool negative = at_ < text_.size() && text_[at_] == '^';
    if (negative) ++at_;
    Set now;
    std::optional<Set> before;  // what && joins with
    bool first = true;
    for (;; first = false) {
      if (at_ >= text_.size()) wrong("a class without end");
      if (text_[at_] == ']' && !first) break;
      if (next_is("&&")) {
        before = before ? common(*before, tidy(now)) : tidy(now);
        now.clear();
        at_ += 2;
        continue;
      }
      if (next_is("[:")) {
        const std::size_t end = text_.find(":]", at_);
        if (end == std::string_view::npos) unsupported("[:");
        std::string name(text_.substr(at_ + 2, end - at_ - 2));
        const bool outside = !name.empty() && name[0] == '^';
        if (outside) name.erase(0, 1);
        auto set = named(name == "punct" ? "[:punct:]" : name);
        if (!set || name.size() < 3) unsupported(text_.substr(at_, end + 2 - at_));
        if (outside) set = inverted(*set);
        now.insert(now.end(), set->begin(), set->end());
        at_ = end + 2;
        continue;
      }
      if (text_[at_] == '[') {
        const Set inner = parse_class(depth + 1);
        now.insert(now.end(), inner.begin(), inner.end());
        continue;
      }
      if (text_[at_] == '\\')
        if (auto set = class_escape()) {
          now.insert(now.end(), set->begin(), set->end());
          continue;
        }
      const char32_t low = class_char();
      char32_t high = low;
      if (at_ + 1 < text_.size() && text_[at_] == '-' && text_[at_ + 1] != ']' && text_[at_ + 1] != '[' &&
          !next_is("-&&")) {
        const std::size_t dash = at_++;
        if (text_[at_] == '\\' && class_escape()) {  // [a-\w]: the dash is text
          at_ = dash;
        } else {
          high = class_char();
          if (high < low) wrong("a range that runs backwards");
        }
      }
      now.emplace_back(low, high);
    }
    ++at_;
    Set all = tidy(std::move(now));
    if (before) all = common(*before, all);
    return negative ? inverted(all) : all;
  }

  char32_t class_char() {
    if (text_[at_] == '\\') {
      if (at_ + 1 >= text_.size()) wrong("it ends in a backslash");
      if (text_[at_ + 1] == 'b') return at_ += 2, U'\b';
      if (text_[at_ + 1] == '0') return at_ += 2, U'\0';
      if (const auto c = char_escape()) return *c;
      unsupported(text_.substr(at_, 2));
    }
    const Utf8Char c = decode_utf8(text_.substr(at_));
    at_ += static_cast<std::size_t>(c.bytes);
    return c.code;
  }

  std::string_view text_;
  const std::string& where_;
  std::size_t at_ = 0;
  std::string out_;
};

}  // namespace

std::string translate_pattern(std::string_view pattern, const std::string& where) {
  return Translator(pattern, where).run();
}

}  // namespace lyceum
