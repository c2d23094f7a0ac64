#include "tasks/classify/classify.h"

#include <nlohmann/json.hpp>

#include "apps/lyceum/app.h"
#include "apps/lyceum/processes.h"
#include "base/error.h"

namespace lyceum {

// As messages between processes.
void pack(Packer& p, const LabelScore& label) {
  pack(p, label.label);
  pack(p, label.score);
}
void unpack(Unpacker& u, LabelScore& label) {
  unpack(u, label.label);
  unpack(u, label.score);
}
void pack(Packer& p, const Classification& c) {
  pack(p, c.labels);
  pack(p, c.truncated);
}
void unpack(Unpacker& u, Classification& c) {
  unpack(u, c.labels);
  unpack(u, c.truncated);
}

}  // namespace lyceum

namespace lyceum::app {
namespace {

struct ClassifyArguments {
  std::string model, activation = "default";
  InputOptions input{.second_field = "text_pair"};
  ZeroShotOptions zero_shot;
  std::int64_t top = 0;
  bool pairs = false;
  CutTexts cuts;
};

constexpr std::pair<const char*, ScoreFunction> kFunctions[] = {{"default", ScoreFunction::kDefault},
                                                                {"softmax", ScoreFunction::kSoftmax},
                                                                {"sigmoid", ScoreFunction::kSigmoid},
                                                                {"none", ScoreFunction::kNone}};

void print(const Classification& c, const std::string& text, const Common& common) {
  if (!common.json) {
    std::string line;
    for (const LabelScore& label : c.labels) line += fmt::format("{} {:.4f}  ", label.label, label.score);
    return print_line(line + shortened(text, 60) + (c.truncated ? " truncated" : ""));
  }
  nlohmann::ordered_json object{{"labels", nlohmann::ordered_json::array()}};
  for (const LabelScore& label : c.labels)
    object["labels"].push_back({{"label", label.label}, {"score", label.score}});
  if (c.truncated) object["truncated"] = true;
  print_json(object);
}

void check(const ClassifyArguments& o) {
  const bool zero_shot = !o.zero_shot.labels.empty();
  if (zero_shot && (o.pairs || o.activation != "default"))
    fail(Errc::kUsage, "--labels: found it with {}, expected one of them",
         o.pairs ? "--pairs" : "--activation");
  if (!zero_shot && o.zero_shot.multi_label) fail(Errc::kUsage, "--multi-label needs --labels");
  if (zero_shot) hypothesis(o.zero_shot.hypothesis_template, "");  // before the model is loaded
}

void run(const ClassifyArguments& o, const Common& common) {
  Ranks& ranks = apply_shared(common);
  check(o);
  std::optional<LineReader> input;
  if (ranks.is_root()) input.emplace(o.input, common);
  LineReader* const reader = input ? &*input : nullptr;
  const ModelFolder folder = find_model(ranks, o.model, common);
  const auto task = ClassifyTask::load(folder, compute_of(common));
  expect_same(ranks, "model", identity_of(ranks, folder));
  report_unused(task->inside().unused, common);
  ClassifyOptions options{.top = o.top};
  for (const auto& [name, function] : kFunctions)
    if (o.activation == name) options.function = function;
  ZeroShotOptions zero_shot = o.zero_shot;
  zero_shot.top = o.top;
  for (std::string& label : zero_shot.labels) {  // "a, b" are a and b
    label.erase(0, label.find_first_not_of(' '));
    label.erase(label.find_last_not_of(' ') + 1);
  }
  std::erase(zero_shot.labels, "");
  CutTexts cuts = o.cuts;
  const auto show = [&](const Classification& c, const std::string& text) {
    cuts.add(c.truncated, task->inside().max_tokens);
    print(c, text, common);
  };
  if (o.pairs) {
    share_blocks<TextPair>(
        ranks, "classify", reader, common, 0,
        [&](std::span<const TextPair> pairs) { return task->classify(pairs, options); },
        [&](std::span<const TextPair> pairs, const std::vector<Classification>& results) {
          for (std::size_t i = 0; i < pairs.size(); ++i)
            show(results[i], pairs[i].first + " | " + pairs[i].second);
        });
  } else {
    share_blocks<std::string>(
        ranks, "classify", reader, common, 0,
        [&](std::span<const std::string> texts) {
          return o.zero_shot.labels.empty() ? task->classify(texts, options)
                                            : task->zero_shot(texts, zero_shot);
        },
        [&](std::span<const std::string> texts, const std::vector<Classification>& results) {
          for (std::size_t i = 0; i < texts.size(); ++i) show(results[i], texts[i]);
        });
  }
  if (reader == nullptr) return;
  reader->report();
  cuts.report(task->inside().max_tokens);
}

}  // namespace

void add_classify(CLI::App& app) {
  auto o = std::make_shared<ClassifyArguments>();
  Verb verb(app, "classify", "Labels of a text with their scores");
  auto common = add_common(verb, "lyceum classify MODEL \"I could not put it down.\" --top 1 --json");
  add_model(verb, "model", o->model, "A folder, a file or a name", common).required();
  add_input(verb, o->input, "Texts");
  add_pairs(verb, o->input, o->pairs, "--pair-field");
  verb.option("--top,-k", o->top, "The best K labels only").range(1, 1 << 24);
  verb.option("--activation", o->activation, "From the head's values to scores (default: as the model says)")
      .one_of({"default", "softmax", "sigmoid", "none"});
  verb.option("--labels", o->zero_shot.labels,
              "Labels of your own, a,b,c, for a model that tells whether one text entails another")
      .separator(',');
  verb.option("--hypothesis-template", o->zero_shot.hypothesis_template,
              "What a label of your own says of the text")
      .show_default();
  verb.flag("--multi-label", o->zero_shot.multi_label, "Several labels of your own may be right at once");
  add_no_truncate(verb, o->cuts);
  verb.run([o, common] { run(*o, *common); });
}

}  // namespace lyceum::app
