#include "tasks/rerank/rerank.h"

#include <nlohmann/json.hpp>

#include "apps/lyceum/app.h"
#include "apps/lyceum/processes.h"
#include "base/error.h"
#include "base/log.h"
#include "base/utf8.h"

namespace lyceum::app {
namespace {

struct RerankArguments {
  std::string model, query;
  InputOptions input;
  std::int64_t top = 0;
  bool raw = false, text = false;
  CutTexts cuts;
};

void run(const RerankArguments& o, const Common& common) {
  Ranks& ranks = apply_shared(common);
  std::string query = o.query;
  if (repair_utf8(query) > 0 && common.strict) fail(Errc::kData, "the query is not UTF-8");
  std::optional<LineReader> reader;
  if (ranks.is_root()) reader.emplace(o.input, common);
  const ModelFolder folder = find_model(ranks, o.model, common);
  const auto task = RerankTask::load(folder, compute_of(common));
  expect_same(ranks, "model", identity_of(ranks, folder));
  report_unused(task->inside().unused, common);
  const Encoding encoded = task->query(query);
  PassageRanking ranking(o.top);
  CutTexts cuts = o.cuts;
  using Scores = std::pair<std::vector<float>, std::int64_t>;  // and how many passages were cut
  const auto score = [&](std::span<const std::string> passages) {
    std::int64_t cut = 0;
    std::vector<float> scores = task->scores(encoded, passages, o.raw, &cut);
    return Scores(std::move(scores), cut);
  };
  const auto add = [&](std::span<const std::string> passages, const Scores& result) {
    const auto& [scores, cut] = result;
    if (cut > 0 && cuts.refuse)
      fail(Errc::kData,
           "{} of the passages {} to {} have more than {} tokens with the query. Fix: cut them, "
           "or leave out --no-truncate",
           cut, cuts.texts + 1, cuts.texts + static_cast<std::int64_t>(passages.size()),
           task->inside().max_tokens);
    cuts.cut += cut;
    cuts.texts += static_cast<std::int64_t>(passages.size());
    for (std::size_t i = 0; i < passages.size(); ++i)
      ranking.add(scores[i], o.text        ? passages[i]
                             : common.json ? ""
                                           : shortened(passages[i], kShownCharacters));
  };
  share_blocks<std::string>(ranks, "rerank", reader ? &*reader : nullptr, common, 0, score, add);
  if (!reader) return;
  for (const PassageRanking::Entry& entry : std::move(ranking).best()) {
    if (!common.json) {
      print_line(fmt::format("{:9.4f}  {:>6}  {}", entry.score, entry.index, entry.text));
      continue;
    }
    nlohmann::ordered_json object{{"index", entry.index}, {"score", entry.score}};
    if (o.text) object["text"] = entry.text;
    print_json(object);
  }
  reader->report();
  cuts.report(task->inside().max_tokens);
}

}  // namespace

void add_rerank(CLI::App& app) {
  auto o = std::make_shared<RerankArguments>();
  Verb verb(app, "rerank", "Passages in the order in which they answer a query, by a cross-encoder");
  auto common = add_common(
      verb,
      "lyceum rerank cross-encoder/ms-marco-MiniLM-L-6-v2 \"how tall is the tower\" passages.txt --top 5");
  add_model(verb, "model", o->model, "A folder, a file or a name", common).required();
  verb.option("query", o->query, "What is asked").required();
  verb.option("file", o->input.file, "Passages, one a line, or .jsonl ('-': standard input)").required();
  verb.option("--field", o->input.field, "The field of a .jsonl file that holds the passage").show_default();
  verb.option("--top,-k", o->top, "The best K passages only").range(1, 1 << 30);
  verb.flag("--raw", o->raw, "The head's own scores instead of the model's activation of them");
  verb.flag("--text", o->text, "With --json, the passage beside its score");
  add_no_truncate(verb, o->cuts);
  verb.run([o, common] { run(*o, *common); });
}

}  // namespace lyceum::app
