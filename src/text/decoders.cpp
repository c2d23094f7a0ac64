#include "text/decoders.h"

#include <utility>

#include "text/normalizers.h"

namespace lyceum {
namespace {

template <class F>
class Function final : public Decoder {
 public:
  explicit Function(F f) : f_(std::move(f)) {}
  void apply(std::vector<std::string>& tokens) const override { f_(tokens); }

 private:
  F f_;
};
template <class F>
DecoderPtr make(F f) {
  return std::make_unique<Function<F>>(std::move(f));
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

DecoderPtr word_piece_decoder(std::string prefix, bool cleanup) {
  return make([prefix = std::move(prefix), cleanup](std::vector<std::string>& tokens) {
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      std::string& token = tokens[i];
      if (i > 0) token = token.starts_with(prefix) ? token.substr(prefix.size()) : " " + token;
      if (!cleanup) continue;
      clean_up_spaces(token);
      replace_all(token, " do not",
                  " don't");  // this decoder's own rule; no other rule's result can take part in it
    }
  });
}

DecoderPtr fuse_decoder() {
  return make([](std::vector<std::string>& tokens) {
    std::string all;
    for (const std::string& token : tokens) all += token;
    tokens = {all};
  });
}

DecoderPtr replace_decoder(std::string pattern, std::string content) {
  return make([pattern = std::move(pattern), content = std::move(content)](std::vector<std::string>& tokens) {
    for (std::string& token : tokens) replace_all(token, pattern, content);
  });
}

DecoderPtr strip_decoder(std::string content, std::size_t start, std::size_t stop) {
  return make([content = std::move(content), start, stop](std::vector<std::string>& tokens) {
    for (std::string& token : tokens) {
      for (std::size_t i = 0; i < start && !content.empty() && token.starts_with(content); ++i)
        token.erase(0, content.size());
      for (std::size_t i = 0; i < stop && !content.empty() && token.ends_with(content); ++i)
        token.resize(token.size() - content.size());
    }
  });
}

DecoderPtr decoder_sequence(std::vector<DecoderPtr> parts) {
  return make(
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
