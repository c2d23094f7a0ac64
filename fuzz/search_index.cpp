// A good index file with changed bytes: three for the place, one for the value; a place behind its end cuts
// it there.
#include "tasks/search/search_index.h"

#include <algorithm>
#include <filesystem>

#include "base/file.h"
#include "check/temporary_folder.h"
#include "check/tiny_bert.h"
#include "fuzz/fuzz.h"

namespace {

using namespace lyceum;

// Counts letters; enough for a search to have an order.
class LetterEncoder final : public TextEncoder {
 public:
  LetterEncoder() {
    std::string lines;
    for (const std::string& token : check::tiny_vocabulary()) lines += token + "\n";
    tokenizer_ = Tokenizer::from_vocabulary(lines, "fixed");
  }
  std::int64_t width() const override { return 4; }
  std::int64_t max_tokens() const override { return 64; }
  const Tokenizer& tokenizer() const override { return *tokenizer_; }
  bool is_normalized() const override { return false; }
  std::string identity() const override { return "letters"; }
  std::string settings() const override { return R"({"truncate_dim":4})"; }
  Tensor encode(std::span<const std::string> texts, TextRole) const override {
    Tensor out = Tensor::full({static_cast<std::int64_t>(texts.size()), 4}, 1);
    for (std::size_t i = 0; i < texts.size(); ++i)
      for (const char c : texts[i]) out.mutable_row<float>(static_cast<std::int64_t>(i))[c & 3] += 1;
    return out;
  }

 private:
  std::shared_ptr<const Tokenizer> tokenizer_;
};

const LetterEncoder& encoder() {
  static const LetterEncoder the;
  return the;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const check::TemporaryFolder folder;
  static const std::string good = [] {
    check::write_file(folder / "notes/a.txt", "The cat sat on the mat. The dog ran on. The cat is a cat.");
    check::write_file(folder / "notes/b.txt", "A dog ran.");
    SearchIndex index =
        SearchIndex::open_for_writing(folder / "good", encoder(), {.tokens = 8, .overlap = 2});
    const std::filesystem::path roots[] = {folder / "notes"};
    index.update(roots, encoder());
    return read_text(folder / "good");
  }();
  std::string bytes = good;
  for (; size >= 4 && !bytes.empty(); data += 4, size -= 4) {
    const std::size_t at =
        data[0] | static_cast<std::size_t>(data[1]) << 8 | static_cast<std::size_t>(data[2]) << 16;
    if (at < bytes.size()) {
      bytes[at] = static_cast<char>(data[3]);
    } else {
      bytes.resize(at % bytes.size());
    }
  }
  check::write_file(folder / "index", bytes);
  std::filesystem::remove(folder / "index-journal");
  fuzz::answer([] {
    const SearchIndex index = SearchIndex::open(folder / "index");
    fuzz::answer([&] {
      fuzz::require(index.search("the cat", encoder(), {.top = 3}).size() <= 3,
                    "no more answers than asked for");
    });
    fuzz::answer([&] { index.search("the cat", encoder(), {.hybrid = true}); });
  });
  fuzz::answer([] {
    SearchIndex index = SearchIndex::open_for_writing(folder / "index", encoder());
    const std::filesystem::path roots[] = {folder / "notes"};
    index.update(roots, encoder());
  });
  return 0;
}
