#include "text/byte_tokenizer.h"

#include <algorithm>

#include "base/file.h"
#include "base/json.h"
#include "base/utf8.h"
#include "text/bpe_json.h"
#include "text/byte_level.h"
#include "text/tokenizer_impl.h"

namespace lyceum {

// Places: a byte of a character stands where the whole character does, as in every byte-level vocabulary.
void Tokenizer::Impl::encode_bytes(std::string_view text, bool with_offsets, Encoding& out) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
  out.ids.insert(out.ids.end(), bytes, bytes + text.size());
  if (!with_offsets) return;
  out.words.resize(out.ids.size(), 0);
  for (std::size_t i = 0; i < text.size();) {
    const Utf8Char c = decode_utf8(text.substr(i));
    const auto length = c.valid ? static_cast<std::size_t>(c.bytes) : 1;
    out.offsets.insert(out.offsets.end(), length,
                       {static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(i + length)});
    i += length;
  }
}

std::string byte_tokenizer_json() {
  nlohmann::ordered_json vocabulary = nlohmann::ordered_json::object();
  for (int byte = 0; byte < 256; ++byte) {
    std::string symbol;
    append_utf8(symbol, byte_character(static_cast<unsigned char>(byte)));
    vocabulary[symbol] = byte;
  }
  const auto none = nlohmann::ordered_json::array();
  const nlohmann::ordered_json all{
      {"version", "1.0"},
      {"truncation", nullptr},
      {"padding", nullptr},
      {"added_tokens", none},
      {"normalizer", nullptr},
      {"pre_tokenizer",
       byte_level_json({.add_prefix_space = false, .trim_offsets = false, .use_regex = false})},
      {"post_processor", nullptr},
      {"decoder", byte_level_json()},
      {"model", bpe_model_json(std::move(vocabulary), none)}};
  return all.dump(2) + "\n";
}

std::shared_ptr<const Tokenizer> byte_tokenizer() {
  static const auto tokenizer = Tokenizer::from_json(byte_tokenizer_json(), "the byte tokenizer");
  return tokenizer;
}

void write_byte_tokenizer(const std::filesystem::path& folder) {
  const auto write = [&](const char* name, const std::string& text) {
    AtomicFile file(folder / name);
    file.write(text);
    file.commit();
  };
  write("tokenizer.json", byte_tokenizer_json());
  write("tokenizer_config.json", nlohmann::ordered_json{{"clean_up_tokenization_spaces", false},
                                                        {"tokenizer_class", "PreTrainedTokenizerFast"}}
                                         .dump(2) +
                                     "\n");
}

}  // namespace lyceum
