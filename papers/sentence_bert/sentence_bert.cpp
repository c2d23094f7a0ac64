// Sentence-BERT: vectors that a cosine can compare. Poolings and losses (tables 1, 2 and 6), and what it is
// for: speed.
#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "lyceum/data_lines.h"
#include "lyceum/evaluation.h"
#include "lyceum/reranker.h"
#include "papers/pretraining.h"
#include "papers/samples.h"
#include "papers/study.h"

namespace lyceum::papers {
namespace {

using Settings = std::vector<std::string>;
using Values = std::vector<double>;  // by seed

constexpr const char* kMeasure = "STS-B test, Spearman, points";

class SentenceBert {
 public:
  explicit SentenceBert(Study& study)
      : study_(study),
        seeds_(study.seeds(study.pick(5, 3, 2))),
        encoders_(study.scale() == Scale::kFull ? seeds_ : 1) {}
  void reproduce();

 private:
  Numbers similarity(const std::string& model, const std::vector<std::string>& pooling) const;
  std::string encoder(std::int64_t seed);
  Values untuned(const std::string& pooling);
  Values tuned(const std::string& recipe, const std::string& id, const Settings& settings);
  std::string sample(const std::string& recipe, std::int64_t seed);
  void show_untuned_and_tuned();
  void show_ablation();
  void show_speed();
  void claim(const std::string& text, const std::string& paper, const Values& left, const Values& right,
             double margin = 0);

  Study& study_;
  std::int64_t seeds_, encoders_;
  std::string prose_, held_out_, tokenizer_;
  Values regression_mean_;
};

void SentenceBert::claim(const std::string& text, const std::string& paper, const Values& left,
                         const Values& right, double margin) {
  study_.report().claim({.text = text,
                         .paper = paper,
                         .measure = kMeasure,
                         .comparison = {.left = left, .right = right, .margin = margin}});
}

Numbers SentenceBert::similarity(const std::string& model, const std::vector<std::string>& pooling) const {
  const std::vector<TaskScore> scores = evaluate(model, {.data = study_.data_root().string(),
                                                         .tasks = {"nlp/stsb"},
                                                         .form = "similarity",
                                                         .embedding = {.pooling = pooling}});
  return {{"spearman", score_of(scores, "stsb", "spearman")}};
}

std::string SentenceBert::encoder(std::int64_t seed) {
  seed = std::min(seed, encoders_ - 1);
  std::vector<std::string> model = bert_body(study_);
  model.push_back("model.tokenizer=" + tokenizer_);
  return pretrain(study_, {.recipe = "pretrain",
                           .longer = "longer",
                           .name = fmt::format("pretrain_seed{}", seed),
                           .model = model,
                           .settings = {"data.train=" + prose_, "data.valid=" + held_out_},
                           .steps = study_.pick(8000, 3000, 3),
                           .seed = seed})
      .last.model;
}

// A value for each encoder: nothing else is left to chance.
Values SentenceBert::untuned(const std::string& pooling) {
  Values values;
  for (std::int64_t seed = 0; seed < encoders_; ++seed) {
    const std::string model = encoder(seed);
    const Numbers numbers = study_.measure(fmt::format("untuned_{}_seed{}", pooling, seed), model + "/",
                                           [&] { return similarity(model, {pooling}); });
    values.push_back(100 *
                     (numbers.empty() ? std::numeric_limits<double>::quiet_NaN() : numbers.at("spearman")));
  }
  return values;
}

std::string SentenceBert::sample(const std::string& recipe, std::int64_t seed) {
  const bool is_nli = recipe == "classification" || recipe == "negatives";
  const std::int64_t count = is_nli ? study_.pick(14154, 3000, 48) : study_.pick(5147, 1500, 32);
  return study_.file(fmt::format("{}_seed{}.jsonl", recipe, seed), [&](const std::string& path) {
    const auto entails = [](const std::string& line) {
      const nlohmann::json record = nlohmann::json::parse(line, nullptr, false);
      return record.is_object() && record.value("label", "") == "entailment";
    };
    write_sample(study_.data(is_nli ? "nlp/snli/train.jsonl" : "nlp/stsb/train.jsonl"), path, count,
                 static_cast<std::uint64_t>(seed),
                 recipe == "negatives" ? entails : std::function<bool(const std::string&)>());
  });
}

Values SentenceBert::tuned(const std::string& recipe, const std::string& id, const Settings& settings) {
  Values values;
  const bool is_cross = recipe == "cross_encoder";
  for (std::int64_t seed = 0; seed < seeds_; ++seed) {
    Settings all = settings;
    all.push_back("model.from=" + encoder(seed));
    all.push_back("data.train=" + sample(is_cross ? "regression" : recipe, seed));
    all.push_back(fmt::format("train.seed={}", seed));
    const bool is_long = recipe == "regression" || is_cross;
    if (is_long) all.push_back(fmt::format("train.epochs={}", study_.pick(4, 2, 1)));
    if (is_cross) all.push_back("data.valid=" + study_.data("nlp/stsb/test.jsonl"));
    RunSpec spec{.recipe = recipe,
                 .name = fmt::format("{}_{}_seed{}", recipe, id, seed),
                 .settings = all,
                 .keep_model = (is_cross || id == "mean") && seed == 0,  // for the speed
                 .measure = {}};
    if (!is_cross) spec.measure = [&](const std::string& model) { return similarity(model, {}); };
    values.push_back(100 * study_.train(spec).number("spearman"));
  }
  return values;
}

void SentenceBert::show_untuned_and_tuned() {
  const Values cls = untuned("cls"), mean = untuned("mean"), max = untuned("max");
  const Values nli = tuned("classification", "mean", {}), negatives = tuned("negatives", "mean", {}),
               cross = tuned("cross_encoder", "cross", {});
  regression_mean_ = tuned("regression", "mean", {});
  Values mean_of_each(static_cast<std::size_t>(seeds_));  // the encoder that a seed went on from
  for (std::size_t s = 0; s < mean_of_each.size(); ++s) mean_of_each[s] = mean[std::min(s, mean.size() - 1)];

  claim("Untuned: the mean of the tokens beats [CLS]", "54.81 against 29.19, mean of seven sets (table 1)",
        mean, cls);
  claim("Siamese tuning on NLI beats the untuned mean", "74.89 against 54.81, mean of seven sets (table 1)",
        nli, mean_of_each);
  claim("Siamese tuning on STS-B beats the untuned mean", "84.67 (table 2)", regression_mean_, mean_of_each);
  claim("A bi-encoder keeps up with the cross-encoder", "84.67 against 84.30 (table 2, base)",
        regression_mean_, cross, 1);

  study_.report().heading("Before and after tuning");
  study_.report().text(
      "Without tuning a vector is what masked language modelling has left in the tokens. Tuned ones go on "
      "from the "
      "same encoders: on pairs of SNLI by classes, on its entailments by in-batch negatives (a later loss), "
      "on STS-B "
      "by scores. The cross-encoder reads both sentences at once and gives no vector.");
  study_.report().results({.caption = "STS-B test, Spearman x 100",
                           .corner = "arm",
                           .columns = {"Spearman"},
                           .rows = {{"untuned, [CLS]", {cls}},
                                    {"untuned, max", {max}},
                                    {"untuned, mean", {mean}},
                                    {"SNLI, softmax", {nli}},
                                    {"SNLI, in-batch negatives", {negatives}},
                                    {"STS-B, regression", {regression_mean_}},
                                    {"STS-B, cross-encoder", {cross}}},
                           .chart = ResultTable::Chart::kBars,
                           .x_label = "",
                           .y_label = "Spearman x 100"});
}

// Table 6.
void SentenceBert::show_ablation() {
  const Values mean = tuned("classification", "mean", {}),
               max = tuned("classification", "max", {"model.pooling=max"}),
               cls = tuned("classification", "cls", {"model.pooling=cls"}),
               regression_max = tuned("regression", "max", {"model.pooling=max"}),
               regression_cls = tuned("regression", "cls", {"model.pooling=cls"}),
               vectors = tuned("classification", "uv", {"objective.difference=false"}),
               difference = tuned("classification", "d", {"objective.vectors=false"});
  claim("Regression: mean pooling beats max", "87.44 against 69.92 (table 6)", regression_mean_,
        regression_max);
  claim("Regression: mean pooling beats [CLS]", "87.44 against 86.62 (table 6)", regression_mean_,
        regression_cls);
  claim("Classification: mean pooling beats max", "80.78 against 79.07 (table 6)", mean, max);
  claim("Classification: mean pooling beats [CLS]", "80.78 against 79.80 (table 6)", mean, cls);
  claim("(u, v, |u - v|) beats (u, v)", "80.78 against 66.04 (table 6)", mean, vectors);
  claim("(u, v, |u - v|) beats |u - v|", "80.78 against 69.78 (table 6)", mean, difference);
  study_.report().heading("Poolings and what the classifier sees");
  study_.report().results({.caption = "Poolings: STS-B test, Spearman x 100",
                           .corner = "pooling",
                           .columns = {"classification (SNLI)", "regression (STS-B)"},
                           .rows = {{"mean", {mean, regression_mean_}},
                                    {"max", {max, regression_max}},
                                    {"[CLS]", {cls, regression_cls}}},
                           .chart = ResultTable::Chart::kBars,
                           .x_label = "",
                           .y_label = "Spearman x 100"});
  study_.report().results(
      {.caption = "The classifier's input, mean pooling: STS-B test, Spearman x 100",
       .corner = "input",
       .columns = {"Spearman"},
       .rows = {{"(u, v)", {vectors}}, {"|u - v|", {difference}}, {"(u, v, |u - v|)", {mean}}},
       .chart = ResultTable::Chart::kBars,
       .x_label = "",
       .y_label = "Spearman x 100"});
}

// The abstract: 10,000 sentences, the most similar pair. A bi-encoder reads each once; a cross-encoder, whose
// time for some pairs is measured, all 49,995,000 pairs.
void SentenceBert::show_speed() {
  const std::string bi = study_.model_of("regression_mean_seed0"),
                    cross = study_.model_of("cross_encoder_cross_seed0");
  const Numbers numbers = study_.measure("speed", bi + "/" + cross + "/", [&] {
    std::vector<std::string> texts;
    for (const std::string& line : data_lines(study_.data("nlp/stsb/test.jsonl"))) {
      const nlohmann::json record = nlohmann::json::parse(line, nullptr, false);
      if (record.is_object()) texts.push_back(record.value("sentence1", ""));
    }
    const auto seconds = [](const auto& work) {
      const auto begin = std::chrono::steady_clock::now();
      work();
      return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    };
    const auto count = static_cast<double>(texts.size());
    const EmbeddingModel embedder = EmbeddingModel::load(bi);
    const Reranker reranker = Reranker::load(cross);
    embedder.embed(texts[0]);  // weights are packed on first use
    reranker.scores(texts[0], std::span(texts).first(1));
    constexpr double kSentences = 10'000, kPairs = kSentences * (kSentences - 1) / 2;
    return Numbers{{"bi_s", kSentences / count * seconds([&] { embedder.embed(texts); })},
                   {"cross_s", kPairs / count * seconds([&] { reranker.scores(texts[0], texts); })}};
  });
  const auto of = [&](const char* name) {
    return numbers.empty() ? std::numeric_limits<double>::quiet_NaN() : numbers.at(name);
  };
  study_.report().heading("Ten thousand sentences, the most similar pair");
  study_.report().text(
      "Seconds of this machine, one measurement, so without a verdict: encoding 10,000 sentences with the "
      "bi-encoder, "
      "and scoring all their 49,995,000 pairs with the cross-encoder of the same body. Both are extrapolated "
      "from the "
      "sentences of the STS-B test split. The paper has about 65 hours against 5 seconds. The cosines come "
      "on top: "
      "5e7 short dot products, below a second.");
  study_.report().results(
      {.caption = "Seconds for 10,000 sentences",
       .corner = "",
       .columns = {"bi-encoder", "cross-encoder", "ratio"},
       .rows = {{"this machine", {{of("bi_s")}, {of("cross_s")}, {of("cross_s") / of("bi_s")}}},
                {"the paper", {{5}, {65 * 3600}, {65 * 3600 / 5.0}}}},
       .digits = 1});
}

void SentenceBert::reproduce() {
  prose_ = study_.file("prose.txt", [&](const std::string& path) {
    write_passages(study_.data("lm/prose/train.txt"), path, study_.pick(20'000'000, 5'000'000, 20'000));
  });
  held_out_ = study_.file("held_out.txt", [&](const std::string& path) {
    write_passages(study_.data("lm/prose/valid.txt"), path, study_.pick(400'000, 60'000, 4'000));
  });
  tokenizer_ = study_.tokenizer("tokenizer", {prose_}, study_.pick(8000, 4000, 300));
  study_.report().about(fmt::format(
      "{} seeds; a seed draws the training pairs, their order and the classifier. {} Correlations are those "
      "of the "
      "STS-B test split after the last step: nothing was chosen by them.",
      seeds_,
      encoders_ > 1
          ? "Each seed has an encoder of its own, so intervals cover its pre-training too."
          : "All seeds share one pre-trained encoder, so intervals cover tuning only, and what compares "
            "untuned vectors has one value and stays undecided."));
  show_untuned_and_tuned();
  show_ablation();
  show_speed();
}

}  // namespace

Paper sentence_bert_paper() {
  return {.name = "sentence_bert",
          .citation =
              "Nils Reimers, Iryna Gurevych: Sentence-BERT: Sentence Embeddings using Siamese BERT-Networks, "
              "2019, arXiv 1908.10084",
          .summary = "losses, poolings, the classifier's input, and bi-encoder against cross-encoder",
          .data = {"lm/prose/train.txt", "lm/prose/valid.txt", "nlp/stsb/train.jsonl", "nlp/stsb/test.jsonl",
                   "nlp/snli/train.jsonl"},
          .reproduce = [](Study& study) { SentenceBert(study).reproduce(); }};
}

}  // namespace lyceum::papers
