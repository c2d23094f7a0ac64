#include "data/prepared/prepare.h"

#include <nlohmann/json.hpp>

#include "apps/lyceum/app.h"
#include "base/error.h"
#include "base/log.h"
#include "base/parallel.h"
#include "formats/model_folder.h"
#include "text/byte_tokenizer.h"
#include "text/tokenizer.h"

namespace lyceum::app {
namespace {

struct PrepareArguments {
  std::vector<std::string> files;
  std::string tokenizer, output, objective = "documents", separator, field = "text", sentences,
                                 count = "google";
  bool parse_special = false, skip_bad_records = false, whole_words = false;
  std::int64_t max_tokens = 128, max_predictions = 20, copies = 10;
  double share = 0.15, short_probability = 0.1;
};

// "\n", "\t", "\f" and "\\" as a shell hands them over.
std::string unescaped(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out += text[i];
      continue;
    }
    constexpr std::string_view kNames = "ntf\\", kCharacters = "\n\t\f\\";
    const std::size_t which = ++i < text.size() ? kNames.find(text[i]) : std::string_view::npos;
    if (which == std::string_view::npos)
      fail(Errc::kUsage, "--separator: found '{}', expected \\n, \\t, \\f or \\\\ behind a backslash", text);
    out += kCharacters[which];
  }
  return out;
}

SentenceRule rule_of(const std::string& word) {
  if (word == "lines") return SentenceRule::kLines;
  return word == "marks" ? SentenceRule::kMarks : SentenceRule::kNone;
}

MaskCount count_of(const std::string& word) {
  if (word == "fairseq") return MaskCount::kFairseq;
  return word == "bernoulli" ? MaskCount::kBernoulli : MaskCount::kGoogle;
}

double share_of(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

void show(const PrepareArguments& o, const PrepareReport& r, const Common& common) {
  const bool is_pairs = o.objective == "bert_pairs";
  const MaskingCounts& m = r.masking;
  nlohmann::ordered_json object{{"output", o.output},
                                {"records", r.counts.records},
                                {"bad_records", r.counts.bad_records},
                                {is_pairs ? "examples" : "documents", r.documents},
                                {"tokens", r.tokens}};
  if (r.sentences > 0) object["sentences"] = r.sentences;
  if (is_pairs) {
    object["random_next_share"] = share_of(r.pairs.random, r.pairs.pairs);
    object["predicted"] = m.predicted;
    object["predicted_share"] = share_of(m.predicted, m.tokens);
    object["masked_share"] = share_of(m.masked, m.predicted);
    object["random_share"] = share_of(m.random, m.predicted);
    object["kept_share"] = share_of(m.kept, m.predicted);
  }
  if (common.json) return print_json(object);
  if (common.quiet) return;
  print_line(fmt::format("{}: {} {}, {} tokens, from {} records", o.output, r.documents,
                         is_pairs ? "examples" : "documents", r.tokens, r.counts.records));
  if (!is_pairs) return;
  print_line(fmt::format("  next sentence is random  {:>12}  {:6.2f} % of the examples", r.pairs.random,
                         100 * share_of(r.pairs.random, r.pairs.pairs)));
  print_line(fmt::format("  tokens to predict        {:>12}  {:6.2f} % of all tokens", m.predicted,
                         100 * share_of(m.predicted, m.tokens)));
  for (const auto& [what, count] :
       {std::pair{"masked", m.masked}, {"random", m.random}, {"as they are", m.kept}})
    print_line(fmt::format("    {:<22} {:>12}  {:6.2f} % of those", what, count,
                           100 * share_of(count, m.predicted)));
}

PrepareReport prepare(const PrepareArguments& o, const ExampleInput& input,
                      const std::shared_ptr<const Tokenizer>& tokenizer, const DocumentOptions& document,
                      const Common& common) try {
  Progress bar("preparing, tokens", 0, common);
  const PrepareOptions options{.output = o.output, .progress = [&](std::uint64_t, std::uint64_t tokens) {
                                 bar.update(static_cast<std::int64_t>(tokens));
                               }};
  if (o.objective != "bert_pairs") return prepare_documents(input, tokenizer, document, options);
  return prepare_sentence_pairs(
      input, tokenizer,
      {.max_tokens = o.max_tokens, .short_probability = o.short_probability, .document = document},
      {.count = count_of(o.count),
       .share = o.share,
       .max_predictions = o.max_predictions,
       .whole_words = o.whole_words,
       .seed = common.seed},
      static_cast<std::uint64_t>(o.copies), options);
} catch (const Error& error) {
  if (error.code() != Errc::kInterrupted) throw;
  fail(Errc::kInterrupted, "interrupted, and nothing was written. Fix: the same command begins anew");
}

void run(const PrepareArguments& o, const Common& common) {
  apply(common);
  const bool is_pairs = o.objective == "bert_pairs";
  const auto tokenizer =
      o.tokenizer == "bytes" ? byte_tokenizer() : Tokenizer::from_folder(find_model(o.tokenizer, common));
  RecordOptions records{.separator = unescaped(o.separator)};
  if (o.separator.empty() && is_pairs) records.separator = "\n\n";
  const ExampleInput input{.files = std::make_shared<RecordFiles>(o.files, records),
                           .order = {.seed = common.seed},
                           .skip_bad_records = o.skip_bad_records,
                           .ahead = {.threads = thread_count()}};
  DocumentOptions document{
      .field = o.field, .sentences = rule_of(o.sentences), .parse_special = o.parse_special};
  if (o.sentences.empty() && is_pairs) document.sentences = SentenceRule::kLines;
  const PrepareReport report = prepare(o, input, tokenizer, document, common);
  if (report.counts.bad_records > 0)
    log(LogLevel::kWarning, "{} of {} records were bad and left out; the first: {}",
        report.counts.bad_records, report.counts.records, report.counts.first_bad);
  show(o, report, common);
}

}  // namespace

void add_prepare(CLI::App& app) {
  auto o = std::make_shared<PrepareArguments>();
  Verb verb(app, "prepare", "Build a token cache: texts as tokens in a file that training maps");
  auto common =
      add_common(verb, "lyceum prepare books/*.txt.zst --tokenizer bert-base-uncased --output books.tokens");
  verb.option("files", o->files, "Texts, .jsonl or .tsv, plain, .gz or .zst; patterns in quotes are expanded")
      .required();
  add_model(verb, "--tokenizer", o->tokenizer, "bytes, or a MODEL whose tokenizer to use", common).required();
  verb.option("--output,-o", o->output, "The file to write, NAME.tokens")
      .required()
      .check(
          [](const std::string& name) {
            return std::string(name.ends_with(".tokens") ? "" : "expected a name in .tokens");
          },
          "NAME.tokens");
  verb.option("--objective", o->objective,
              "documents as they are, or bert_pairs: BERT's examples with masks and next sentences")
      .one_of({"documents", "bert_pairs"})
      .show_default();
  verb.option(
      "--separator", o->separator,
      "What stands between documents in text files, \\n, \\n\\n, \\f\\n ... (default: nothing, a file is "
      "one document; bert_pairs: \\n\\n)");
  verb.option("--field", o->field, "The text's field of .jsonl and .tsv").show_default();
  verb.option("--sentences", o->sentences,
              "Where sentences begin: none, lines, or marks such as a full stop (default: none; bert_pairs: "
              "lines)")
      .one_of({"none", "lines", "marks"});
  verb.flag("--parse-special", o->parse_special, "Special tokens written in the texts are recognised");
  verb.flag("--skip-bad-records", o->skip_bad_records, "Leave out records that are wrong, and count them");
  verb.option("--max-tokens", o->max_tokens, "bert_pairs: of an example, special ones included")
      .range(5, 1 << 20)
      .show_default();
  verb.option("--copies", o->copies, "bert_pairs: times over the texts, with other pairs and masks")
      .range(1, 10000)
      .show_default();
  verb.option("--mask-share", o->share, "bert_pairs: of the tokens that are predicted").show_default();
  verb.option("--mask-count", o->count, "bert_pairs: how many of an example's tokens that makes")
      .one_of({"google", "fairseq", "bernoulli"})
      .show_default();
  verb.option("--max-predictions", o->max_predictions, "bert_pairs: of an example, at most; 0: no limit")
      .range(0, 1 << 20)
      .show_default();
  verb.flag("--whole-words", o->whole_words, "bert_pairs: all pieces of a word are predicted, or none");
  verb.option("--short-probability", o->short_probability, "bert_pairs: of documents whose pairs are short")
      .show_default();
  verb.run([o, common] { run(*o, *common); });
}

}  // namespace lyceum::app
