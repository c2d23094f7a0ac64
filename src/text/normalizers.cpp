#include "text/normalizers.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "text/byte_level.h"

namespace lyceum {
namespace {

using unicode::Char;

template <class F>
class NormalizeStep final : public Normalizer {
 public:
  explicit NormalizeStep(F f) : f_(std::move(f)) {}
  void apply(Characters& text) const override { f_(text); }

 private:
  F f_;
};
template <class F>
NormalizerPtr make_normalizer(F f) {
  return std::make_unique<NormalizeStep<F>>(std::move(f));
}

void to_lower(Characters& text) {
  Characters out;
  out.reserve(text.size());
  for (const Char& c : text) {
    const auto lower = unicode::lower(c.code);
    if (lower.empty()) out.push_back(c);
    for (const std::uint32_t code : lower) out.push_back({code, c.begin, c.end});
  }
  text = std::move(out);
}

void drop_marks(Characters& text) {
  std::erase_if(text, [](const Char& c) { return unicode::has(c.code, unicode::kMark); });
}

void clean(Characters& text) {
  std::erase_if(text, [](const Char& c) { return unicode::has(c.code, unicode::kRemoved); });
  for (Char& c : text)
    if (unicode::has(c.code, unicode::kSpace)) c.code = ' ';
}

void surround_ideographs(Characters& text) {
  Characters out;
  out.reserve(text.size());
  for (const Char& c : text) {
    const bool ideograph = unicode::has(c.code, unicode::kCjk);
    if (ideograph) out.push_back({' ', c.begin, c.end});
    out.push_back(c);
    if (ideograph) out.push_back({' ', c.begin, c.end});
  }
  text = std::move(out);
}

// R normalizers/unicode.rs, Nmt
void nmt(Characters& text) {
  std::erase_if(text, [](const Char& c) {
    return (c.code >= 1 && c.code <= 8) || c.code == 0xB || (c.code >= 0xE && c.code <= 0x1F) ||
           c.code == 0x7F || c.code == 0x8F || c.code == 0x9F;
  });
  for (Char& c : text)
    if (c.code == 9 || c.code == 0xA || c.code == 0xC || c.code == 0xD || c.code == 0x1680 ||
        (c.code >= 0x200B && c.code <= 0x200F) || c.code == 0x2028 || c.code == 0x2029 || c.code == 0x2581 ||
        c.code == 0xFEFF || c.code == 0xFFFD)
      c.code = ' ';
}

}  // namespace

void check_growth(std::size_t before, std::size_t size) {
  if (size > 64 * before + 1'000'000)
    fail(Errc::kLimit,
         "tokenizer: its replacements make {} characters of a text of {}, more than 64 times as many", size,
         before);
}

NormalizerPtr bert_normalizer(const BertNormalizerOptions& o) {
  return make_normalizer([o](Characters& text) {
    if (o.clean_text) clean(text);
    if (o.handle_chinese_chars) surround_ideographs(text);
    if (o.strip_accents) {
      text = unicode::normalize(text, unicode::Form::kNfd);
      drop_marks(text);
    }
    if (o.lowercase) to_lower(text);
  });
}

NormalizerPtr unicode_normalizer(unicode::Form form) {
  return make_normalizer([form](Characters& text) { text = unicode::normalize(text, form); });
}
NormalizerPtr lowercase_normalizer() { return make_normalizer(to_lower); }
NormalizerPtr strip_accents_normalizer() {
  return make_normalizer([](Characters& text) {
    std::erase_if(text, [](const Char& c) {
      return unicode::has(c.code, unicode::kMark) || unicode::has(c.code, unicode::kSpacingMark);
    });
  });
}

NormalizerPtr strip_normalizer(bool left, bool right) {
  return make_normalizer([left, right](Characters& text) {
    const auto solid = [](const Char& c) { return !unicode::has(c.code, unicode::kSpace); };
    if (right) text.erase(std::find_if(text.rbegin(), text.rend(), solid).base(), text.end());
    if (left) text.erase(text.begin(), std::find_if(text.begin(), text.end(), solid));
  });
}

NormalizerPtr replace_normalizer(TextPattern pattern, std::string content) {
  return make_normalizer([pattern = std::move(pattern), to = to_characters(content)](Characters& text) {
    Characters out;
    for (const MatchRange& range : pattern.find_all(text)) {
      if (!range.matched) {
        out.insert(out.end(), text.begin() + static_cast<std::ptrdiff_t>(range.begin),
                   text.begin() + static_cast<std::ptrdiff_t>(range.end));
        continue;
      }
      check_growth(text.size(), out.size() + to.size());
      // R: what comes in has the place of the last character before its end
      const Char place = range.end > 0 ? text[range.end - 1] : Char{0, 0, 0};
      for (const Char& c : to) out.push_back({c.code, place.begin, place.end});
    }
    text = std::move(out);
  });
}

NormalizerPtr nmt_normalizer() { return make_normalizer(nmt); }
NormalizerPtr byte_level_normalizer() { return make_normalizer(to_byte_level); }
NormalizerPtr precompiled_normalizer(std::shared_ptr<const Charsmap> charsmap) {
  return make_normalizer([charsmap = std::move(charsmap)](Characters& text) {
    const std::size_t before = text.size();
    charsmap->apply(text);
    check_growth(before, text.size());
  });
}

NormalizerPtr prepend_normalizer(std::string prefix) {
  return make_normalizer([what = to_characters(prefix)](Characters& text) {
    if (text.empty()) return;
    check_growth(text.size(), text.size() + what.size());
    Characters out;
    for (const Char& c : what) out.push_back({c.code, text[0].begin, text[0].end});
    out.insert(out.end(), text.begin(), text.end());
    text = std::move(out);
  });
}

NormalizerPtr normalizer_sequence(std::vector<NormalizerPtr> parts) {
  return make_normalizer(
      [all = std::make_shared<std::vector<NormalizerPtr>>(std::move(parts))](Characters& text) {
        const std::size_t before = text.size();
        for (const NormalizerPtr& part : *all) {
          part->apply(text);
          check_growth(before, text.size());
        }
      });
}

}  // namespace lyceum
