#include "text/decoders.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/utf8.h"
#include "text/byte_level.h"
#include "text/normalizers.h"

namespace lyceum {
namespace {

template <class F>
class DecodeStep final : public Decoder {
 public:
  explicit DecodeStep(F f) : f_(std::move(f)) {}
  void apply(std::vector<std::string>& tokens) const override { f_(tokens); }

 private:
  F f_;
};
template <class F>
DecoderPtr make_decoder(F f) {
  return std::make_unique<DecodeStep<F>>(std::move(f));
}

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  std::size_t at = from.empty() ? std::string::npos : text.find(from);
  if (at == std::string::npos) return;
  std::string out;
  std::size_t done = 0;
  for (; at != std::string::npos; at = text.find(from, done)) {
    out.append(text, done, at - done).append(to);
    check_growth(text.size(), out.size());
    done = at + from.size();
  }
  text = out.append(text, done, std::string::npos);
}

}  // namespace

void clean_up_spaces(std::string& text) {
  static const std::pair<const char*, const char*> kRules[] = {
      // in the reference's order
      {" .", "."},     {" ?", "?"},   {" !", "!"},   {" ,", ","},     {" ' ", "'"},
      {" n't", "n't"}, {" 'm", "'m"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
  for (const auto& [from, to] : kRules) replace_all(text, from, to);
}

namespace {

// With a rule that only decoders have; no other rule's result can take part in it.
void clean_up_words(std::string& text) {
  clean_up_spaces(text);
  replace_all(text, " do not", " don't");
}

// <0x41>; R: from_str_radix, which takes a plus sign
int byte_of(const std::string& token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return -1;
  const char* first = token.data() + 3;
  const char* const last = token.data() + 5;
  if (*first == '+') ++first;
  if (*first == '-') return -1;
  unsigned value = 0;
  const auto [end, error] = std::from_chars(first, last, value, 16);
  return error == std::errc() && end == last ? static_cast<int>(value) : -1;
}

}  // namespace

DecoderPtr word_piece_decoder(std::string prefix, bool cleanup) {
  return make_decoder([prefix = std::move(prefix), cleanup](std::vector<std::string>& tokens) {
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      std::string& token = tokens[i];
      if (i > 0) token = token.starts_with(prefix) ? token.substr(prefix.size()) : " " + token;
      if (!cleanup) continue;
      clean_up_words(token);
    }
  });
}

DecoderPtr fuse_decoder() {
  return make_decoder([](std::vector<std::string>& tokens) {
    std::string all;
    for (const std::string& token : tokens) all += token;
    tokens = {all};
  });
}

DecoderPtr replace_decoder(TextPattern pattern, std::string content) {
  return make_decoder(
      [pattern = std::move(pattern), content = std::move(content)](std::vector<std::string>& tokens) {
        for (std::string& token : tokens) {
          std::string out;
          for (const MatchRange& range : pattern.find_all(std::string_view(token))) {
            out += range.matched ? content : token.substr(range.begin, range.end - range.begin);
            check_growth(token.size(), out.size());
          }
          token = std::move(out);
        }
      });
}

DecoderPtr bpe_decoder(std::string suffix) {
  return make_decoder([suffix = std::move(suffix)](std::vector<std::string>& tokens) {
    for (std::size_t i = 0; i < tokens.size(); ++i)
      replace_all(tokens[i], suffix, i + 1 == tokens.size() ? "" : " ");
  });
}

DecoderPtr byte_level_decoder() {
  return make_decoder([](std::vector<std::string>& tokens) {
    std::string bytes;
    for (const std::string& token : tokens) append_bytes_of(token, bytes);
    repair_utf8(bytes);
    tokens = {std::move(bytes)};
  });
}

DecoderPtr byte_fallback_decoder() {
  return make_decoder([](std::vector<std::string>& tokens) {
    std::vector<std::string> out;
    std::string bytes;
    const auto flush = [&] {
      if (bytes.empty()) return;
      if (is_utf8(bytes)) {
        out.push_back(bytes);
      } else {
        for (std::size_t i = 0; i < bytes.size(); ++i) out.emplace_back("\xEF\xBF\xBD");
      }
      bytes.clear();
    };
    for (std::string& token : tokens) {
      const int byte = byte_of(token);
      if (byte >= 0) {
        bytes.push_back(static_cast<char>(byte));
        continue;
      }
      flush();
      out.push_back(std::move(token));
    }
    flush();
    tokens = std::move(out);
  });
}

DecoderPtr metaspace_decoder(char32_t replacement, bool keeps_first) {
  std::string mark;
  append_utf8(mark, replacement);
  return make_decoder([mark = std::move(mark), keeps_first](std::vector<std::string>& tokens) {
    for (std::size_t i = 0; i < tokens.size(); ++i)
      replace_all(tokens[i], mark, i > 0 || keeps_first ? " " : "");
  });
}

DecoderPtr ctc_decoder(std::string pad, std::string word_delimiter, bool cleanup) {
  return make_decoder([pad = std::move(pad), delimiter = std::move(word_delimiter),
                       cleanup](std::vector<std::string>& tokens) {
    tokens.erase(std::unique(tokens.begin(), tokens.end()), tokens.end());
    for (std::string& token : tokens) {
      replace_all(token, pad, "");
      if (!cleanup) continue;
      clean_up_words(token);
      replace_all(token, delimiter, " ");
    }
    std::erase_if(tokens, [](const std::string& token) { return token.empty(); });
  });
}

DecoderPtr strip_decoder(std::string content, std::size_t start, std::size_t stop) {
  return make_decoder([content = std::move(content), start, stop](std::vector<std::string>& tokens) {
    for (std::string& token : tokens) {
      for (std::size_t i = 0; i < start && !content.empty() && token.starts_with(content); ++i)
        token.erase(0, content.size());
      for (std::size_t i = 0; i < stop && !content.empty() && token.ends_with(content); ++i)
        token.resize(token.size() - content.size());
    }
  });
}

DecoderPtr decoder_sequence(std::vector<DecoderPtr> parts) {
  return make_decoder(
      [all = std::make_shared<std::vector<DecoderPtr>>(std::move(parts))](std::vector<std::string>& tokens) {
        const auto size = [&] {
          std::size_t sum = 0;
          for (const std::string& token : tokens) sum += token.size();
          return sum;
        };
        const std::size_t before = size();
        for (const DecoderPtr& part : *all) {
          part->apply(tokens);
          check_growth(before, size());
        }
      });
}

}  // namespace lyceum
