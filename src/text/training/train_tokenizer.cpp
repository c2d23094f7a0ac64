#include "text/training/train_tokenizer.h"

#include <fmt/ranges.h>

#include <set>

#include "base/error.h"
#include "base/file.h"
#include "text/load_parts.h"
#include "text/training/learn_vocabulary.h"
#include "text/training/tokenizer_files.h"

namespace lyceum {
namespace {

constexpr std::size_t kTextBytes = std::size_t{1} << 20;  // of a block

void check_special(const TokenizerPlan& plan) {
  std::set<std::string> seen;
  for (const std::string& token : plan.special) {
    if (token.empty()) fail(Errc::kUsage, "train-tokenizer: found an empty special token, expected texts");
    if (!seen.insert(token).second)
      fail(Errc::kUsage, "train-tokenizer: found the special token '{}' twice, expected it once", token);
  }
  for (const std::string& token : needed_tokens(plan))
    if (!seen.contains(token))
      fail(Errc::kUsage,
           "train-tokenizer: the special token '{}' is missing from {}. Fix: name it, or choose another "
           "template",
           token, fmt::join(plan.special, ","));
}

TokenizerPlan plan_of(const TokenizerTraining& o) {
  const bool is_bpe = o.kind == VocabularyKind::kBpe;
  TokenizerPlan plan{.kind = o.kind,
                     .around = o.around.value_or(is_bpe ? TextTemplate::kNone : TextTemplate::kBert),
                     .lowercase = o.lowercase.value_or(!is_bpe),
                     .special = o.special,
                     .model_max_length = o.model_max_length};
  if (plan.around == (is_bpe ? TextTemplate::kBert : TextTemplate::kRoberta))
    fail(Errc::kUsage, "train-tokenizer: found the template {} for {}, expected {} or none",
         is_bpe ? "bert" : "roberta", is_bpe ? "BPE" : "WordPiece", is_bpe ? "roberta" : "bert");
  const auto expect = [](const char* what, std::int64_t value, std::int64_t least, std::int64_t most) {
    if (value < least || value > most)
      fail(Errc::kUsage, "train-tokenizer: {}: found {}, expected {} to {}", what, value, least, most);
  };
  expect("the vocabulary's size", o.vocabulary_size, 1, kMostIds);
  expect("the least frequency of a pair", o.min_frequency, 0, std::int64_t{1} << 60);
  expect("the model's longest text", o.model_max_length, 1, std::int64_t{1} << 60);
  if (o.limit_alphabet) {
    expect("the size of the alphabet", *o.limit_alphabet, 1, kMostIds);
    if (is_bpe)
      fail(Errc::kUsage,
           "train-tokenizer: found a limit of the alphabet for byte-level BPE, whose alphabet are the 256 "
           "bytes. Fix: leave it out");
  }
  if (plan.special.empty()) plan.special = default_special(plan.kind, plan.around);
  check_special(plan);
  return plan;
}

TrainedTokenizer train(FunctionRef<bool(TextBlock&)> read, const TokenizerTraining& o) {
  constexpr std::int64_t kCharacters = 1000;
  const TokenizerPlan plan = plan_of(o);
  const bool is_bytes = o.kind == VocabularyKind::kBpe;
  const auto tell = [&](bool is_counting, std::uint64_t done) {
    if (o.progress) o.progress({.is_counting = is_counting, .done = done});
  };
  const CountedWords words = count_words(read, {.is_bytes = is_bytes,
                                                .lowercase = plan.lowercase,
                                                .field = o.field,
                                                .most_bytes = o.max_word_bytes,
                                                .progress = [&](std::uint64_t done) { tell(true, done); }});
  if (words.words == 0)
    fail(Errc::kData,
         "train-tokenizer: found no word in {} bytes of text, expected text to learn from. Fix: other files, "
         "or "
         "another --field",
         words.text_bytes);
  const LearnedVocabulary learned = learn_vocabulary(
      words, {.is_bytes = is_bytes,
              .size = static_cast<std::size_t>(o.vocabulary_size),
              .min_frequency = static_cast<std::uint64_t>(o.min_frequency),
              .most_characters = static_cast<std::size_t>(o.limit_alphabet.value_or(kCharacters)),
              .special = plan.special,
              .progress = [&](std::size_t tokens) { tell(false, tokens); }});
  return {.tokenizer_json = tokenizer_json(plan, learned),
          .tokenizer_config_json = tokenizer_config_json(plan),
          .vocabulary = static_cast<std::int64_t>(learned.tokens.size()),
          .merges = static_cast<std::int64_t>(learned.merges.size()),
          .alphabet = static_cast<std::int64_t>(learned.alphabet),
          .left_out_characters = static_cast<std::int64_t>(learned.left_out_characters),
          .texts_bytes = words.text_bytes,
          .words = words.words,
          .distinct_words = words.distinct,
          .repaired = words.repaired};
}

}  // namespace

void check_tokenizer_training(const TokenizerTraining& options) { plan_of(options); }

TrainedTokenizer train_tokenizer(const std::vector<std::filesystem::path>& files,
                                 const TokenizerTraining& options) {
  TextFiles texts(files);
  return train([&](TextBlock& block) { return texts.next(block); }, options);
}

TrainedTokenizer train_tokenizer(FunctionRef<bool(std::string& text)> next_text,
                                 const TokenizerTraining& options) {
  bool more = true;
  std::string text;
  const auto read = [&](TextBlock& block) {
    block.form = TextBlock::Form::kTexts;
    block.bytes.clear();
    block.ends.clear();
    while (more && block.bytes.size() < kTextBytes && (more = next_text(text))) {
      block.bytes += text;
      block.ends.push_back(block.bytes.size());
    }
    return !block.ends.empty();
  };
  return train(read, options);
}

namespace {

constexpr const char *kTokenizerFile = "tokenizer.json", *kConfigFile = "tokenizer_config.json";

}  // namespace

void check_tokenizer_folder(const std::filesystem::path& folder, bool overwrite) {
  std::error_code error;
  if (std::filesystem::exists(folder, error) && !std::filesystem::is_directory(folder, error))
    fail(Errc::kIo, "{}: found a file, expected a folder to write to", folder.string());
  if (overwrite) return;
  for (const char* name : {kTokenizerFile, kConfigFile})
    if (std::filesystem::exists(folder / name, error))
      fail(Errc::kIo, "{}: is there already. Fix: another --output, or --overwrite",
           (folder / name).string());
}

void save_tokenizer(const TrainedTokenizer& tokenizer, const std::filesystem::path& folder, bool overwrite) {
  check_tokenizer_folder(folder, overwrite);
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) fail(Errc::kIo, "{}: cannot make the folder: {}", folder.string(), error.message());
  AtomicFile vocabulary(folder / kTokenizerFile), config(folder / kConfigFile);
  vocabulary.write(tokenizer.tokenizer_json);
  config.write(tokenizer.tokenizer_config_json);
  config.commit();
  vocabulary.commit();
}

}  // namespace lyceum
