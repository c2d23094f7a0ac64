// A tokenizer learned from text: WordPiece as BERT has it, or byte-level BPE as GPT-2 and RoBERTa have it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/function_ref.h"

namespace lyceum {

enum class VocabularyKind { kBpe, kWordPiece };
// What stands around a text: nothing; [CLS] A [SEP] B [SEP] with types 0 and 1; <s> A </s></s> B </s>.
enum class TextTemplate { kNone, kBert, kRoberta };

struct TrainingProgress {
  bool is_counting = true;  // bytes of text read so far; else tokens of the vocabulary so far
  std::uint64_t done = 0;
};

struct TokenizerTraining {
  VocabularyKind kind = VocabularyKind::kBpe;
  std::int64_t vocabulary_size = 0;  // special tokens and alphabet included
  std::int64_t min_frequency =
      2;  // of a pair that becomes a token; R: BertWordPieceTokenizer, ByteLevelBPETokenizer
  std::optional<bool> lowercase;               // not given: WordPiece lower-cases, BPE does not
  std::optional<std::int64_t> limit_alphabet;  // WordPiece only; not given: R 1000
  std::optional<TextTemplate> around;          // not given: WordPiece kBert, BPE kNone
  // The first ids. Empty: the template's, [PAD] [UNK] [CLS] [SEP] [MASK] or <s> <pad> </s> <unk> <mask>, and
  // <|endoftext|> for BPE without one.
  std::vector<std::string> special;
  std::int64_t model_max_length = 512;                    // written into tokenizer_config.json
  std::string field = "text";                             // of .jsonl files
  std::uint64_t max_word_bytes = 1 << 28;                 // O: of distinct words, which bound the memory
  std::function<void(const TrainingProgress&)> progress;  // from any thread, one call at a time
};

struct TrainedTokenizer {
  std::string tokenizer_json, tokenizer_config_json;  // the files, for transformers and for Tokenizer
  std::int64_t vocabulary = 0, merges = 0, alphabet = 0;
  std::int64_t left_out_characters = 0;                                        // more than limit_alphabet
  std::uint64_t texts_bytes = 0, words = 0, distinct_words = 0, repaired = 0;  // repaired: by U+FFFD
};

// Throws Errc::kUsage for options that do not fit together, before anything is read.
void check_tokenizer_training(const TokenizerTraining& options);

// Files of lines, each a text with its end of line, as the reference's train(files); of .jsonl files `field`
// of each line; plain, .gz or .zst. The result depends on texts and options alone, not on threads or the
// order of texts. Its vocabulary is that of the reference's trainers (tokenizers 0.23: WordPieceTrainer
// behind BertNormalizer and BertPreTokenizer, BpeTrainer behind ByteLevel without a prefix space, with all
// bytes as its initial alphabet), with the order of learn_vocabulary.h where that one has none. It counts in
// 64 bits where the reference has 32. Memory: of distinct words, up to 130 bytes each and their text for each
// thread while they are counted; then 32 bytes for each of their characters. Throws Errc::kUsage for options
// that do not fit together, and a vocabulary smaller than special tokens and alphabet (the reference makes a
// larger one than was asked for); Errc::kData when there are no words; Errc::kLimit for more distinct words
// than max_word_bytes; what TextBlock and DataLines throw for bad files; Errc::kInterrupted.
TrainedTokenizer train_tokenizer(const std::vector<std::filesystem::path>& files,
                                 const TokenizerTraining& options);
// The same for texts from elsewhere: next_text gives one after another, from any thread, one call at a time,
// and false when there are no more.
TrainedTokenizer train_tokenizer(FunctionRef<bool(std::string& text)> next_text,
                                 const TokenizerTraining& options);

// Errc::kIo when the folder has a tokenizer.json or tokenizer_config.json and may not be overwritten. To be
// asked before the work; save_tokenizer() asks it too.
void check_tokenizer_folder(const std::filesystem::path& folder, bool overwrite);
// Writes tokenizer.json and tokenizer_config.json, both flushed to the disk before either gets its name.
void save_tokenizer(const TrainedTokenizer& tokenizer, const std::filesystem::path& folder, bool overwrite);

}  // namespace lyceum
