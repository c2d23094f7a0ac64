// The decoders of a tokenizer.json: from tokens to text.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "text/text_pattern.h"

namespace lyceum {

class Decoder {
 public:
  virtual ~Decoder() = default;
  // Works on the list of tokens; what is left at the end is joined without a space.
  virtual void apply(std::vector<std::string>& tokens) const = 0;
};
using DecoderPtr = std::unique_ptr<const Decoder>;

// " ." becomes "." and so on: the spaces that splitting off punctuation and English short forms brought in.
void clean_up_spaces(std::string& text);
DecoderPtr word_piece_decoder(std::string prefix, bool cleanup);
DecoderPtr fuse_decoder();
DecoderPtr replace_decoder(TextPattern pattern, std::string content);
DecoderPtr bpe_decoder(std::string suffix);  // ends of words become spaces
DecoderPtr byte_level_decoder();             // to one text; what is no UTF-8 becomes U+FFFD
DecoderPtr byte_fallback_decoder();          // <0x41> and its neighbours to text, or a U+FFFD each
DecoderPtr metaspace_decoder(char32_t replacement, bool keeps_first);
DecoderPtr ctc_decoder(std::string pad, std::string word_delimiter, bool cleanup);
DecoderPtr strip_decoder(std::string content, std::size_t start, std::size_t stop);
DecoderPtr decoder_sequence(std::vector<DecoderPtr> parts);

}  // namespace lyceum
