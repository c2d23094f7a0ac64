// RoBERTa: with the architecture fixed, what do masks, next sentence prediction and longer training do?
#include <fmt/core.h>

#include <algorithm>
#include <string>
#include <vector>

#include "papers/pretraining.h"
#include "papers/samples.h"
#include "papers/study.h"

namespace lyceum::papers {
namespace {

using Settings = std::vector<std::string>;
using Values = std::vector<double>;  // by seed

class Roberta {
 public:
  explicit Roberta(Study& study) : study_(study), seeds_(study.seeds(study.pick(5, 3, 2))) {}
  void reproduce();

 private:
  Run pretrained(const std::string& arm, const std::string& text, std::int64_t steps, std::int64_t seed,
                 const Settings& settings, const std::string& longer = "longer");
  void masking();
  void next_sentence();
  void longer();
  double held_out_loss(const std::string& arm, const Run& run, std::int64_t seed);
  Values downstream(const std::string& arm, const std::string& task, const std::vector<Run>& runs);
  std::string passages(const std::string& name, const std::string& from, std::int64_t bytes);

  Study& study_;
  std::int64_t seeds_;
  std::string few_, many_, held_out_, tokenizer_;
  Values long_, half_;  // losses of the arm without next sentence prediction
};

std::string Roberta::passages(const std::string& name, const std::string& from, std::int64_t bytes) {
  return study_.file(name, [&](const std::string& path) { write_passages(study_.data(from), path, bytes); });
}

Run Roberta::pretrained(const std::string& arm, const std::string& text, std::int64_t steps,
                        std::int64_t seed, const Settings& settings, const std::string& longer) {
  Settings all = {"data.train=" + text, "data.valid=" + held_out_};
  all.insert(all.end(), settings.begin(), settings.end());
  Settings model = bert_body(study_);
  model.push_back("model.tokenizer=" + tokenizer_);
  return pretrain(study_, {.recipe = "pretrain",
                           .longer = longer,
                           .name = fmt::format("{}_seed{}", arm, seed),
                           .model = model,
                           .settings = all,
                           .steps = steps,
                           .seed = seed})
      .last;
}

// Section 4.1. The text is short, so that it is seen many times: that is when it matters where the masks are.
void Roberta::masking() {
  struct Arm {
    std::string name, id;
    int copies;
    Values losses, gaps;
  };
  std::vector<Arm> arms = {{"static, 1 copy", "static1", 1, {}, {}},
                           {"static, 10 copies", "static10", 10, {}, {}},
                           {"dynamic", "dynamic", 0, {}, {}}};
  const std::int64_t steps = study_.pick(5000, 1500, 3);
  LineChart chart{.title = "Masks: loss on held-out text, seed 0",
                  .x_label = "step",
                  .y_label = "nats for each masked token",
                  .series = {}};
  for (Arm& arm : arms)
    for (std::int64_t seed = 0; seed < seeds_; ++seed) {
      const Run run =
          pretrained("masks_" + arm.id, few_, steps, seed,
                     {fmt::format("objective.copies={}", arm.copies), "data.separator=\"\\n\""}, "");
      arm.losses.push_back(run.number("loss_nats"));
      arm.gaps.push_back(run.number("loss_nats") - run.number("train_loss_nats"));
      if (seed == 0) chart.series.push_back(study_.validation_curve(run.model, arm.name, "loss_nats"));
    }
  const auto claim = [&](const char* text, std::size_t left, std::size_t right) {
    study_.report().claim(
        {.text = text,
         .paper = "section 4.1: dynamic 78.7/84.0/92.9, static 78.3/84.3/92.5 (SQuAD 2.0 F1, MNLI, SST-2)",
         .measure = "held-out loss, nats",
         .comparison = {.left = arms[left].losses, .right = arms[right].losses, .lower_is_better = true}});
  };
  claim("Dynamic masks beat one static copy", 2, 0);
  claim("Dynamic masks beat ten static copies", 2, 1);
  ResultTable table{.caption = "Masked language model on held-out text, nats for each masked token",
                    .corner = "masks",
                    .columns = {"held-out loss", "held-out minus last training loss"},
                    .rows = {},
                    .digits = 3};
  for (const Arm& arm : arms) table.rows.push_back({arm.name, {arm.losses, arm.gaps}});
  study_.report().heading("Static and dynamic masks");
  study_.report().text(
      fmt::format("{} steps over {} kB of text, which are many epochs. All arms of a seed are judged on "
                  "the same masks of the same text.",
                  steps, study_.pick(3000, 300, 20)));
  study_.report().chart(std::move(chart));
  study_.report().results(std::move(table));
}

// The loss of hidden words alone, in blocks of full sentences, whatever the model was trained on.
double Roberta::held_out_loss(const std::string& arm, const Run& run, std::int64_t seed) {
  const Settings settings = {"model.from=" + run.model,
                             "data.train=" + held_out_,
                             "data.valid=" + held_out_,
                             "data.separator=\"\\f\\n\"",
                             "objective.kind=masked_lm",
                             "objective.count=fairseq",
                             fmt::format("train.seed={}", seed),
                             "train.steps=1",
                             fmt::format("train.context_tokens={}", long_block(study_)),
                             "output.directory=unused"};
  const std::string text = "[model]\n[data]\n[objective]\n[train]\n[output]\n";
  const Numbers numbers = study_.measure(fmt::format("held_out_{}_seed{}", arm, seed), run.model + "/", [&] {
    return TrainingRecipe::parse(text, "held-out loss", settings).validate().numbers;
  });
  return Run{.folder = run.folder, .model = {}, .numbers = numbers}.number("loss_nats");
}

Values Roberta::downstream(const std::string& arm, const std::string& task, const std::vector<Run>& runs) {
  const bool is_pair = task == "snli";
  const std::string folder = is_pair ? "nlp/snli/" : "reviews/sst2/";
  const std::int64_t labels = study_.pick(is_pair ? 14154 : 6252, 1000, 24);
  Values values;
  for (std::int64_t seed = 0; seed < seeds_; ++seed) {
    const std::string sample =
        study_.file(fmt::format("{}_{}_seed{}.jsonl", task, labels, seed), [&](const std::string& path) {
          write_sample(study_.data(folder + "train.jsonl"), path, labels, static_cast<std::uint64_t>(seed));
        });
    Settings settings = {"model.from=" + runs[static_cast<std::size_t>(seed)].model, "data.train=" + sample,
                         "data.valid=" + study_.data(folder + "test.jsonl"),
                         fmt::format("train.seed={}", seed),
                         fmt::format("train.epochs={}", study_.pick(4, 4, 1))};
    if (is_pair) {
      settings.push_back("data.text=sentence1");
      settings.push_back("data.second_text=sentence2");
    }
    settings.push_back(is_pair ? "data.labels=[\"entailment\",\"neutral\",\"contradiction\"]"
                               : "data.labels=[\"0\",\"1\"]");
    values.push_back(100 * study_
                               .train({.recipe = "finetune",
                                       .name = fmt::format("{}_{}_seed{}", task, arm, seed),
                                       .settings = settings,
                                       .keep_model = false,
                                       .measure = {}})
                               .number("accuracy"));
  }
  return values;
}

// Section 4.2: SEGMENT-PAIR with the second task, and FULL-SENTENCES without.
void Roberta::next_sentence() {
  const std::int64_t steps = study_.pick(8000, 2000, 4);
  std::vector<Run> with, without;
  Values loss_with;
  for (std::int64_t seed = 0; seed < seeds_; ++seed) {
    without.push_back(pretrained("full_sentences", many_, steps, seed, {}));
    with.push_back(pretrained("pairs_nsp", many_, steps, seed,
                              {"objective.blocks=pairs", "objective.next_sentence=true"}));
    long_.push_back(held_out_loss("full_sentences", without.back(), seed));
    loss_with.push_back(held_out_loss("pairs_nsp", with.back(), seed));
  }
  study_.report().claim(
      {.text = "Full sentences without next sentence prediction: lower loss of hidden words",
       .paper = "not in the paper's table, which has tasks only",
       .measure = "held-out loss, nats",
       .comparison = {.left = long_, .right = loss_with, .lower_is_better = true}});
  ResultTable table{.caption = "With and without next sentence prediction",
                    .corner = "pre-training",
                    .columns = {"held-out loss, nats"},
                    .rows = {{"full sentences, none", {long_}}, {"segment pairs, NSP", {loss_with}}},
                    .digits = 2};
  for (const char* task : {"sst2", "snli"}) {
    const Values left = downstream("full_sentences", task, without),
                 right = downstream("pairs_nsp", task, with);
    const bool is_pair = std::string(task) == "snli";
    study_.report().claim({.text = fmt::format("{}: going without next sentence prediction does not hurt",
                                               is_pair ? "SNLI" : "SST-2"),
                           .paper = is_pair ? "MNLI 84.7 without, 84.0 with (section 4.2)"
                                            : "SST-2 92.5 without, 92.9 with (section 4.2)",
                           .measure = "accuracy, points",
                           .comparison = {.left = left, .right = right, .margin = 1}});
    table.columns.push_back(is_pair ? "SNLI, %" : "SST-2, %");
    table.rows[0].cells.push_back(left);
    table.rows[1].cells.push_back(right);
  }
  study_.report().heading("Next sentence prediction");
  study_.report().text(
      "Both arms have as many steps, batches and tokens in a sequence. The loss is of hidden words "
      "in full sentences for both, which is the form that only one of them was trained on.");
  study_.report().results(std::move(table));
}

// Table 4: longer training is the strongest effect of the paper.
void Roberta::longer() {
  const std::int64_t steps = study_.pick(8000, 2000, 4);
  for (std::int64_t seed = 0; seed < seeds_; ++seed)
    half_.push_back(held_out_loss(
        "half", pretrained("half_the_steps", many_, std::max<std::int64_t>(1, steps / 2), seed, {}), seed));
  study_.report().claim({.text = "Twice the steps: lower loss",
                         .paper = "100k, 300k and 500k steps: MNLI 89.3, 90.0, 90.2 (table 4)",
                         .measure = "held-out loss, nats",
                         .comparison = {.left = long_, .right = half_, .lower_is_better = true}});
  study_.report().heading("Longer training");
  study_.report().results({.caption = "Full sentences, dynamic masks",
                           .corner = "steps",
                           .columns = {"held-out loss, nats"},
                           .rows = {{std::to_string(steps / 2), {half_}}, {std::to_string(steps), {long_}}},
                           .digits = 3});
}

void Roberta::reproduce() {
  few_ = passages("few.txt", "lm/prose/train.txt", study_.pick(3'000'000, 300'000, 20'000));
  many_ = passages("many.txt", "lm/prose/train.txt", study_.pick(20'000'000, 5'000'000, 20'000));
  held_out_ = passages("held_out.txt", "lm/prose/valid.txt", study_.pick(400'000, 60'000, 4'000));
  tokenizer_ = study_.tokenizer("tokenizer", {many_}, study_.pick(8000, 4000, 300));
  study_.report().about(
      fmt::format("{} seeds; each has a pre-training of its own in every arm, so intervals cover the whole "
                  "pipeline. Accuracies are those of the test split after the last step.",
                  seeds_));
  masking();
  next_sentence();
  longer();
}

}  // namespace

Paper roberta_paper() {
  return {.name = "roberta",
          .citation =
              "Yinhan Liu, Myle Ott, Naman Goyal, Jingfei Du, Mandar Joshi, Danqi Chen, Omer Levy, Mike "
              "Lewis, Luke Zettlemoyer, Veselin Stoyanov: RoBERTa: A Robustly Optimized BERT Pretraining "
              "Approach, 2019, arXiv 1907.11692",
          .summary = "static against dynamic masks, next sentence prediction or none, longer training",
          .data = {"lm/prose/train.txt", "lm/prose/valid.txt", "reviews/sst2/train.jsonl",
                   "reviews/sst2/test.jsonl", "nlp/snli/train.jsonl", "nlp/snli/test.jsonl"},
          .reproduce = [](Study& study) { Roberta(study).reproduce(); }};
}

}  // namespace lyceum::papers
