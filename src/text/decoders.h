// The decoders of a tokenizer.json: from tokens to text.
#pragma once

#include <memory>
#include <string>
#include <vector>

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
DecoderPtr replace_decoder(std::string pattern, std::string content);
DecoderPtr strip_decoder(std::string content, std::size_t start, std::size_t stop);
DecoderPtr decoder_sequence(std::vector<DecoderPtr> parts);

}  // namespace lyceum
