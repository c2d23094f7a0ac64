// vocab.json, merges.txt and a text, with zero bytes between.
#include "fuzz/fuzz.h"
#include "text/load_model.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lyceum;
  const std::vector<std::string> parts = fuzz::texts_of(data, size, 3);
  fuzz::answer([&] {
    const Vocabulary vocabulary = vocabulary_of_json(parse_json(parts[0], "vocab.json"), "vocab.json");
    const Bpe::Merges merges = merges_of_lines(parts[1], "merges.txt");
    for (const char* prefix : {"", "##"})
      fuzz::answer([&] {
        const Bpe bpe(vocabulary.tokens(), merges, {.prefix = prefix, .byte_fallback = true}, "merges.txt");
        std::vector<Piece> pieces;
        bpe.split(parts[2], 0, pieces);
        std::uint32_t at = 0;
        for (const Piece& piece : pieces) {
          fuzz::require(piece.begin == at && piece.end > at, "pieces stand one behind the other");
          at = piece.end;
        }
        std::vector<Bpe::Symbol> scanned;
        for (const char c : parts[2].substr(0, 24)) scanned.push_back({c & 7, 1});
        std::vector<Bpe::Symbol> queued = scanned;
        bpe.merge(scanned);
        bpe.merge_with_queue(queued);
        fuzz::require(std::equal(scanned.begin(), scanned.end(), queued.begin(), queued.end(),
                                 [](const Bpe::Symbol& a, const Bpe::Symbol& b) {
                                   return a.id == b.id && a.length == b.length;
                                 }),
                      "the scan of short words joins as the queue does");
      });
  });
  return 0;
}
