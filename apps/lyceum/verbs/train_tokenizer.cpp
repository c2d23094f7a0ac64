#include "text/training/train_tokenizer.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "apps/lyceum/app.h"
#include "base/error.h"
#include "base/log.h"

namespace lyceum::app {
namespace {

struct TrainTokenizerArguments {
  std::vector<std::string> files;
  std::string kind, output, around;
  TokenizerTraining training;
  std::int64_t limit_alphabet = 0;  // 0: not given
  bool lowercase = false, cased = false, overwrite = false;
};

TokenizerTraining training_of(const TrainTokenizerArguments& o) {
  TokenizerTraining t = o.training;
  t.kind = o.kind == "bpe" ? VocabularyKind::kBpe : VocabularyKind::kWordPiece;
  if (o.lowercase && o.cased) fail(Errc::kUsage, "found both --lowercase and --cased, expected one of them");
  if (o.lowercase || o.cased) t.lowercase = o.lowercase;
  if (o.limit_alphabet > 0) t.limit_alphabet = o.limit_alphabet;
  if (!o.around.empty())
    t.around = o.around == "bert"      ? TextTemplate::kBert
               : o.around == "roberta" ? TextTemplate::kRoberta
                                       : TextTemplate::kNone;
  return t;
}

void report(const TrainTokenizerArguments& o, const TrainedTokenizer& t, const Common& common) {
  if (t.repaired > 0)
    log(LogLevel::kWarning, "{} invalid UTF-8 sequences were replaced by U+FFFD", t.repaired);
  if (t.left_out_characters > 0)
    log(LogLevel::kInfo, "{} rare characters are not in the alphabet (--limit-alphabet)",
        t.left_out_characters);
  if (t.vocabulary < o.training.vocabulary_size)
    log(LogLevel::kWarning,
        "the vocabulary has {} tokens, not {}: no further pair of neighbours stands {} times in the text",
        t.vocabulary, o.training.vocabulary_size, std::max<std::int64_t>(1, o.training.min_frequency));
  if (common.json)
    return print_json({{"output", o.output},
                       {"vocabulary", t.vocabulary},
                       {"alphabet", t.alphabet},
                       {"merges", t.merges},
                       {"text_bytes", t.texts_bytes},
                       {"words", t.words},
                       {"distinct_words", t.distinct_words},
                       {"repaired", t.repaired}});
  if (!common.quiet)
    print_line(
        fmt::format("{}: {} tokens, an alphabet of {} among them, from {} of text with {} distinct words",
                    o.output, t.vocabulary, t.alphabet, byte_text(t.texts_bytes), t.distinct_words));
}

void run(const TrainTokenizerArguments& o, const Common& common) {
  apply(common);
  TokenizerTraining training = training_of(o);
  check_tokenizer_folder(o.output, o.overwrite);
  TrainedTokenizer trained;
  {
    Progress counting("train-tokenizer: reading", 0, common, Progress::Unit::kBytes);
    Progress learning("train-tokenizer: tokens", training.vocabulary_size, common);
    training.progress = [&](const TrainingProgress& p) {
      (p.is_counting ? counting : learning).update(static_cast<std::int64_t>(p.done));
    };
    trained = train_tokenizer(std::vector<std::filesystem::path>(o.files.begin(), o.files.end()), training);
  }
  save_tokenizer(trained, o.output, o.overwrite);
  report(o, trained, common);
}

}  // namespace

void add_train_tokenizer(CLI::App& app) {
  auto o = std::make_shared<TrainTokenizerArguments>();
  Verb verb(app, "train-tokenizer", "Learn a vocabulary from text: WordPiece or byte-level BPE");
  auto common = add_common(
      verb, "lyceum train-tokenizer --kind bpe --vocab-size 8192 --output tokenizer books/*.txt.zst");
  verb.option("files", o->files,
              "Text, each line with its end by itself, or .jsonl with --field; plain, .gz or .zst")
      .required();
  verb.option("--kind", o->kind, "bpe (byte-level, as GPT-2 and RoBERTa) or wordpiece (as BERT)")
      .one_of({"bpe", "wordpiece"})
      .required();
  verb.option("--vocab-size", o->training.vocabulary_size, "Tokens, special ones and alphabet included")
      .range(1, 1 << 24)
      .required();
  verb.option("--output,-o", o->output, "The folder for tokenizer.json and tokenizer_config.json").required();
  verb.option("--min-frequency", o->training.min_frequency, "How often a pair must stand to become a token")
      .range(0, std::int64_t{1} << 60)
      .show_default();
  verb.flag("--lowercase", o->lowercase,
            "Lower-case the text (default for wordpiece, which drops accents too)");
  verb.flag("--cased", o->cased, "Keep the case (default for bpe)");
  verb.option("--limit-alphabet", o->limit_alphabet,
              "wordpiece: the most frequent characters only (default: 1000)")
      .range(1, 1 << 24);
  verb.option(
          "--special", o->training.special,
          "Special tokens, with commas between, in the order of their ids (default: those of the template)")
      .separator(',');
  verb.option(
          "--template", o->around,
          "What stands around a text: bert ([CLS] A [SEP] B [SEP], default for wordpiece), roberta (<s> A "
          "</s></s> B </s>, for bpe) or none (default for bpe)")
      .one_of({"bert", "roberta", "none"});
  verb.option("--max-length", o->training.model_max_length,
              "Tokens that the model will take, written into tokenizer_config.json")
      .range(1, std::int64_t{1} << 60)
      .show_default();
  verb.option("--field", o->training.field, "The field of a .jsonl file that holds the text").show_default();
  verb.flag("--overwrite", o->overwrite, "Replace a tokenizer that is in the folder");
  verb.run([o, common] { run(*o, *common); });
}

}  // namespace lyceum::app
