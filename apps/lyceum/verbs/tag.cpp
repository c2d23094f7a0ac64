#include "tasks/tag/tag.h"

#include <nlohmann/json.hpp>

#include "apps/lyceum/app.h"
#include "apps/lyceum/blocks.h"
#include "base/error.h"

namespace lyceum::app {
namespace {

struct TagArguments {
  std::string model, aggregation = "none";
  InputOptions input;
  TagOptions tag;
  CutTexts cuts;
};

constexpr std::pair<const char*, Aggregation> kAggregations[] = {{"none", Aggregation::kNone},
                                                                 {"simple", Aggregation::kSimple},
                                                                 {"first", Aggregation::kFirst},
                                                                 {"average", Aggregation::kAverage},
                                                                 {"max", Aggregation::kMax}};

void print(const TaggedText& tagged, std::int64_t index, const std::string& text, const Common& common) {
  if (!common.json) {
    print_line(shortened(text, 80) + (tagged.truncated ? " truncated" : ""));
    for (const TaggedSpan& span : tagged.spans)
      print_line(fmt::format("  {:<12} {:.4f}  {:>6}-{:<6} {}", span.label, span.score, span.begin, span.end,
                             span.word));
    return;
  }
  nlohmann::ordered_json object{{"index", index}, {"entities", nlohmann::ordered_json::array()}};
  for (const TaggedSpan& span : tagged.spans) {
    nlohmann::ordered_json entity{{span.token < 0 ? "entity_group" : "entity", span.label},
                                  {"score", span.score}};
    if (span.token >= 0) entity["index"] = span.token;
    entity["word"] = span.word;
    entity["begin"] = span.begin;
    entity["end"] = span.end;
    object["entities"].push_back(std::move(entity));
  }
  if (tagged.truncated) object["truncated"] = true;
  print_json(object);
}

void run(const TagArguments& o, const Common& common) {
  apply(common);
  LineReader reader(o.input, common);
  reader.keep_bytes();  // places are those of the original line
  const auto task = TagTask::load(find_model(o.model, common), compute_of(common));
  report_unused(task->inside().unused, common);
  TagOptions options = o.tag;
  for (const auto& [name, aggregation] : kAggregations)
    if (o.aggregation == name) options.aggregation = aggregation;
  CutTexts cuts = o.cuts;
  in_blocks<std::string>("tag", reader, common, 0, [&](std::span<const std::string> texts) {
    const auto results = task->tag(texts, options);
    for (std::size_t i = 0; i < texts.size(); ++i) {
      cuts.add(results[i].truncated, task->inside().max_tokens);
      print(results[i], cuts.texts - 1, texts[i], common);
    }
  });
  reader.report();
  cuts.report(task->inside().max_tokens);
}

}  // namespace

void add_tag(CLI::App& app) {
  auto o = std::make_shared<TagArguments>();
  Verb verb(app, "tag", "Names and other labelled spans of a text");
  auto common =
      add_common(verb, "lyceum tag MODEL \"Ada Lovelace was born in London.\" --aggregation simple --json");
  add_model(verb, "model", o->model, "A folder, a file or a name", common).required();
  add_input(verb, o->input, "Texts");
  verb.option("--aggregation", o->aggregation, "How tokens are joined to spans")
      .one_of({"none", "simple", "first", "average", "max"})
      .show_default();
  verb.option("--ignore-labels", o->tag.ignored_labels, "Labels that are left out: a,b,c")
      .separator(',')
      .show_default();
  verb.option("--stride", o->tag.stride,
              "Read a long text in windows that share so many tokens, instead of cutting it")
      .range(0, 1 << 20);
  add_no_truncate(verb, o->cuts);
  verb.run([o, common] { run(*o, *common); });
}

}  // namespace lyceum::app
