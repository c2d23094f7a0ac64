#include "text/training/count_words.h"

#include <array>
#include <atomic>
#include <mutex>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/parallel.h"
#include "text/bert_scan.h"
#include "text/pre_tokenizers.h"
#include "text/scanner.h"

namespace lyceum {
namespace {

// Words fall into parts by their hash, so that the counts of several threads are joined part by part, on all
// threads. The table inside a part goes by the hash's other end.
constexpr std::size_t kParts = 16;
using Parts = std::array<WordCounts, kParts>;

void add_word(Parts& parts, std::string_view word) {
  const std::uint64_t h = WordCounts::hash(word);
  parts[h >> 60].add(word, h, 1);
}

void add_byte_words(Parts& parts, std::string_view text) {
  const Scanner scanner = Scanner::gpt2();
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = scanner.next(text, at);
    add_word(parts, text.substr(at, end - at));
    at = end;
  }
}

// BERT's words of one text.
class BertWords {
 public:
  explicit BertWords(const BertNormalizerOptions& o)
      : scan_(o), normalizer_(bert_normalizer(o)), pre_tokenizer_(bert_pre_tokenizer()) {}

  void add(Parts& parts, std::string_view text) {
    words_.clear();
    if (!scan_.words(text, 0, words_)) {
      words_.clear();
      split_plainly(text);
    }
    std::size_t begin = 0;
    for (const std::size_t end : words_.ends) {
      add_word(parts, std::string_view(words_.bytes).substr(begin, end - begin));
      begin = end;
    }
  }

 private:
  // The words of a text, one behind the other: a scan that gives up takes them back.
  struct Words {
    std::string bytes;
    std::vector<std::size_t> ends;
    void put_byte(char byte, std::uint32_t, std::uint32_t) { bytes.push_back(byte); }
    void end_character() {}
    void end_word() {
      if (bytes.size() > (ends.empty() ? 0 : ends.back())) ends.push_back(bytes.size());
    }
    void clear() {
      bytes.clear();
      ends.clear();
    }
  };

  void split_plainly(std::string_view text) {
    std::vector<Characters> pieces{to_characters(text)};
    normalizer_->apply(pieces[0]);
    pre_tokenizer_->split(pieces);
    for (const Characters& piece : pieces) {
      for (const unicode::Char& c : piece) append_utf8(words_.bytes, c.code);
      words_.end_word();
    }
  }

  BertScan scan_;
  NormalizerPtr normalizer_;
  PreTokenizerPtr pre_tokenizer_;
  Words words_;
};

BertNormalizerOptions bert_options(bool lowercase) {
  return {.strip_accents = lowercase, .lowercase = lowercase};
}

}  // namespace

CountedWords count_words(FunctionRef<bool(TextBlock&)> read, const WordOptions& o) {
  const auto check_bytes = [&](std::uint64_t bytes) {
    if (bytes > o.most_bytes)
      fail(
          Errc::kLimit,
          "train-tokenizer: found distinct words of more than {} bytes together, expected at most that. Fix: "
          "less text, or text with shorter words (is it base64, or a language without spaces?)",
          o.most_bytes);
  };
  CountedWords out;
  std::mutex mutex;
  std::atomic<bool> stop{false};
  std::vector<Parts> counts(static_cast<std::size_t>(thread_count()));
  const auto count_some = [&](Parts& parts) {
    BertWords bert(bert_options(o.lowercase));
    TextBlock block;
    std::uint64_t repaired = 0;
    while (!stop) {
      {
        const std::lock_guard lock(mutex);
        check_interrupt();
        if (!read(block)) break;
        out.text_bytes += block.bytes.size();
        if (o.progress) o.progress(out.text_bytes);
      }
      repaired += block.for_each_text(o.field, [&](std::string_view text) {
        if (!o.is_bytes)
          bert.add(parts, text);
        else if (o.lowercase)
          add_byte_words(parts, unicode::lower(text));
        else
          add_byte_words(parts, text);
      });
      std::uint64_t bytes = 0;
      for (const WordCounts& part : parts) bytes += part.bytes();
      check_bytes(bytes);
    }
    const std::lock_guard lock(mutex);
    out.repaired += repaired;
  };
  parallel_tasks(static_cast<std::int64_t>(counts.size()), [&](std::int64_t task, int) {
    try {
      count_some(counts[static_cast<std::size_t>(task)]);
    } catch (...) {
      stop = true;  // of the other threads' work
      throw;
    }
  });
  out.parts.resize(kParts);
  parallel_tasks(kParts, [&](std::int64_t task, int) {
    const auto part = static_cast<std::size_t>(task);
    out.parts[part] = std::move(counts[0][part]);
    for (std::size_t i = 1; i < counts.size(); ++i) {
      out.parts[part].add(counts[i][part]);
      counts[i][part] = {};
    }
  });
  for (const WordCounts& part : out.parts) {
    out.words += part.words();
    out.distinct += part.distinct();
    out.word_bytes += part.bytes();
  }
  check_bytes(out.word_bytes);
  return out;
}

}  // namespace lyceum
