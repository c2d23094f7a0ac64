// What the files beside tokenizer.json say: the reference's class and its options, special tokens, added
// tokens.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "text/load_model.h"

namespace lyceum {

class ModelFolder;

// Classes of the reference that build their pipeline anew, whatever tokenizer.json says; the general one
// follows it.
enum class TokenizerKind { kGeneral, kBert, kMpnet, kRoberta, kGpt2, kGptNeox };

struct FolderSettings {
  TokenizerKind kind = TokenizerKind::kGeneral;
  bool is_folder = false;  // the named tokens count; not so for a tokenizer.json by itself
  bool lowercase = true, chinese_chars = true;
  std::optional<bool> strip_accents;  // not given: as lowercase
  bool add_prefix_space = false, trim_offsets = true, add_bos = false, add_eos = false;
  bool clean_up_spaces = false, clean_up_bpe = false;  // of decoded text; of BPE's too
  bool has_added = false;                              // `added` stands over tokenizer.json's list
  std::vector<AddedToken> added, extra;  // in the order of the file's ids; further special tokens

  bool is_word_piece() const noexcept {
    return kind == TokenizerKind::kBert || kind == TokenizerKind::kMpnet;
  }
  bool is_byte_level() const noexcept {
    return kind == TokenizerKind::kRoberta || kind == TokenizerKind::kGpt2 || kind == TokenizerKind::kGptNeox;
  }
  // bos_token, unk_token, ...: `is_text` when a file gave only its text. Without content: there is none.
  void name(const std::string& key, AddedToken token, bool is_text);
  // The content of the file's token or of the class's; empty: none.
  std::string named(const std::string& key) const;
  // All named tokens in the reference's order, each as `files` has it, else as it was given.
  std::vector<AddedToken> named_tokens(const std::vector<AddedToken>& files) const;

 private:
  struct Named {
    AddedToken token;
    bool is_text;
  };
  std::map<std::string, Named> named_;
};

FolderSettings read_folder_settings(const ModelFolder& folder);

}  // namespace lyceum
