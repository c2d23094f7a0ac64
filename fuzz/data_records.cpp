// A file of training data: the first byte says what it is read as.
#include <filesystem>

#include "check/temporary_folder.h"
#include "data/examples/label_names.h"
#include "data/examples/record_examples.h"
#include "data/examples/sentences.h"
#include "data/shuffle/record_order.h"
#include "data/token_cache/token_cache.h"
#include "fuzz/fuzz.h"

namespace {

using namespace lyceum;

void look_into(const RecordFields& r) {
  for (const char* field : {"text", "label", "input_ids", "answers.text", "choices"}) {
    fuzz::answer([&] { r.text(field); });
    fuzz::answer([&] { fuzz::require(r.number(field) == r.number(field), "a number is one"); });
    fuzz::answer([&] {
      const std::int64_t n = r.integer(field, -5, 5);
      fuzz::require(n >= -5 && n <= 5, "a whole number is in its range");
    });
    fuzz::answer([&] { r.texts(field); });
    fuzz::answer([&] { r.numbers(field); });
    fuzz::answer([&] { LabelNames({"a", "b"}).indices(r, field); });
  }
  fuzz::answer([&] {
    const Example e = ready_example(r, 100);
    fuzz::require(!e.ids.empty(), "an example has tokens");
    fuzz::require(!e.has_token_labels || e.labels.size() == e.ids.size(), "a label for each token");
    fuzz::require(e.types.empty() || e.types.size() == e.ids.size(), "a type for each token");
    for (const std::int32_t id : e.ids) fuzz::require(id >= 0 && id < 100, "ids are of the vocabulary");
  });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  static const check::TemporaryFolder folder;
  constexpr const char* kNames[] = {"a.jsonl", "a.tsv", "a.tokens", "a.txt", "a.txt", "a.txt", "a.txt"};
  constexpr const char* kSeparators[] = {"", "", "", "", "\n", "\n\n", "<|end|>"};
  const std::size_t which = data[0] % 7;
  const std::filesystem::path file = folder / kNames[which];
  const std::string_view text = fuzz::text_of(data + 1, size - 1);
  check::write_file(file, text);
  fuzz::answer([&] {
    const auto files = std::make_shared<RecordFiles>(
        std::vector<std::string>{file.string()},
        RecordOptions{.separator = kSeparators[which], .document_bytes = 1 << 20, .line_bytes = 1 << 16});
    RecordOrder order(files, {.shuffle = size % 2 == 0, .shuffle_bytes = 1000});
    std::uint64_t count = 0;
    for (Record record; order.next(record); ++count) {
      fuzz::require(record.bytes.size() <= (1 << 20), "a document is within its limit");
      fuzz::answer([&] { look_into(files->parse(record)); });
      if (count > 1000) return;
    }
    order.seek({0, count / 2});
    std::uint64_t rest = 0;
    for (Record record; order.next(record);) ++rest;
    fuzz::require(rest == count - count / 2, "seeking passes over as many records as it says");
  });
  for (const auto rule : {SentenceRule::kLines, SentenceRule::kMarks}) {
    std::size_t last = 0;
    for (const auto& [begin, end] : sentence_spans(text, rule)) {
      fuzz::require(begin >= last && begin < end && end <= text.size(), "sentences rise");
      last = end;
    }
  }
  return 0;
}
