// mine: pairs of lines that mean much the same.
#include "tasks/mine/mine.h"

#include <memory>
#include <nlohmann/json.hpp>

#include "apps/lyceum/app.h"
#include "apps/lyceum/embedded_lines.h"
#include "base/error.h"
#include "tasks/common/nearest.h"

namespace lyceum::app {
namespace {

struct MineArguments {
  std::string model, others;
  InputOptions input;
  EmbeddingChoices embedding;
  MineOptions mine;
  bool text = false;
};

void show(const MinedPair& pair, std::span<const std::string> first, std::span<const std::string> second,
          const MineArguments& o, const Common& common) {
  const auto text_of = [](std::span<const std::string> texts, std::int64_t index) {
    return std::string_view(texts[static_cast<std::size_t>(index)]);
  };
  if (common.json) {
    nlohmann::ordered_json object{{"score", pair.score}, {"first", pair.first}, {"second", pair.second}};
    if (o.text) {
      object["first_text"] = text_of(first, pair.first);
      object["second_text"] = text_of(second, pair.second);
    }
    return print_json(object);
  }
  const auto shown = [&](std::string_view text) {
    return o.text ? std::string(text) : shortened(text, kShownCharacters);
  };
  print_line(fmt::format("{:.4f} {:>7}  {}", pair.score, pair.first, shown(text_of(first, pair.first))));
  print_line(fmt::format("       {:>7}  {}", pair.second, shown(text_of(second, pair.second))));
}

void run(const MineArguments& o, const Common& common) {
  apply(common);
  LineReader reader(o.input, common);
  std::unique_ptr<LineReader> other_reader;  // a wrong name must not wait for the vectors
  if (o.others == "-") fail(Errc::kUsage, "--with: found standard input, expected a file");
  if (!o.others.empty())
    other_reader =
        std::make_unique<LineReader>(InputOptions{.file = o.others, .field = o.input.field}, common);
  const auto embedder = load_embedder(o.model, o.embedding, common);
  const bool keep_texts = o.text || !common.json;
  CutTexts cuts = o.embedding.cuts;
  EmbeddedLines lines = embed_lines("embed", reader, *embedder, keep_texts, cuts, common), others;
  normalize_rows(lines.vectors);
  if (other_reader != nullptr) {
    others = embed_lines("embed", *other_reader, *embedder, keep_texts, cuts, common);
    normalize_rows(others.vectors);
  }
  const std::vector<MinedPair> pairs = compared(lines.vectors.rows(), common, [&](const auto& progress) {
    return other_reader != nullptr ? mine_pairs(lines.vectors, others.vectors, o.mine, progress)
                                   : mine_pairs(lines.vectors, o.mine, progress);
  });
  for (const MinedPair& pair : pairs)
    show(pair, lines.texts, other_reader != nullptr ? others.texts : lines.texts, o, common);
  cuts.report(embedder->max_tokens());
}

}  // namespace

void add_mine(CLI::App& app) {
  auto o = std::make_shared<MineArguments>();
  Verb verb(app, "mine", "Pairs of lines that mean much the same, the closest first");
  auto common =
      add_common(verb, "lyceum mine all-MiniLM-L6-v2 --input questions.txt --top 5 --min-score 0.8 --json");
  add_model(verb, "model", o->model, "A folder, a file or a name", common).required();
  add_input(verb, o->input, "Texts");
  verb.option(
      "--with", o->others,
      "A second file (and --field): pairs of a text and one of its nearest there, such as translations");
  verb.option("--top,-k", o->mine.top, "Of each text, how many of the nearest others are looked at")
      .range(1, 1 << 20)
      .show_default();
  verb.option("--max-pairs", o->mine.max_pairs, "The most pairs that are kept, the best ones")
      .range(1, std::int64_t{1} << 30)
      .show_default();
  verb.option("--min-score", o->mine.min_score, "Leave out pairs with a lower cosine")
      .check(wrong_cosine, "COSINE")
      .show_default();
  verb.flag("--text", o->text, "Whole texts, with --json too");
  add_embedding(verb, o->embedding);
  verb.run([o, common] { run(*o, *common); });
}

}  // namespace lyceum::app
