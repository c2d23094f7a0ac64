#include "tasks/search/chunker.h"

#include <algorithm>

#include "base/error.h"

namespace lyceum {
namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v'; }

struct Sentence {
  std::size_t begin, end;  // with the white space that follows
  bool heading;            // begins a section
};

// Sentences end behind . ! ? (and closing quotes) before white space and something that is not a small
// letter, at empty lines, and at the end of headings and list items of Markdown.
std::vector<Sentence> sentences_of(std::string_view text) {
  std::vector<Sentence> out;
  std::size_t begin = 0;
  bool heading = false;
  const auto line_starts_block = [&](std::size_t at) {  // a heading, a list item, an empty line
    if (at >= text.size()) return true;
    const char c = text[at];
    if (c == '#' || c == '\n' || c == '\r' || c == '|' || c == '>') return true;
    return (c == '-' || c == '*' || c == '+') && at + 1 < text.size() && text[at + 1] == ' ';
  };
  const auto close = [&](std::size_t end) {
    while (end < text.size() && is_space(text[end])) ++end;
    if (end > begin) out.push_back({begin, end, heading});
    begin = end;
    heading = begin < text.size() && text[begin] == '#' && (begin == 0 || text[begin - 1] == '\n');
  };
  heading = !text.empty() && text[0] == '#';
  for (std::size_t i = 0; i < text.size();) {
    const char c = text[i];
    if (c == '\n' && (heading || line_starts_block(i + 1))) {
      close(i + 1);
      i = std::max(begin, i + 1);
      continue;
    }
    if (c == '.' || c == '!' || c == '?') {
      std::size_t end = i + 1;
      while (end < text.size() &&
             (text[end] == '"' || text[end] == '\'' || text[end] == ')' || text[end] == '.'))
        ++end;
      if (end < text.size() && is_space(text[end])) {
        std::size_t next = end;
        while (next < text.size() && is_space(text[next])) ++next;
        const bool goes_on = next < text.size() && text[next] >= 'a' && text[next] <= 'z';
        // one letter before the point: an initial or an abbreviation such as "e.g."
        const bool initial = c == '.' && i >= 1 && (i < 2 || is_space(text[i - 2]) || text[i - 2] == '.') &&
                             !(text[i - 1] >= '0' && text[i - 1] <= '9');
        if (!goes_on && !initial) {
          close(end);
          i = std::max(begin, end);
          continue;
        }
      }
      i = end;
      continue;
    }
    ++i;
  }
  close(text.size());
  return out;
}

struct Unit {
  std::size_t begin, end;
  std::int64_t tokens;
  bool heading;
};

constexpr EncodeOptions kCounting{.add_special = false, .with_offsets = true, .parse_special = false};

// A sentence of more than `most` tokens: cut before a word, where one begins in the later half of a piece,
// else between two tokens (never inside a character). Each piece is read anew, since the rest of a cut word
// may have other tokens; a window of the text is enough for that, or a line of megabytes would be read again
// for every piece.
void cut(std::string_view text, Sentence s, const Tokenizer& tokenizer, std::int64_t most,
         std::vector<Unit>& units) {
  const auto limit = static_cast<std::size_t>(most);
  for (std::size_t window = 16 * limit; s.begin < s.end;) {
    std::size_t end = std::min(s.end, s.begin + window);
    while (end < s.end && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) ++end;
    const Encoding e = tokenizer.encode(text.substr(s.begin, end - s.begin), kCounting);
    const std::size_t tokens = e.offsets.size();
    if (tokens <= limit && end == s.end) {
      units.push_back({s.begin, s.end, static_cast<std::int64_t>(tokens), s.heading});
      return;
    }
    std::size_t at = 0;  // tokens in this piece
    for (std::size_t i = std::min(limit, tokens - (tokens > 0)); i > limit / 2 && at == 0; --i)
      if (is_space(text[s.begin + e.offsets[i].begin - 1])) at = i;
    for (std::size_t i = std::min(limit, tokens - (tokens > 0)); i > 0 && at == 0; --i)
      if (e.offsets[i].begin >= e.offsets[i - 1].end) at = i;
    // the window's last tokens may be those of half a word, and a word without a known piece is one token of
    // any length
    if (tokens <= limit + 1 || at == 0) {
      if (end < s.end) {
        window *= 2;
        continue;
      }
      if (at == 0) at = tokens;
    }
    const std::size_t begin = s.begin;
    s.begin = at < tokens ? begin + e.offsets[at].begin : s.end;
    units.push_back({begin, s.begin, static_cast<std::int64_t>(at), s.heading});
    s.heading = false;
  }
}

// Sentences with their numbers of tokens; long ones cut.
std::vector<Unit> units_of(std::string_view text, const Tokenizer& tokenizer, std::int64_t most) {
  const Encoding e = tokenizer.encode(text, kCounting);
  std::vector<Unit> units;
  std::size_t token = 0;
  for (const Sentence& s : sentences_of(text)) {
    const std::size_t first = token;
    while (token < e.offsets.size() && e.offsets[token].begin < s.end) ++token;
    const auto tokens = static_cast<std::int64_t>(token - first);
    if (tokens > most)
      cut(text, s, tokenizer, most, units);
    else
      units.push_back({s.begin, s.end, tokens, s.heading});
  }
  return units;
}

}  // namespace

std::vector<Chunk> chunk_text(std::string_view text, const Tokenizer& tokenizer,
                              const ChunkOptions& options) {
  if (options.tokens < 8) fail(Errc::kUsage, "chunks: found {} tokens, expected at least 8", options.tokens);
  if (options.overlap < 0 || options.overlap >= options.tokens - options.overlap)
    fail(Errc::kUsage, "chunks: found an overlap of {} tokens, expected less than half of {}",
         options.overlap, options.tokens);
  const std::vector<Unit> units = units_of(text, tokenizer, options.tokens);
  std::vector<Chunk> chunks;
  std::int64_t line = 1;
  std::size_t counted = 0;  // newlines before this byte are in `line`
  for (std::size_t first = 0; first < units.size();) {
    std::size_t last = first;
    std::int64_t tokens = 0;
    while (last < units.size()) {
      const bool full = last > first && tokens + units[last].tokens > options.tokens;
      const bool section = last > first && units[last].heading && tokens >= options.tokens / 8;
      if (full || section) break;
      tokens += units[last++].tokens;
    }
    std::size_t begin = units[first].begin, end = units[last - 1].end;
    while (begin < end && is_space(text[begin])) ++begin;
    while (end > begin && is_space(text[end - 1])) --end;
    if (begin < end) {
      if (begin < counted) line = 1, counted = 0;
      line += std::count(text.begin() + static_cast<std::ptrdiff_t>(counted),
                         text.begin() + static_cast<std::ptrdiff_t>(begin), '\n');
      counted = begin;
      chunks.push_back({begin, end, line});
    }
    if (last == units.size()) break;
    // The next passage begins with the last sentences of this one, unless a section begins; they leave room
    // for the sentence behind them, or a passage would repeat and say nothing new.
    std::size_t next = last;
    if (!units[last].heading) {
      const std::int64_t room = std::min(options.overlap, options.tokens - units[last].tokens);
      for (std::int64_t shared = 0; next > first + 1 && shared + units[next - 1].tokens <= room; --next)
        shared += units[next - 1].tokens;
    }
    first = next;
  }
  return chunks;
}

}  // namespace lyceum
