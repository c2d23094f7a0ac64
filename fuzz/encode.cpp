// Any bytes as a text, through BERT's tokenizer and byte-level BPE: the first byte chooses the options.
#include "base/json.h"
#include "base/utf8.h"
#include "check/tiny_bert.h"
#include "fuzz/encoding_checks.h"
#include "text/byte_level.h"
#include "text/byte_tokenizer.h"

namespace {

std::string vocabulary() {
  std::string lines;
  for (const std::string& token : lyceum::check::tiny_vocabulary()) lines += token + "\n";
  for (char c = 'b'; c <= 'z'; ++c)
    if (c != 'q') lines += std::string(1, c) + "\n";
  for (char c = 'a'; c <= 'z'; ++c)
    if (c != 'n' && c != 'q' && c != 's') lines += "##" + std::string(1, c) + "\n";
  // capitals, letters with marks (composed and not), ideographs, punctuation outside of ASCII, a letter whose
  // small form is two
  for (const char* token : {"A",
                            "##A",
                            "\xC3\xA9",
                            "e\xCC\x81",
                            "##\xC3\xA9",
                            "\xC3\x9F",
                            "\xE4\xB8\xAD",
                            "\xE6\x96\x87",
                            "\xE2\x80\x9C",
                            "\xCC\x81",
                            "i\xCC\x87",
                            "\xEF\xBF\xBD",
                            "\xF0\x9F\x98\x80",
                            "##\xCC\x81",
                            ",",
                            "'",
                            "-",
                            "[",
                            "]",
                            "0",
                            "##0"})
    lines += std::string(token) + "\n";
  return lines;
}

std::shared_ptr<const lyceum::Tokenizer> byte_level(const char* more) {
  using namespace lyceum;
  Json json = parse_json(more, "fixed"), vocabulary;
  for (int byte = 0; byte < 256; ++byte) {
    std::string symbol;
    append_utf8(symbol, byte_character(static_cast<unsigned char>(byte)));
    vocabulary[symbol] = byte;
  }
  int id = 256;
  Json merges;
  for (const auto& [left, right] : {std::pair("t", "h"),
                                    {"th", "e"},
                                    {"\xC4\xA0", "the"},
                                    {"\xC3\x83", "\xC2\xA9"},
                                    {"\xC4\xA0", "\xC4\xA0"},
                                    {"1", "2"}}) {
    merges.push_back({left, right});
    vocabulary[std::string(left) + right] = id++;
  }
  json["model"] = {{"type", "BPE"}, {"vocab", vocabulary}, {"merges", merges}};
  json["added_tokens"] = {{{"id", id}, {"content", "<mask>"}, {"lstrip", true}, {"special", true}},
                          {{"id", id + 1}, {"content", "new"}, {"normalized", true}}};
  return Tokenizer::from_json(json.dump(), "fixed");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lyceum;
  static const auto tokenizers = [] {
    std::vector<std::shared_ptr<const Tokenizer>> all;
    for (int bits = 0; bits < 8; ++bits)
      all.push_back(Tokenizer::from_vocabulary(vocabulary(), "fixed",
                                               {.lowercase = (bits & 1) == 0,
                                                .chinese_chars = (bits & 2) == 0,
                                                .strip_accents = (bits & 4) == 0}));
    all.push_back(byte_level(R"({"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false}})"));
    all.push_back(byte_level(
        R"({"normalizer":{"type":"NFC"},"pre_tokenizer":{"type":"ByteLevel"},"post_processor":{"type":"ByteLevel"}})"));
    all.push_back(byte_level(
        R"({"pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"Digits","individual_digits":true},{"type":"ByteLevel","add_prefix_space":false}]}})"));
    all.push_back(byte_level(
        R"json({"pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"},"behavior":"Isolated"},{"type":"ByteLevel","add_prefix_space":false,"use_regex":false}]}})json"));
    all.push_back(byte_tokenizer());
    return all;
  }();
  if (size == 0) return 0;
  fuzz::answer([&] {
    fuzz::check_encoding(*tokenizers[data[0] % tokenizers.size()], fuzz::text_of(data + 1, size - 1));
  });
  return 0;
}
