#include "text/text_pattern.h"

namespace lyceum {

std::vector<MatchRange> TextPattern::find_all(std::string_view text) const {
  if (regex_) return regex_->find_all(text);
  std::vector<MatchRange> out;
  std::size_t done = 0;
  for (std::size_t at = text_.empty() ? text.npos : text.find(text_); at != text.npos;
       at = text.find(text_, done)) {
    if (at > done) out.push_back({done, at, false});
    done = at + text_.size();
    out.push_back({at, done, true});
  }
  if (done < text.size()) out.push_back({done, text.size(), false});
  return out;
}

std::vector<MatchRange> TextPattern::find_all(const Characters& text) const {
  const FlatText flat(text);
  std::vector<MatchRange> out = find_all(std::string_view(flat.bytes));
  const auto char_at = [&](std::size_t byte) {
    return byte < flat.char_of.size() ? flat.char_of[byte] : text.size();
  };
  for (MatchRange& range : out) range.begin = char_at(range.begin), range.end = char_at(range.end);
  return out;
}

}  // namespace lyceum
