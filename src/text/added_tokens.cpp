#include "text/added_tokens.h"

#include <algorithm>
#include <utility>

#include "base/utf8.h"

namespace lyceum {
namespace {}  // namespace

AddedTokens::AddedTokens(const std::vector<AddedToken>& tokens, bool normalized,
                         const Normalizer* normalizer) {
  for (const AddedToken& token : tokens) {
    if (token.normalized != normalized) continue;
    Characters content = to_characters(token.content);
    if (normalized && normalizer != nullptr) normalizer->apply(content);
    if (content.empty()) continue;
    std::string text;
    for (const unicode::Char& c : content) {
      append_utf8(text, c.code);
      holds_replacement_ = holds_replacement_ || c.code == 0xFFFD;
    }
    by_first_byte_[static_cast<unsigned char>(text[0])].push_back(static_cast<std::uint32_t>(texts_.size()));
    texts_.push_back(std::move(text));
    tokens_.push_back({std::move(content), token});
  }
  std::stable_sort(tokens_.begin(), tokens_.end(), [](const Entry& a, const Entry& b) {
    if (a.content[0].code != b.content[0].code) return a.content[0].code < b.content[0].code;
    return a.content.size() > b.content.size();
  });
}

bool AddedTokens::may_occur(std::string_view text) const noexcept {
  if (tokens_.empty() || holds_replacement_) return holds_replacement_;
  for (std::size_t i = 0; i < text.size(); ++i)
    for (const std::uint32_t token : by_first_byte_[static_cast<unsigned char>(text[i])])
      if (text.substr(i).starts_with(texts_[token])) return true;
  return false;
}

std::vector<AddedTokens::Part> AddedTokens::cut(const Characters& text, bool parse_special) const {
  std::vector<Part> parts;
  std::size_t done = 0;  // everything before it stands in parts
  for (std::size_t at = 0; at < text.size();) {
    auto it = std::lower_bound(tokens_.begin(), tokens_.end(), text[at].code,
                               [](const Entry& e, char32_t c) { return e.content[0].code < c; });
    const Entry* found = nullptr;
    for (; it != tokens_.end() && it->content[0].code == text[at].code && found == nullptr; ++it) {
      if (at + it->content.size() > text.size()) continue;
      const bool equal =
          std::equal(it->content.begin(), it->content.end(), text.begin() + static_cast<std::ptrdiff_t>(at),
                     [](const auto& a, const auto& b) { return a.code == b.code; });
      if (equal) found = &*it;
    }
    if (found == nullptr) {
      ++at;
      continue;
    }
    std::size_t begin = at, end = at + found->content.size();
    at = end;
    const AddedToken& token = found->token;
    if (token.special && !parse_special) continue;
    if (token.single_word && ((begin > 0 && unicode::has(text[begin - 1].code, unicode::kWord)) ||
                              (end < text.size() && unicode::has(text[end].code, unicode::kWord))))
      continue;
    if (token.lstrip)
      while (begin > done && unicode::has(text[begin - 1].code, unicode::kSpace)) --begin;
    if (token.rstrip)
      while (end < text.size() && unicode::has(text[end].code, unicode::kSpace)) ++end;
    if (begin < done) continue;  // the last token's white space reached into this one
    if (begin > done) parts.push_back({done, begin, nullptr});
    parts.push_back({begin, end, &token});
    done = end;
    at = std::max(at, done);
  }
  if (done < text.size()) parts.push_back({done, text.size(), nullptr});
  return parts;
}

}  // namespace lyceum
