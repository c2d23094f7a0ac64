// What is promised of every encoding.
#pragma once

#include "fuzz/fuzz.h"
#include "text/tokenizer.h"

namespace lyceum::fuzz {

inline void check_encoding(const Tokenizer& tokenizer, std::string_view text) {
  const EncodeOptions options{.with_offsets = true};
  const Encoding fast = tokenizer.encode(text, options), plain = tokenizer.encode_plainly(text, options);
  require(fast.ids == plain.ids && fast.type_ids == plain.type_ids,
          "the fast road gives the ids of the plain one");
  require(fast.offsets == plain.offsets && fast.special == plain.special && fast.words == plain.words &&
              fast.sequences == plain.sequences,
          "the fast road gives the places of the plain one");
  require(fast.ids.size() == fast.offsets.size() && fast.ids.size() == fast.type_ids.size(),
          "all parts have one length");
  for (std::size_t i = 0; i < fast.ids.size(); ++i) {
    require(tokenizer.token(fast.ids[i]) != nullptr, "every id is a token");
    require(fast.offsets[i].begin <= fast.offsets[i].end && fast.offsets[i].end <= text.size(),
            "offsets lie in the text");
  }
  const Encoding bare = tokenizer.encode(text, {.add_special = false, .with_offsets = true}),
                 built = tokenizer.post_process(bare, options);
  require(built.ids == fast.ids && built.offsets == fast.offsets && built.words == fast.words &&
              built.sequences == fast.sequences,
          "a text put together from its parts is the text");
  for (std::size_t i = 1; i < bare.words.size(); ++i)
    require(bare.words[i] == bare.words[i - 1] || bare.words[i] == bare.words[i - 1] + 1,
            "words are counted one after another");
  answer([&] { tokenizer.decode(fast.ids); });
  answer([&] { tokenizer.decode(fast.ids, false); });
  const Encoding cut = tokenizer.encode(text, {.add_special = false, .max_tokens = 3}),
                 whole = tokenizer.encode(text, {.add_special = false});
  require(cut.ids.size() == std::min<std::size_t>(3, whole.ids.size()),
          "a cut encoding has the length that was asked for");
  require(std::equal(cut.ids.begin(), cut.ids.end(), whole.ids.begin()),
          "a cut encoding is the beginning of the whole one");
  require(cut.truncated == (whole.ids.size() > 3), "a cut encoding says so");
}

}  // namespace lyceum::fuzz
