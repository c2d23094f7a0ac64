// What a tokenizer.json says of byte-level BPE, for those who write one.
#pragma once

#include <nlohmann/json.hpp>
#include <utility>

namespace lyceum {

// vocabulary: an object from tokens to ids. merges: a list of pairs of tokens, the first merge first.
inline nlohmann::ordered_json bpe_model_json(nlohmann::ordered_json vocabulary,
                                             nlohmann::ordered_json merges) {
  return {{"type", "BPE"},
          {"dropout", nullptr},
          {"unk_token", nullptr},
          {"continuing_subword_prefix", nullptr},
          {"end_of_word_suffix", nullptr},
          {"fuse_unk", false},
          {"byte_fallback", false},
          {"ignore_merges", false},
          {"vocab", std::move(vocabulary)},
          {"merges", std::move(merges)}};
}

// A decoder knows none of these: the reference writes true for all of them.
struct ByteLevelFlags {
  bool add_prefix_space = true, trim_offsets = true, use_regex = true;
};
inline nlohmann::ordered_json byte_level_json(const ByteLevelFlags& flags = {}) {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", flags.add_prefix_space},
          {"trim_offsets", flags.trim_offsets},
          {"use_regex", flags.use_regex}};
}

}  // namespace lyceum
