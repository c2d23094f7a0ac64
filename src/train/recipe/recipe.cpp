#include "train/recipe/recipe.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <regex>

#include "base/error.h"
#include "formats/sentence_pipeline.h"
#include "train/recipe/settings.h"

namespace lyceum {
namespace {

constexpr std::int64_t kMany = std::int64_t{1} << 40;
constexpr double kLarge = 1e38;

const std::vector<std::string> kObjectives = {"causal_lm",  "masked_lm", "classification", "multi_label",
                                              "regression", "tagging",   "answering",      "multiple_choice",
                                              "pairs",      "triplets"};

// What a loss over vectors of sentences asks of the data, and may be told.
struct SentenceLossRules {
  const char* name;
  SentenceLoss loss;
  bool pairs, triplets;            // the kinds it goes with
  std::vector<std::string> texts;  // fields by default, where the kind is triplets
  std::size_t least_texts, most_texts;
  const char* label;  // the field by default; empty: it needs none
};
constexpr std::size_t kAnyTexts = 64;
const std::vector<SentenceLossRules>& sentence_losses() {
  using enum SentenceLoss;
  static const std::vector<std::string> pair = {"sentence1", "sentence2"},
                                        triplet = {"anchor", "positive", "negative"};
  static const std::vector<SentenceLossRules> rules = {
      {"softmax", kSoftmax, true, false, pair, 2, 2, "label"},
      {"cosine", kCosine, true, false, pair, 2, 2, "score"},
      {"cosent", kCosent, true, false, pair, 2, 2, "score"},
      {"contrastive", kContrastive, true, false, pair, 2, 2, "label"},
      {"online_contrastive", kOnlineContrastive, true, false, pair, 2, 2, "label"},
      {"multiple_negatives", kMultipleNegatives, true, true, triplet, 2, kAnyTexts, ""},
      {"triplet", kTriplet, false, true, triplet, 3, 3, ""},
      {"margin_mse", kMarginMse, false, true, triplet, 3, kAnyTexts, "score"},
      {"mse", kMse, true, false, pair, 1, kAnyTexts, "label"},
      {"batch_hard_triplet", kBatchHardTriplet, false, true, {"text"}, 1, 1, "label"}};
  return rules;
}
const SentenceLossRules& rules_of(SentenceLoss loss) {
  return *std::find_if(sentence_losses().begin(), sentence_losses().end(),
                       [&](const SentenceLossRules& rules) { return rules.loss == loss; });
}

LoraRecipe read_lora(Settings& s) {
  if (!s.is_table("model.lora")) s.wrong("model.lora", "a table, { rank = 8, alpha = 16, ... }");
  LoraRecipe l;
  l.rank = s.integer("model.lora.rank", l.rank, 1, 1 << 16);
  l.alpha = s.number("model.lora.alpha", l.alpha, -1e6, 1e6);
  l.dropout = s.number("model.lora.dropout", l.dropout, 0, 0.999);
  l.by_root = s.boolean("model.lora.rslora", l.by_root);
  l.targets = s.texts("model.lora.targets", {"all-linear"});
  if (l.targets.empty()) s.wrong("model.lora.targets", "names of linear layers, as [\"query\", \"value\"]");
  l.modules_to_save = s.texts("model.lora.modules_to_save");
  l.base = s.choice("model.lora.base", l.base, std::array<std::string, 2>{"f32", "int8"});
  return l;
}

ModelRecipe read_model(Settings& s) {
  ModelRecipe m;
  m.from = s.text("model.from", "");
  m.family = s.text("model.family", "");
  m.config = s.json("model.config");
  if (m.from.empty() == m.family.empty())
    s.conflict("model.from",
               "expected either 'model.from', a model to go on from, or 'model.family' with "
               "'model.config' for a new one");
  if (!m.from.empty() && m.config != "{}")
    s.conflict("model.config", "a model that is gone on from has its own configuration");
  if (s.is_table("model.tokenizer")) {
    if (!m.from.empty())
      s.conflict("model.tokenizer", "a model that is gone on from has learnt with its own vocabulary");
  } else {
    m.tokenizer = s.text("model.tokenizer", "");
    if (m.from.empty() && m.tokenizer.empty())
      s.wrong("model.tokenizer",
              "\"bytes\", the MODEL whose tokenizer to use, or { kind = \"bpe\", vocab_size = ... }");
  }
  m.dropout = s.optional_number("model.dropout", 0, 0.999);
  if (s.has("model.lora")) {
    m.lora = read_lora(s);
    if (m.from.empty()) s.conflict("model.lora", "adapters need 'model.from', the model that they change");
    if (s.has("model.freeze"))
      s.conflict("model.freeze",
                 "with 'model.lora' everything is frozen but the adapters and "
                 "model.lora.modules_to_save");
  }
  m.freeze = s.texts("model.freeze");
  constexpr std::size_t kPatternBytes = 512;  // the standard library's parser calls itself for each byte
  for (const std::string& pattern : m.freeze) {
    if (pattern.size() > kPatternBytes)
      s.conflict("model.freeze", fmt::format("found an expression of {} bytes, expected at most {}",
                                             pattern.size(), kPatternBytes));
    try {
      const std::regex checked(pattern);
    } catch (const std::regex_error& error) {
      s.conflict("model.freeze", fmt::format("'{}' is no regular expression: {}", pattern, error.what()));
    }
  }
  return m;
}

// Relative paths of data begin at data.folder.
std::vector<std::string> in_folder(const std::string& folder, std::vector<std::string> patterns) {
  if (!folder.empty())
    for (std::string& pattern : patterns) pattern = (std::filesystem::path(folder) / pattern).string();
  return patterns;
}

// Everything but the kind and the size has a default: that of `lyceum train-tokenizer`, except for what a
// text is put between, which the objective says.
TokenizerRecipe read_new_tokenizer(Settings& s, const Recipe& r) {
  const std::string at = "model.tokenizer.";
  TokenizerRecipe out;
  TokenizerTraining& t = out.training;
  if (!s.has(at + "kind")) s.wrong(at + "kind", "\"bpe\" or \"wordpiece\"");
  const bool is_bpe = s.choice(at + "kind", "", std::array<std::string, 2>{"bpe", "wordpiece"}) == "bpe";
  t.kind = is_bpe ? VocabularyKind::kBpe : VocabularyKind::kWordPiece;
  if (!s.has(at + "vocab_size"))
    s.wrong(at + "vocab_size", "how many tokens to learn, special ones included");
  t.vocabulary_size = s.integer(at + "vocab_size", 0, 1, 1 << 24);
  out.train_on = in_folder(r.data.folder, s.texts(at + "train_on", s.texts("data.train")));
  if (out.train_on.empty()) s.wrong(at + "train_on", "the files to learn a vocabulary from");
  t.field = s.text(at + "field", r.data.text);
  t.min_frequency = s.integer(at + "min_frequency", t.min_frequency, 0, kMany);
  t.lowercase = s.boolean(at + "lowercase", !is_bpe);
  if (!is_bpe) t.limit_alphabet = s.integer(at + "limit_alphabet", 1000, 1, 1 << 24);
  const bool is_causal = r.objective.kind == ObjectiveKind::kCausalLm;
  const std::string around = s.choice(at + "template",
                                      is_causal ? "none"
                                      : is_bpe  ? "roberta"
                                                : "bert",
                                      std::array<std::string, 3>{"none", "bert", "roberta"});
  t.around = around == "none"   ? TextTemplate::kNone
             : around == "bert" ? TextTemplate::kBert
                                : TextTemplate::kRoberta;
  t.special = s.texts(at + "special");
  t.model_max_length = s.integer(at + "max_length", t.model_max_length, 1, 1 << 24);
  try {
    check_tokenizer_training(t);
  } catch (const Error& error) {
    s.conflict("model.tokenizer", error.what());
  }
  return out;
}

void read_sentence_model(Settings& s, ModelRecipe& m) {
  m.pooling = s.texts("model.pooling");
  try {
    check_pooling(m.pooling, "'model.pooling'");
  } catch (const Error& error) {
    s.conflict("model.pooling", error.what());
  }
  if (s.has("model.normalize")) m.normalize = s.boolean("model.normalize", false);
  m.dense = s.integer("model.dense", 0, 0, 1 << 20);
  if (m.dense > 0)
    m.dense_activation =
        s.choice("model.dense_activation", "Tanh",
                 std::array<std::string, 6>{"Identity", "Tanh", "ReLU", "GELU", "SiLU", "Sigmoid"});
  m.max_tokens = s.integer("model.max_tokens", 0, 0, 1 << 20);
}

void read_sentence_fields(Settings& s, const ObjectiveRecipe& objective, DataRecipe& d) {
  const SentenceLossRules& rules = rules_of(objective.sentence.loss);
  std::vector<std::string> texts = rules.texts;
  if (objective.kind == ObjectiveKind::kPairs && texts.size() > 2) texts.resize(2);
  d.texts = s.texts("data.texts", texts);
  const std::size_t most = objective.kind == ObjectiveKind::kPairs && rules.triplets ? 2 : rules.most_texts,
                    least = objective.kind == ObjectiveKind::kTriplets && rules.pairs ? 3 : rules.least_texts;
  if (d.texts.size() < least || d.texts.size() > most)
    s.conflict("data.texts", fmt::format("found {} fields, expected {}{} for objective.loss = \"{}\"",
                                         d.texts.size(), least, most > least ? " or more" : "", rules.name));
  if (*rules.label != '\0') d.label = s.text("data.label", rules.label);
  if (has_classes(objective.kind, rules.loss)) d.labels = s.texts("data.labels");
}

void read_score_range(Settings& s, DataRecipe& d) {
  if (!s.has("objective.score_range")) return;
  d.score_range = s.numbers("objective.score_range", {}, 2);
  if (!(d.score_range[0] < d.score_range[1]))
    s.wrong("objective.score_range", "the lowest and the highest score");
}

void read_fields(Settings& s, const ObjectiveRecipe& objective, DataRecipe& d) {
  using enum ObjectiveKind;
  const ObjectiveKind kind = objective.kind;
  if (has_sentence_vectors(kind)) return read_sentence_fields(s, objective, d);
  const auto field = [&](const char* name, std::string& into) {
    into = s.text(std::string("data.") + name, into);
  };
  if (kind == kCausalLm || kind == kMaskedLm || kind == kClassification || kind == kMultiLabel ||
      kind == kRegression)
    field("text", d.text);
  if (kind == kClassification || kind == kMultiLabel || kind == kRegression)
    field("second_text", d.second_text);
  if (kind == kClassification || kind == kMultiLabel || kind == kRegression || kind == kMultipleChoice)
    field("label", d.label);
  if (has_classes(kind, objective.sentence.loss)) d.labels = s.texts("data.labels");
  if (kind == kTagging) {
    field("words", d.words);
    field("tags", d.tags);
  }
  if (kind == kAnswering || kind == kMultipleChoice) field("question", d.question);
  if (kind == kAnswering) {
    field("context", d.context);
    field("answers", d.answers);
    d.stride = s.integer("data.stride", d.stride, 1, 1 << 20);
  }
  if (kind == kMultipleChoice) {
    d.context = s.text("data.context", "");
    field("choices", d.choices);
  }
}

DataRecipe read_data(Settings& s, const ObjectiveRecipe& objective) {
  const ObjectiveKind kind = objective.kind;
  DataRecipe d;
  d.folder = s.text("data.folder", "");
  d.train = in_folder(d.folder, s.texts("data.train"));
  if (d.train.empty()) s.wrong("data.train", "the files to learn from, as [\"books/*.txt.zst\"]");
  d.valid = in_folder(d.folder, s.texts("data.valid"));
  d.shuffle = s.boolean("data.shuffle", d.shuffle);
  d.shuffle_mb = s.integer("data.shuffle_mb", d.shuffle_mb, 1, 1 << 20);
  d.records.separator = s.text("data.separator", d.records.separator);
  d.records.tsv_has_header = s.boolean("data.header", d.records.tsv_has_header);
  d.records.tsv_columns = s.texts("data.columns");
  d.skip_bad_records = s.boolean("data.skip_bad_records", d.skip_bad_records);
  d.workers = static_cast<int>(s.integer("data.workers", d.workers, 0, 64));
  if (kind != ObjectiveKind::kCausalLm) d.max_tokens = s.integer("data.max_tokens", 0, 0, 1 << 20);
  read_fields(s, objective, d);
  if (kind == ObjectiveKind::kMaskedLm && objective.blocks != "records")
    d.sentences = s.choice("data.sentences", objective.blocks == "pairs" ? "lines" : "marks",
                           std::array<std::string, 2>{"lines", "marks"}) == "lines"
                      ? SentenceRule::kLines
                      : SentenceRule::kMarks;
  using enum SentenceLoss;
  const SentenceLoss loss = objective.sentence.loss;
  if (kind == ObjectiveKind::kRegression ||
      (kind == ObjectiveKind::kPairs && (loss == kCosine || loss == kCosent)))
    read_score_range(s, d);
  return d;
}

SentenceObjectiveOptions read_sentence_objective(Settings& s, ObjectiveKind kind) {
  using enum SentenceLoss;
  SentenceObjectiveOptions o;
  std::vector<std::string> names;
  for (const SentenceLossRules& rules : sentence_losses())
    if (kind == ObjectiveKind::kPairs ? rules.pairs : rules.triplets) names.emplace_back(rules.name);
  if (!s.has("objective.loss")) s.wrong("objective.loss", fmt::format("one of {}", fmt::join(names, ", ")));
  const std::string name = s.choice("objective.loss", "", names);
  o.loss =
      std::find_if(sentence_losses().begin(), sentence_losses().end(), [&](const SentenceLossRules& rules) {
        return rules.name == name;
      })->loss;
  const bool is_triplet = o.loss == kTriplet || o.loss == kBatchHardTriplet;
  if (is_triplet || o.loss == kContrastive || o.loss == kOnlineContrastive) {
    std::vector<std::string> distances = {"cosine", "euclidean", "manhattan"};
    if (o.loss == kBatchHardTriplet) distances.pop_back();
    const std::string distance =
        s.choice("objective.distance", is_triplet ? "euclidean" : "cosine", distances);
    o.distance = static_cast<SentenceDistance>(std::find(distances.begin(), distances.end(), distance) -
                                               distances.begin());
    o.margin = s.number("objective.margin", is_triplet ? 5 : 0.5, 0, kLarge);
  }
  if (o.loss == kCosent || o.loss == kMultipleNegatives)
    o.scale = s.number("objective.scale", o.scale, 1e-6, kLarge);
  if (o.loss == kMultipleNegatives || o.loss == kMarginMse)
    o.dot = s.choice("objective.similarity", o.loss == kMarginMse ? "dot" : "cosine",
                     std::array<std::string, 2>{"cosine", "dot"}) == "dot";
  if (o.loss == kMultipleNegatives) o.symmetric = s.boolean("objective.symmetric", false);
  if (o.loss == kSoftmax) {
    o.use_vectors = s.boolean("objective.vectors", true);
    o.use_difference = s.boolean("objective.difference", true);
    o.use_product = s.boolean("objective.product", false);
    if (!o.use_vectors && !o.use_difference && !o.use_product)
      s.conflict("objective.product", "expected one of vectors, difference and product for the classifier");
    return o;  // its classifier has one width
  }
  o.matryoshka = s.integers("objective.matryoshka", 1, 1 << 20);
  if (!o.matryoshka.empty())
    o.matryoshka_weights = s.numbers("objective.matryoshka_weights",
                                     std::vector<double>(o.matryoshka.size(), 1.0), o.matryoshka.size());
  return o;
}

ObjectiveRecipe read_objective(Settings& s) {
  ObjectiveRecipe o;
  const std::string kind = s.choice("objective.kind", s.required_text("objective.kind"), kObjectives);
  o.kind = static_cast<ObjectiveKind>(std::find(kObjectives.begin(), kObjectives.end(), kind) -
                                      kObjectives.begin());
  if (o.kind == ObjectiveKind::kCausalLm) {
    o.cross_document = s.boolean("objective.cross_document", o.cross_document);
    o.between = s.text("objective.between", "");
  }
  if (has_sentence_vectors(o.kind)) o.sentence = read_sentence_objective(s, o.kind);
  if (o.kind == ObjectiveKind::kRegression)
    o.is_logistic = s.choice("objective.loss", "mse", std::array<std::string, 2>{"mse", "bce"}) == "bce";
  if (o.kind != ObjectiveKind::kMaskedLm) return o;
  o.blocks = s.choice("objective.blocks", "full_sentences",
                      std::array<std::string, 4>{"full_sentences", "doc_sentences", "pairs", "records"});
  o.next_sentence = s.boolean("objective.next_sentence", o.blocks == "pairs");
  if (o.next_sentence && o.blocks != "pairs")
    s.conflict("objective.next_sentence", "the second task needs objective.blocks = \"pairs\"");
  MaskingOptions& m = o.masking;
  const std::string count =
      s.choice("objective.count", "bernoulli", std::array<std::string, 3>{"google", "fairseq", "bernoulli"});
  m.count = count == "google"    ? MaskCount::kGoogle
            : count == "fairseq" ? MaskCount::kFairseq
                                 : MaskCount::kBernoulli;
  m.share = s.number("objective.share", m.share, 0, 1);
  m.masked = s.number("objective.masked", m.masked, 0, 1);
  m.random = s.number("objective.random", m.random, 0, 1);
  if (m.masked + m.random > 1)
    s.conflict("objective.masked",
               "the shares that become the mask and a random token are more than 1 together");
  if (m.count == MaskCount::kGoogle)
    m.max_predictions = s.integer("objective.max_predictions", 0, 0, 1 << 20);
  m.whole_words = s.boolean("objective.whole_words", m.whole_words);
  m.special_tokens = s.boolean("objective.special_tokens", m.special_tokens);
  m.random_special = s.boolean("objective.random_special", m.random_special);
  m.copies = static_cast<std::uint64_t>(s.integer("objective.copies", 0, 0, 1 << 20));
  return o;
}

OptimizerSpec read_optimizer(Settings& s) {
  using enum OptimizerKind;
  static const std::vector<std::string> names = {"adamw", "adam", "adafactor", "sgd", "lamb"};
  OptimizerSpec spec;
  const std::string name = s.choice("train.optimizer", "adamw", names);
  spec.kind = static_cast<OptimizerKind>(std::find(names.begin(), names.end(), name) - names.begin());
  if (spec.kind == kAdamW || spec.kind == kAdam || spec.kind == kLamb) {
    const std::vector<double> betas = s.numbers("train.betas", {spec.beta1, spec.beta2}, 2);
    spec.beta1 = betas[0];
    spec.beta2 = betas[1];
    for (const double beta : betas)
      if (!(beta >= 0 && beta < 1)) s.wrong("train.betas", "two numbers from 0 to below 1");
    spec.epsilon = s.number("train.epsilon", spec.kind == kLamb ? 1e-6 : spec.epsilon, 0, 1);
    spec.bias_correction = s.boolean("train.bias_correction", spec.bias_correction);
  }
  if (spec.kind == kLamb)
    spec.lamb.exclude_vectors = s.boolean("train.exclude_vectors", spec.lamb.exclude_vectors);
  if (spec.kind == kSgd) {
    spec.sgd.momentum = s.number("train.momentum", 0, 0, 1);
    spec.sgd.dampening = s.number("train.dampening", 0, 0, 1);
    spec.sgd.nesterov = s.boolean("train.nesterov", false);
    if (spec.sgd.nesterov && (spec.sgd.momentum == 0 || spec.sgd.dampening != 0))
      s.conflict("train.nesterov", "needs a momentum and no dampening");
  }
  if (spec.kind == kAdafactor) {
    AdafactorOptions& a = spec.adafactor;
    a.clip_threshold = s.number("train.clip_threshold", a.clip_threshold, 0, kLarge);
    a.decay_rate = s.number("train.decay_rate", a.decay_rate, -10, 0);
    a.beta1 = s.number("train.beta1", a.beta1, 0, 0.9999);
    a.scale_parameter = s.boolean("train.scale_parameter", a.scale_parameter);
  }
  return spec;
}

ScheduleSpec read_schedule(Settings& s, double& warmup_ratio) {
  using enum ScheduleKind;
  static const std::vector<std::string> names = {"constant", "linear", "polynomial",
                                                 "cosine",   "wsd",    "inverse_sqrt"};
  ScheduleSpec spec;
  const std::string name = s.choice("train.schedule", "constant", names);
  spec.kind = static_cast<ScheduleKind>(std::find(names.begin(), names.end(), name) - names.begin());
  spec.warmup_steps = s.integer("train.warmup_steps", 0, 0, kMany);
  warmup_ratio = s.number("train.warmup_ratio", 0, 0, 1);
  if (warmup_ratio > 0 && spec.warmup_steps > 0)
    s.conflict("train.warmup_ratio", "expected either 'train.warmup_steps' or 'train.warmup_ratio'");
  if (spec.kind != kConstant && spec.kind != kInverseSqrt)
    spec.final_ratio = s.number("train.final_ratio", spec.final_ratio, 0, 1);
  if (spec.kind == kCosine) spec.cycles = s.number("train.cycles", spec.cycles, 0, 1e6);
  if (spec.kind == kPolynomial) spec.power = s.number("train.power", spec.power, 0, 100);
  if (spec.kind == kStableThenDecay) spec.decay_steps = s.integer("train.decay_steps", 0, 0, kMany);
  return spec;
}

// What a validation reports besides its loss.
std::vector<std::string> measures_of(const ObjectiveRecipe& objective) {
  using enum SentenceLoss;
  const bool is_scored = objective.kind == ObjectiveKind::kRegression;
  if (!has_sentence_vectors(objective.kind))
    return is_scored ? std::vector<std::string>{"spearman", "pearson"} : std::vector<std::string>{"accuracy"};
  switch (objective.sentence.loss) {
    case kMse:
    case kBatchHardTriplet:
      return {};
    case kCosine:
    case kCosent:
    case kContrastive:
    case kOnlineContrastive:
      return {"spearman", "pearson"};
    default:
      return {"accuracy"};
  }
}

void read_batches_of_pairs(Settings& s, SentenceLoss loss, TrainRecipe& t) {
  t.no_duplicates =
      s.boolean("train.no_duplicates", loss == SentenceLoss::kMultipleNegatives && t.batch_tokens == 0);
  if (t.no_duplicates && (t.batch_tokens > 0 || t.group_by_length))
    s.conflict("train.no_duplicates",
               "goes with 'train.batch_sequences', and not with 'train.group_by_length'");
}

TrainRecipe read_train(Settings& s, const ObjectiveRecipe& objective) {
  const ObjectiveKind kind = objective.kind;
  TrainRecipe t;
  t.steps = s.integer("train.steps", 0, 0, kMany);
  t.epochs = s.integer("train.epochs", 0, 0, kMany);
  if ((t.steps == 0) == (t.epochs == 0))
    s.conflict("train.steps", "expected either 'train.steps' or 'train.epochs', at least 1");
  t.batch_sequences = s.integer("train.batch_sequences", s.has("train.batch_tokens") ? 0 : 32, 0, 1 << 24);
  t.batch_tokens = s.integer("train.batch_tokens", 0, 0, kMany);
  if ((t.batch_sequences == 0) == (t.batch_tokens == 0))
    s.conflict("train.batch_sequences",
               "expected either 'train.batch_sequences' or 'train.batch_tokens', at least 1");
  t.accumulate = s.integer("train.accumulate", t.accumulate, 1, 1 << 20);
  t.part_tokens = s.integer("train.part_tokens", t.part_tokens, 0, kMany);
  if (kind == ObjectiveKind::kCausalLm || kind == ObjectiveKind::kMaskedLm)
    t.context_tokens = s.integer("train.context_tokens", t.context_tokens, 1, 1 << 20);
  t.group_by_length =
      s.boolean("train.group_by_length", kind != ObjectiveKind::kCausalLm &&
                                             kind != ObjectiveKind::kMaskedLm && !has_sentence_vectors(kind));
  if (has_sentence_vectors(kind)) read_batches_of_pairs(s, objective.sentence.loss, t);
  t.optimizer = read_optimizer(s);
  t.learning_rate = s.number("train.learning_rate", 3e-4, 0, kLarge);
  t.weight_decay = s.number("train.weight_decay", t.weight_decay, 0, kLarge);
  t.decay_all = s.boolean("train.decay_all", t.decay_all);
  t.layer_decay = s.number("train.layer_decay", t.layer_decay, 1e-6, 1);
  t.clip_norm = s.number("train.clip_norm", t.clip_norm, 0, kLarge);
  t.ema = s.number("train.ema", t.ema, 0, 0.999999999);
  if (kind != ObjectiveKind::kMultiLabel && kind != ObjectiveKind::kRegression &&
      kind != ObjectiveKind::kAnswering && kind != ObjectiveKind::kMultipleChoice &&
      !has_sentence_vectors(kind))
    t.label_smoothing = s.number("train.label_smoothing", t.label_smoothing, 0, 1);
  t.schedule = read_schedule(s, t.warmup_ratio);
  try {
    schedule_of(t, t.steps > 0 ? t.steps : kMany);  // how many steps epochs have the data say
  } catch (const Error& error) {
    s.conflict("train.schedule", error.what());
  }
  t.seed =
      static_cast<std::uint64_t>(s.integer("train.seed", 0, 0, std::numeric_limits<std::int64_t>::max()));
  t.precision = s.choice("train.precision", t.precision, std::array<std::string, 2>{"f32", "bf16"});
  t.recompute_layers = s.boolean("train.recompute_layers", t.recompute_layers);
  t.valid_every = s.integer("train.valid_every", t.valid_every, 0, kMany);
  t.patience = s.integer("train.patience", t.patience, 0, kMany);
  t.valid_batches = s.integer("train.valid_batches", t.valid_batches, 0, kMany);
  std::vector<std::string> measures = measures_of(objective);
  measures.insert(measures.begin(), "loss");
  t.best_by = s.choice("train.best_by", t.best_by, measures);
  t.on_bad_loss = s.choice("train.on_bad_loss", t.on_bad_loss, std::array<std::string, 2>{"stop", "skip"});
  return t;
}

OutputRecipe read_output(Settings& s, bool stops_early) {
  OutputRecipe o;
  o.directory = s.required_text("output.directory");
  o.save_every = s.integer("output.save_every", 500, 0, kMany);
  o.keep = s.integer("output.keep", o.keep, 1, 1 << 20);
  o.keep_best = s.boolean("output.keep_best", stops_early);
  return o;
}

Recipe read(Settings& s) {
  Recipe r;
  r.model = read_model(s);
  r.objective = read_objective(s);
  if (has_sentence_vectors(r.objective.kind)) read_sentence_model(s, r.model);
  r.data = read_data(s, r.objective);
  if (s.is_table("model.tokenizer")) r.model.new_tokenizer = read_new_tokenizer(s, r);
  r.train = read_train(s, r.objective);
  r.output = read_output(s, r.train.patience > 0);
  if (r.train.valid_every > 0 && r.data.valid.empty())
    s.wrong("data.valid", "the files for 'train.valid_every'");
  if (r.train.patience > 0 && r.train.valid_every == 0)
    s.conflict("train.patience", "early stopping needs 'train.valid_every'");
  s.finish();
  r.resolved = s.resolved();
  r.values = s.values();
  return r;
}

}  // namespace

bool has_sentence_vectors(ObjectiveKind kind) {
  return kind == ObjectiveKind::kPairs || kind == ObjectiveKind::kTriplets;
}

bool has_classes(ObjectiveKind kind, SentenceLoss loss) {
  if (has_sentence_vectors(kind))
    return loss == SentenceLoss::kSoftmax || loss == SentenceLoss::kBatchHardTriplet;
  return kind == ObjectiveKind::kClassification || kind == ObjectiveKind::kMultiLabel ||
         kind == ObjectiveKind::kTagging;
}

ScheduleSpec schedule_of(const TrainRecipe& train, std::int64_t steps) {
  ScheduleSpec spec = train.schedule;
  spec.total_steps = steps;
  if (train.warmup_ratio > 0)
    spec.warmup_steps = static_cast<std::int64_t>(std::ceil(train.warmup_ratio * static_cast<double>(steps)));
  check_schedule(spec);
  return spec;
}

Recipe read_recipe(const std::filesystem::path& path, std::span<const std::string> arguments) {
  Settings settings(path, arguments);
  return read(settings);
}

Recipe parse_recipe(const std::string& toml, const std::string& where,
                    std::span<const std::string> arguments) {
  Settings settings(toml, where, arguments);
  return read(settings);
}

}  // namespace lyceum
