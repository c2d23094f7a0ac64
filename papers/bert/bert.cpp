// BERT: does pre-training pay when labels are few, and does it matter that it sees both sides (table 5)?
#include <fmt/core.h>

#include <string>
#include <vector>

#include "papers/pretraining.h"
#include "papers/samples.h"
#include "papers/study.h"

namespace lyceum::papers {
namespace {

using Settings = std::vector<std::string>;

// An arm is a body with a history; all arms of a seed see the same labels in the same order.
struct Arm {
  std::string name, id;
  std::string pretraining, longer, finetuning;  // recipes; no pre-training: from scratch
  bool is_causal = false;
};
const std::vector<Arm>& arms() {
  static const std::vector<Arm> all = {
      {"pre-trained, both sides", "both", "pretrain", "longer", "finetune", false},
      {"pre-trained, left to right", "left", "left_to_right", "longer_left_to_right", "finetune", true},
      {"from scratch, both sides", "both_scratch", "", "", "scratch", false},
      {"from scratch, left to right", "left_scratch", "", "", "scratch_left_to_right", true}};
  return all;
}
constexpr std::size_t kBoth = 0, kLeft = 1, kBothScratch = 2;

// A small set is read more often: from 250 steps of 16 examples for a hundred labels to 1,800 for seven
// thousand.
int epochs_of(std::int64_t labels) {
  return labels <= 100 ? 40 : labels <= 500 ? 20 : labels <= 1000 ? 12 : labels <= 2000 ? 8 : 4;
}

class Bert {
 public:
  explicit Bert(Study& study) : study_(study), seeds_(study.seeds(study.pick(5, 3, 2))) {}
  void reproduce();

 private:
  using Values = std::vector<std::vector<double>>;  // [arms][seeds]
  struct Task {
    std::string id, name, train, test;  // files of Paper::data
    Settings settings;
  };
  Settings body(const Arm& arm) const;
  Pretrained pretrained(const Arm& arm, std::int64_t seed);
  Values accuracies(const Task& task, std::int64_t labels);
  void few_labels(const Task& task, const std::string& title, const std::vector<std::int64_t>& counts);
  void pairs();
  void losses();

  Study& study_;
  std::int64_t seeds_;
  std::string reviews_, held_out_, tokenizer_;
};

// The sizes of quick and tiny studies, over the recipes'.
Settings Bert::body(const Arm& arm) const {
  if (!arm.is_causal) return bert_body(study_);
  return {fmt::format("model.config.n_embd={}", study_.pick(256, 128, 16)),
          fmt::format("model.config.n_layer={}", study_.pick(4, 2, 1)),
          fmt::format("model.config.n_head={}", study_.pick(4, 2, 2)),
          fmt::format("model.config.n_positions={}", long_block(study_))};
}

// A full study pre-trains for every seed, the others once.
Pretrained Bert::pretrained(const Arm& arm, std::int64_t seed) {
  if (study_.scale() != Scale::kFull) seed = 0;
  std::vector<std::string> model = body(arm);
  model.push_back("model.tokenizer=" + tokenizer_);
  return pretrain(study_, {.recipe = arm.pretraining,
                           .longer = arm.longer,
                           .name = fmt::format("{}_seed{}", arm.pretraining, seed),
                           .model = model,
                           .settings = {"data.train=" + reviews_, "data.valid=" + held_out_},
                           .steps = study_.pick(8000, 8000, 3),
                           .seed = seed});
}

Bert::Values Bert::accuracies(const Task& task, std::int64_t labels) {
  Values values;
  for (const Arm& arm : arms()) {
    std::vector<double>& of_seeds = values.emplace_back();
    for (std::int64_t seed = 0; seed < seeds_; ++seed) {
      const std::string sample =
          study_.file(fmt::format("{}_{}_seed{}.jsonl", task.id, labels, seed), [&](const std::string& path) {
            write_sample(study_.data(task.train), path, labels, static_cast<std::uint64_t>(seed));
          });
      Settings settings = task.settings;
      if (arm.pretraining.empty()) {
        const Settings sizes = body(arm);
        settings.insert(settings.end(), sizes.begin(), sizes.end());
        settings.push_back("model.tokenizer=" + tokenizer_);
      } else {
        settings.push_back("model.from=" + pretrained(arm, seed).last.model);
      }
      for (const std::string& more : {"data.train=" + sample, "data.valid=" + study_.data(task.test),
                                      fmt::format("train.seed={}", seed)})
        settings.push_back(more);
      settings.push_back(
          fmt::format("train.epochs={}", study_.scale() == Scale::kTiny ? 1 : epochs_of(labels)));
      const Run run = study_.train({.recipe = arm.finetuning,
                                    .name = fmt::format("{}_{}_{}_seed{}", task.id, labels, arm.id, seed),
                                    .settings = settings,
                                    .keep_model = false,
                                    .measure = {}});
      of_seeds.push_back(100 * run.number("accuracy"));
    }
  }
  return values;
}

void Bert::few_labels(const Task& task, const std::string& title, const std::vector<std::int64_t>& counts) {
  ResultTable table{.caption = task.name + ", accuracy on the test split, %",
                    .corner = "labels",
                    .columns = {},
                    .rows = {},
                    .chart = ResultTable::Chart::kCurve,
                    .x_label = "labels",
                    .y_label = "accuracy, %",
                    .log_x = true};
  for (const Arm& arm : arms()) table.rows.push_back({arm.name, {}});
  for (const std::int64_t labels : counts) {
    const Values values = accuracies(task, labels);
    table.columns.push_back(std::to_string(labels));
    for (std::size_t a = 0; a < values.size(); ++a) table.rows[a].cells.push_back(values[a]);
    study_.report().claim(
        {.text = fmt::format("{}, {} labels: pre-training beats training from scratch", task.name, labels),
         .paper = "the premise of the paper; no such table",
         .measure = "accuracy, points",
         .comparison = {.left = values[kBoth], .right = values[kBothScratch]}});
  }
  for (std::size_t c = 0; c < counts.size(); ++c)
    study_.report().claim(
        {.text = fmt::format("{}, {} labels: both sides beat left to right", task.name, counts[c]),
         .paper = "SST-2: 92.6 against 92.1 (table 5, dev)",
         .measure = "accuracy, points",
         .comparison = {.left = table.rows[kBoth].cells[c], .right = table.rows[kLeft].cells[c]}});
  study_.report().heading(title);
  study_.report().text(
      "Each arm is fine-tuned on the same labels of a seed; bands are one standard deviation over seeds.");
  study_.report().results(std::move(table));
}

void Bert::pairs() {
  const Task task{"snli",
                  "SNLI",
                  "nlp/snli/train.jsonl",
                  "nlp/snli/test.jsonl",
                  {"data.text=sentence1", "data.second_text=sentence2",
                   "data.labels=[\"entailment\",\"neutral\",\"contradiction\"]"}};
  const std::int64_t labels = study_.pick(14154, 1000, 24);
  const Values values = accuracies(task, labels);
  study_.report().claim(
      {.text = fmt::format("SNLI, {} labels: both sides beat left to right", labels),
       .paper = "pairs of sentences: MNLI 83.9 against 82.1, MRPC 86.5 against 77.5 (table 5)",
       .measure = "accuracy, points",
       .comparison = {.left = values[kBoth], .right = values[kLeft]}});
  study_.report().claim(
      {.text = fmt::format("SNLI, {} labels: pre-training beats training from scratch", labels),
       .paper = "the premise of the paper; no such table",
       .measure = "accuracy, points",
       .comparison = {.left = values[kBoth], .right = values[kBothScratch]}});
  ResultTable table{.caption = "SNLI, accuracy on the test split, %",
                    .corner = "arm",
                    .columns = {fmt::format("{} labels", labels)},
                    .rows = {},
                    .chart = ResultTable::Chart::kBars,
                    .x_label = "",
                    .y_label = "accuracy, %"};
  for (std::size_t a = 0; a < arms().size(); ++a) table.rows.push_back({arms()[a].name, {values[a]}});
  study_.report().heading("Pairs of sentences");
  study_.report().results(std::move(table));
}

void Bert::losses() {
  LineChart chart{.title = "Pre-training in short blocks: loss on held-out text",
                  .x_label = "step",
                  .y_label = "nats for each predicted token",
                  .series = {}};
  for (const Arm& arm : {arms()[kBoth], arms()[kLeft]})
    chart.series.push_back(study_.validation_curve(pretrained(arm, 0).in_short.model, arm.name, "loss_nats"));
  study_.report().heading("Pre-training");
  study_.report().text(fmt::format(
      "Blocks of {} tokens, then an eighth as many steps in blocks of {} that are not in the figure. The two "
      "losses are of different tasks (a hidden word with both sides known, the next word with one) and are "
      "not "
      "compared; each shows how far its model has come.",
      short_block(study_), long_block(study_)));
  study_.report().chart(std::move(chart));
}

void Bert::reproduce() {
  const auto reviews = [&](const std::string& name, const std::string& from) {
    return study_.file(name, [&](const std::string& path) { write_reviews(study_.data(from), path); });
  };
  reviews_ = reviews("reviews.txt", "reviews/imdb_unsup/train.txt");
  held_out_ = reviews("held_out.txt", "reviews/imdb_unsup/valid.txt");
  tokenizer_ = study_.tokenizer("tokenizer", {reviews_}, study_.pick(8000, 4000, 300));
  study_.report().about(fmt::format(
      "{} seeds; a seed draws the labels, their order, the new head and dropout. {} Accuracies are those of "
      "the test split after the last step: the study chooses nothing by them.",
      seeds_,
      study_.scale() == Scale::kFull
          ? "Each seed has a pre-training of its own, so intervals cover that too."
          : "All seeds of an arm share one pre-training, so intervals cover fine-tuning only."));
  const Settings two_labels{"data.labels=[\"0\",\"1\"]"};
  const auto counts = [&](std::int64_t all) {
    return study_.pick<std::vector<std::int64_t>>({100, 500, 2000, all}, {100, 500}, {16, 24});
  };
  few_labels({"subj", "Subj", "reviews/subj/train.jsonl", "reviews/subj/test.jsonl", two_labels},
             "Few labels: does a sentence judge or tell?", counts(7169));
  few_labels({"sst2", "SST-2", "reviews/sst2/train.jsonl", "reviews/sst2/test.jsonl", two_labels},
             "Few labels: is the judgement good or bad?", counts(6252));
  pairs();
  losses();
}

}  // namespace

Paper bert_paper() {
  return {.name = "bert",
          .citation =
              "Jacob Devlin, Ming-Wei Chang, Kenton Lee, Kristina Toutanova: BERT: Pre-training of Deep "
              "Bidirectional Transformers for Language Understanding, 2018, arXiv 1810.04805",
          .summary = "pre-training against training from scratch, both sides against left to right",
          .data = {"reviews/imdb_unsup/train.txt", "reviews/imdb_unsup/valid.txt", "reviews/subj/train.jsonl",
                   "reviews/subj/test.jsonl", "reviews/sst2/train.jsonl", "reviews/sst2/test.jsonl",
                   "nlp/snli/train.jsonl", "nlp/snli/test.jsonl"},
          .reproduce = [](Study& study) { Bert(study).reproduce(); }};
}

}  // namespace lyceum::papers
