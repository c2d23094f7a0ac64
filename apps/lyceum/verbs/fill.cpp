#include "tasks/fill/fill.h"

#include <nlohmann/json.hpp>

#include "apps/lyceum/app.h"
#include "apps/lyceum/blocks.h"
#include "base/error.h"

namespace lyceum::app {
namespace {

struct FillArguments {
  std::string model;
  InputOptions input;
  FillOptions fill;
  CutTexts cuts;
};

void print(const FilledText& filled, std::int64_t index, const Common& common) {
  for (std::size_t m = 0; m < filled.masks.size(); ++m) {
    if (!common.json && filled.masks.size() > 1) print_line(fmt::format("mask {}", m + 1));
    for (const Filling& filling : filled.masks[m]) {
      if (!common.json) {
        print_line(fmt::format("{:.4f}  {:<16} {}", filling.score, filling.token, filling.text));
        continue;
      }
      nlohmann::ordered_json object{
          {"token", filling.token}, {"id", filling.id}, {"score", filling.score}, {"text", filling.text}};
      if (filled.masks.size() > 1) object["mask"] = m;
      object["index"] = index;
      if (filled.truncated) object["truncated"] = true;
      print_json(object);
    }
  }
}

void run(const FillArguments& o, const Common& common) {
  apply(common);
  LineReader reader(o.input, common);
  const auto task = FillTask::load(find_model(o.model, common), compute_of(common));
  report_unused(task->inside().unused, common);
  std::vector<std::int32_t> targets;
  if (!o.fill.targets.empty()) targets = task->target_ids(o.fill.targets);
  CutTexts cuts = o.cuts;
  in_blocks<std::string>("fill", reader, common, 0, [&](std::span<const std::string> texts) {
    for (const FilledText& filled : task->fill(texts, o.fill.top, targets)) {
      cuts.add(filled.truncated, task->inside().max_tokens);
      if (filled.masks.empty())
        fail(Errc::kData, "text {}: found no {}{}. Fix: write it where a word is to be found", cuts.texts,
             task->mask(), filled.truncated ? " among the tokens that the model takes" : "");
      print(filled, cuts.texts - 1, common);
    }
  });
  reader.report();
  cuts.report(task->inside().max_tokens);
}

}  // namespace

void add_fill(CLI::App& app) {
  auto o = std::make_shared<FillArguments>();
  Verb verb(app, "fill", "Words for the masks of a text");
  auto common = add_common(verb, "lyceum fill bert-base-uncased \"Paris is the [MASK] of France.\" --json");
  add_model(verb, "model", o->model, "A folder, a file or a name", common).required();
  add_input(verb, o->input, "Texts with one mask or several");
  verb.option("--top,-k", o->fill.top, "So many words for each mask").range(1, 1 << 24).show_default();
  verb.option("--targets", o->fill.targets, "Only these words: a,b,c").separator(',');
  add_no_truncate(verb, o->cuts);
  verb.run([o, common] { run(*o, *common); });
}

}  // namespace lyceum::app
