#include "train/run/learning.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <regex>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/nearest.h"
#include "data/examples/causal_blocks.h"
#include "data/examples/masking.h"
#include "data/examples/sentence_blocks.h"
#include "data/examples/sentence_pairs.h"
#include "data/examples/supervised.h"
#include "formats/safetensors.h"
#include "nn/initial_values.h"
#include "nn/merged_adapter.h"
#include "text/byte_tokenizer.h"
#include "train/run/sentence_learning.h"

namespace lyceum {
namespace {
namespace fs = std::filesystem;
using OrderedJson = nlohmann::ordered_json;
using enum ObjectiveKind;

// What the class for an objective is called behind the family's prefix ("Bert", "XLMRoberta").
std::vector<std::string> endings_of(const ObjectiveRecipe& objective) {
  switch (objective.kind) {
    case kCausalLm:
      return {"LMHeadModel", "ForCausalLM"};
    case kMaskedLm:
      if (objective.next_sentence) return {"ForPreTraining"};
      return {"ForMaskedLM"};
    case kClassification:
    case kMultiLabel:
    case kRegression:
      return {"ForSequenceClassification"};
    case kTagging:
      return {"ForTokenClassification"};
    case kAnswering:
      return {"ForQuestionAnswering"};
    case kMultipleChoice:
      return {"ForMultipleChoice"};
    case kPairs:
    case kTriplets:
      return {"Model"};
  }
  return {};
}

template <class T>
bool has(const std::vector<T>& all, const T& one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

// The family's class for the objective, with the prefix of `current` where there is one.
std::string class_for(const Family& family, const std::string& current, const Recipe& recipe) {
  const std::vector<std::string> endings = endings_of(recipe.objective);
  std::string found = class_ending_in(family, current, endings);
  if (found.empty())
    fail(Errc::kUnsupported, "objective.kind: the family {} has no class ...{}; it has: {}", family.name,
         endings[0], fmt::join(family.architectures, ", "));
  return found;
}

OrderedJson new_configuration(const ModelRecipe& model) {
  OrderedJson config = OrderedJson::parse(model.config);
  std::vector<std::string> known;
  for (const Family& family : families())
    for (const std::string& type : family.model_types) known.push_back(type);
  if (!has(known, model.family)) {
    const std::vector<std::string> near = nearest_names(model.family, known, 1);
    fail(Errc::kUnsupported, "model.family: found '{}', expected one of {}{}", model.family,
         fmt::join(known, ", "), near.empty() ? "" : "; the nearest is '" + near[0] + "'");
  }
  config["model_type"] = model.family;
  return config;
}

// Classes, by their names in the recipe, in the model that is gone on from, or in the data.
std::shared_ptr<const LabelNames> label_names(const Recipe& recipe, const OrderedJson& config, bool has_head,
                                              const RecordFiles& files) {
  const DataRecipe& data = recipe.data;
  if (!data.labels.empty()) return std::make_shared<const LabelNames>(data.labels);
  if (has_head && config.contains("id2label") && config["id2label"].is_object()) {
    std::vector<std::string> names;
    for (std::size_t i = 0; config["id2label"].contains(std::to_string(i)); ++i)
      names.push_back(config["id2label"][std::to_string(i)].get<std::string>());
    const bool named =
        !names.empty() && std::none_of(names.begin(), names.end(),
                                       [](const std::string& name) { return name.starts_with("LABEL_"); });
    if (named) return std::make_shared<const LabelNames>(std::move(names));
  }
  const bool are_tags = recipe.objective.kind == kTagging;
  return std::make_shared<const LabelNames>(
      LabelNames::collect(files, are_tags ? data.tags : data.label,
                          are_tags ? LabelText::kWords : LabelText::kOne, data.skip_bad_records));
}

void write_labels(OrderedJson& config, const std::vector<std::string>& names) {
  OrderedJson id2label = OrderedJson::object(), label2id = OrderedJson::object();
  for (std::size_t i = 0; i < names.size(); ++i) {
    id2label[std::to_string(i)] = names[i];
    label2id[names[i]] = i;
  }
  config["id2label"] = std::move(id2label);
  config["label2id"] = std::move(label2id);
}

std::size_t outputs_of(const Recipe& recipe, const std::shared_ptr<const LabelNames>& names) {
  return recipe.objective.kind == kRegression || recipe.objective.kind == kMultipleChoice
             ? 1
             : static_cast<std::size_t>(names->size());
}

// A head for other classes is begun anew.
void forget_other_heads(Checkpoint& checkpoint, std::size_t outputs) {
  for (const char* name : {"classifier", "classifier.out_proj", "score"}) {
    const TensorInfo* info = checkpoint.find_info(std::string(name) + ".weight");
    if (info == nullptr || info->shape.dims() != 2 || info->shape[0] == static_cast<std::int64_t>(outputs))
      continue;
    checkpoint.forget(std::string(name) + ".weight");
    checkpoint.forget(std::string(name) + ".bias");
  }
}

std::unique_ptr<Objective> objective_of(const Recipe& recipe, const Learning& learning) {
  const auto smoothing = static_cast<float>(recipe.train.label_smoothing);
  switch (recipe.objective.kind) {
    case kCausalLm:
    case kMaskedLm:
      return words_objective(recipe.objective.next_sentence, smoothing);
    case kClassification:
      return sequence_objective(SequenceTask::kClass, smoothing);
    case kMultiLabel:
      return sequence_objective(SequenceTask::kLabels, smoothing);
    case kRegression:
      return sequence_objective(
          recipe.objective.is_logistic ? SequenceTask::kProbability : SequenceTask::kNumber, smoothing);
    case kTagging:
      return tokens_objective(smoothing);
    case kAnswering:
      return spans_objective();
    case kMultipleChoice:
      return choices_objective();
    case kPairs:
    case kTriplets:
      return begin_sentence_objective(recipe, *learning.sentence,
                                      learning.labels == nullptr ? 0 : learning.labels->size());
  }
  return {};
}

std::int64_t count_layers(const std::vector<WeightPtr>& parameters) {
  std::int64_t layers = 0;
  for (const WeightPtr& weight : parameters) {
    std::smatch found;
    static const std::regex number(R"(\.(\d{1,4})\.)");
    const std::string& name = weight->name();
    if (std::regex_search(name, found, number))
      layers = std::max(layers, std::stol(found[1].str()) + std::int64_t{1});
  }
  return layers;
}

ExampleInput input_of(const Recipe& recipe, const Learning& learning, bool is_training) {
  ExampleInput input;
  input.files = is_training ? learning.train_files : learning.valid_files;
  input.order.shuffle = is_training && recipe.data.shuffle;
  input.order.seed = recipe.train.seed;
  input.order.shuffle_bytes = static_cast<std::uint64_t>(recipe.data.shuffle_mb) << 20;
  input.epochs = is_training ? static_cast<std::uint64_t>(recipe.train.epochs) : 1;
  input.skip_bad_records = recipe.data.skip_bad_records;
  input.ahead.threads = recipe.data.workers;
  return input;
}

std::int64_t longest_sequence(const Recipe& recipe, const Learning& learning) {
  const std::int64_t most =
      learning.pipeline ? learning.pipeline->max_seq_length : learning.loaded.model->max_tokens();
  const std::int64_t wanted = recipe.data.max_tokens;
  if (wanted > most)
    fail(Errc::kData, "data.max_tokens: found {}, expected at most the {} that the model takes", wanted,
         most);
  return wanted > 0 ? wanted : most;
}

std::unique_ptr<ExampleBuilder> word_examples(const Recipe& recipe, const Learning& learning,
                                              bool is_training) {
  const ObjectiveRecipe& objective = recipe.objective;
  ExampleInput input = input_of(recipe, learning, is_training);
  const std::int64_t most = learning.loaded.model->max_tokens(), context = recipe.train.context_tokens;
  if (context > most)
    fail(Errc::kData, "train.context_tokens: found {}, expected at most the {} that the model takes", context,
         most);
  if (objective.kind == kCausalLm) {
    CausalOptions options{.context_tokens = context, .cross_document = objective.cross_document};
    options.document.field = recipe.data.text;
    options.keep_last = !is_training;
    if (!objective.between.empty()) {
      const auto id = learning.tokenizer->id(objective.between);
      if (!id) fail(Errc::kData, "objective.between: '{}' is no token of the vocabulary", objective.between);
      options.behind = {*id};
    }
    return std::make_unique<CausalBlocks>(input, learning.tokenizer, options);
  }
  std::unique_ptr<ExampleBuilder> inner;
  if (objective.blocks == "pairs") {
    SentencePairOptions options{.max_tokens = context};
    options.document = {.field = recipe.data.text, .sentences = recipe.data.sentences};
    inner = std::make_unique<SentencePairs>(input, learning.tokenizer, options);
  } else if (objective.blocks == "records") {
    SequenceOptions options{.field = recipe.data.text, .label = {.kind = LabelKind::kNone}};
    options.text.max_tokens = context;
    inner = std::make_unique<RecordExamples>(input, sequence_examples(learning.tokenizer, options));
  } else {
    SentenceBlockOptions options{.max_tokens = context,
                                 .cross_document = objective.blocks == "full_sentences"};
    options.document = {.field = recipe.data.text, .sentences = recipe.data.sentences};
    inner = std::make_unique<SentenceBlocks>(input, learning.tokenizer, options);
  }
  MaskingOptions masking = objective.masking;
  masking.seed = recipe.train.seed;
  if (!is_training) masking.copies = 1;  // every validation sees the same
  return std::make_unique<MaskedExamples>(std::move(inner), *learning.tokenizer, masking);
}

LabelKind label_kind(const ObjectiveRecipe& objective) {
  const SentenceLoss loss = objective.sentence.loss;
  if (objective.kind == kMultiLabel) return LabelKind::kLabels;
  if (objective.kind == kRegression) return LabelKind::kNumber;
  if (!has_sentence_vectors(objective.kind) || has_classes(objective.kind, loss)) return LabelKind::kClass;
  return loss == SentenceLoss::kMultipleNegatives || loss == SentenceLoss::kTriplet ? LabelKind::kNone
                                                                                    : LabelKind::kNumber;
}

std::unique_ptr<ExampleBuilder> examples_of(const Recipe& recipe, const Learning& learning,
                                            bool is_training) {
  const ObjectiveKind kind = recipe.objective.kind;
  if (kind == kCausalLm || kind == kMaskedLm) return word_examples(recipe, learning, is_training);
  const DataRecipe& data = recipe.data;
  TextOptions text;
  text.max_tokens = longest_sequence(recipe, learning);
  const LabelOptions label{.kind = label_kind(recipe.objective),
                           .field = data.label,
                           .names = learning.labels,
                           .range = data.score_range};
  MakeExamples make;
  if (kind == kTagging) {
    make = token_examples(
        learning.tokenizer,
        {.words_field = data.words, .labels_field = data.tags, .names = learning.labels, .text = text});
  } else if (kind == kAnswering) {
    make = span_examples(learning.tokenizer, {.question_field = data.question,
                                              .context_field = data.context,
                                              .answers_field = data.answers,
                                              .max_tokens = text.max_tokens,
                                              .stride = std::min(data.stride, text.max_tokens / 2)});
  } else if (kind == kMultipleChoice) {
    make = choice_examples(learning.tokenizer, {.context_field = data.context,
                                                .question_field = data.question,
                                                .choices_field = data.choices,
                                                .label_field = data.label,
                                                .text = text});
  } else if (has_sentence_vectors(kind)) {
    make = comparison_examples(
        learning.tokenizer,
        {.fields = data.texts, .label = label, .text = text, .lower_case = learning.pipeline->do_lower_case});
  } else {
    make = sequence_examples(
        learning.tokenizer,
        {.field = data.text, .second_field = data.second_text, .label = label, .text = text});
  }
  return std::make_unique<RecordExamples>(input_of(recipe, learning, is_training), std::move(make));
}

// The model that is gone on from: its configuration and its tensors.
Checkpoint opened(const ModelFolder& folder, bool has_adapters, OrderedJson& config, std::string& where) {
  if (folder.adapter() != nullptr) {
    if (has_adapters)
      fail(Errc::kUnsupported,
           "model.from: found the adapter {}, expected a whole model for model.lora. Fix: `lyceum convert {} "
           "--output "
           "FOLDER` makes one of it",
           folder.path().string(), folder.name());
    MergedAdapter merged = merged_adapter(folder);
    config = OrderedJson::parse(merged.config);
    where = merged.where;
    return std::move(merged.checkpoint);
  }
  const fs::path file = folder.require("config.json");
  where = file.string();
  const std::string text = read_text(file, 1 << 24);
  parse_json(text, where);
  config = OrderedJson::parse(text);
  return Checkpoint::open(folder);
}

// What an adapter's file calls its base: a name of the hub as it was given, else where the files are.
std::string name_of_base(const std::string& from, const ModelFolder& folder, bool is_whole) {
  std::error_code error;
  if (const auto hub = parse_hub_name(from); is_whole && hub && !fs::exists(from, error))
    return hub->repository + (hub->has_revision ? "@" + hub->revision : "");
  return (folder.weights() ? *folder.weights() : folder.path()).string();
}

// Files that belong to the modules around the model that was gone on from, not to what was learnt.
bool is_of_sentence_modules(std::string_view name) {
  return name == "modules.json" || name == "config_sentence_transformers.json" ||
         (name.starts_with("sentence_") && name.ends_with("_config.json"));
}

}  // namespace

std::int64_t depth_of(const std::string& name, std::int64_t layers) {
  static const std::regex number(R"(\.(\d{1,4})\.)");
  std::smatch found;
  if (std::regex_search(name, found, number)) return std::stol(found[1].str()) + std::int64_t{1};
  for (const char* part : {"embeddings.", "wte.", "wpe.", "embed_tokens.", "embeddings_project."})
    if (name.find(part) != std::string::npos) return 0;
  return layers + 1;
}

// The ids of what a tokenizer's configuration names, in a new model's own, where the recipe does not say
// them.
void add_special_ids(OrderedJson& config, const TokenizerFiles& files, const Tokenizer& tokenizer) {
  const OrderedJson roles = OrderedJson::parse(files.tokenizer_config_json);
  for (const char* role : {"pad_token", "bos_token", "eos_token"}) {
    const std::string key = std::string(role) + "_id";
    if (!roles.contains(role) || config.contains(key)) continue;
    const OrderedJson& token = roles[role].is_object() ? roles[role]["content"] : roles[role];
    if (const auto id = tokenizer.id(token.get<std::string>())) config[key] = *id;
  }
}

Learning begin_learning(const Recipe& recipe, FunctionRef<TokenizerFiles()> learnt_tokenizer) {
  Learning out;
  out.train_files = std::make_shared<const RecordFiles>(recipe.data.train, recipe.data.records);
  if (!recipe.data.valid.empty())
    out.valid_files = std::make_shared<const RecordFiles>(recipe.data.valid, recipe.data.records);
  const ModelRecipe& model = recipe.model;
  const ObjectiveKind kind = recipe.objective.kind;
  Checkpoint checkpoint;
  OrderedJson config;
  std::string where = "model.config";
  std::optional<ModelFolder> from, modules;  // modules: what sentence-transformers puts around from
  if (!model.from.empty()) from = modules = ModelFolder::find(model.from);
  if (has_sentence_vectors(kind)) {
    out.pipeline = begin_pipeline(model, modules);
    if (modules) from = body_of(*out.pipeline, *modules);
  }
  if (from) {
    checkpoint = opened(*from, model.lora.has_value(), config, where);
  } else {
    config = new_configuration(model);
  }
  const Family& family = family_of(config.dump(), where);
  std::string current;
  if (config.contains("architectures") && config["architectures"].is_array() &&
      !config["architectures"].empty())
    current = config["architectures"][0].get<std::string>();
  const std::string wanted = class_for(family, current, recipe);
  const bool has_head = current == wanted;
  if (model.new_tokenizer) {
    out.learnt_tokenizer = learnt_tokenizer();
    out.tokenizer = Tokenizer::from_json(out.learnt_tokenizer->tokenizer_json, "model.tokenizer");
    add_special_ids(config, *out.learnt_tokenizer, *out.tokenizer);
  } else if (model.tokenizer == "bytes") {
    out.tokenizer = byte_tokenizer();
  } else {
    out.source = model.tokenizer.empty() ? *from : ModelFolder::find(model.tokenizer);
    out.tokenizer = Tokenizer::from_folder(*out.source);
  }
  if (model.from.empty() && !config.contains("vocab_size")) config["vocab_size"] = out.tokenizer->size();
  config["architectures"] = OrderedJson::array({wanted});
  if (kind == kClassification || kind == kMultiLabel || kind == kTagging) {
    out.labels = label_names(recipe, config, has_head, *out.train_files);
    write_labels(config, out.labels->names());
  } else if (kind == kRegression) {
    write_labels(config, {"LABEL_0"});
  }
  if (kind == kClassification) config["problem_type"] = "single_label_classification";
  if (kind == kMultiLabel) config["problem_type"] = "multi_label_classification";
  if (kind == kRegression) config["problem_type"] = "regression";
  // What a cross-encoder makes of its logits.
  config.erase("sbert_ce_default_activation_function");
  config.erase("sentence_transformers");
  if (kind == kRegression && !recipe.data.second_text.empty())
    config["sentence_transformers"] = {{"activation_fn", recipe.objective.is_logistic
                                                             ? "torch.nn.modules.activation.Sigmoid"
                                                             : "torch.nn.modules.linear.Identity"}};
  if (out.labels || kind == kRegression || kind == kMultipleChoice)
    forget_other_heads(checkpoint, outputs_of(recipe, out.labels));
  config.erase("torch_dtype");
  config["dtype"] = "float32";
  out.config = config.dump(2, ' ', false, OrderedJson::error_handler_t::replace) + "\n";

  const Json settled = parse_json(out.config, where);
  const JsonFields fields(settled, where);
  InitialValues initial{.seed = recipe.train.seed,
                        .deviation = fields.number("initializer_range", 0.02, 0, 1e3),
                        .deviation_of = family.deviation_of,
                        .padding_id = fields.integer("pad_token_id", -1, -1, 1 << 24)};
  initial.layers = std::max<std::int64_t>(1, fields.integer("n_layer", 1, 0, 4096));
  checkpoint.make_missing(
      [initial](const std::string& name, const Shape& shape) { return initial_value(name, shape, initial); });
  out.loaded = load_model(out.config, where, checkpoint);
  out.made = checkpoint.made();
  Model& loaded = *out.loaded.model;
  if (model.dropout) loaded.set_dropout(*model.dropout);
  if (out.tokenizer->size() > loaded.vocabulary())
    fail(Errc::kData, "model.tokenizer: found ids up to {}, expected them below the model's vocabulary of {}",
         out.tokenizer->size() - 1, loaded.vocabulary());
  out.layers = count_layers(loaded.parameters());
  std::vector<WeightPtr> weights = loaded.parameters();
  if (out.pipeline) {
    out.sentence = begin_sentence_head(recipe, *out.pipeline, modules, out.source, loaded);
    weights.insert(weights.end(), out.sentence->parameters().begin(), out.sentence->parameters().end());
    if (has_classes(kind, recipe.objective.sentence.loss))
      out.labels = label_names(recipe, config, false, *out.train_files);
  }
  if (model.lora) {
    out.adapters = begin_adapters(recipe, loaded, out.made,
                                  name_of_base(model.from, *from, from->path() == modules->path()));
    out.trained = out.adapters->weights;
  }
  const auto stays = [&](const WeightPtr& weight) {
    return out.adapters && has(loaded.parameters(), weight) && !has(out.adapters->whole, weight);
  };
  for (const WeightPtr& weight : weights) {
    const bool is_frozen =
        weight->is_quantized() || stays(weight) ||
        std::any_of(model.freeze.begin(), model.freeze.end(), [&](const std::string& pattern) {
          return std::regex_search(loaded.saved_name(weight->name()), std::regex(pattern));
        });
    (is_frozen ? out.frozen : out.trained).push_back(weight);
  }
  if (out.trained.empty()) fail(Errc::kData, "model.freeze: nothing is left to learn");
  out.objective = objective_of(recipe, out);
  return out;
}

std::unique_ptr<Batches> training_batches(const Recipe& recipe, const Learning& learning) {
  BatchOptions options{.examples = recipe.train.batch_sequences,
                       .tokens = recipe.train.batch_tokens,
                       .drop_last = true,
                       .group_by_length = recipe.train.group_by_length && recipe.data.shuffle,
                       .no_duplicates = recipe.train.no_duplicates,
                       .seed = recipe.train.seed};
  return std::make_unique<Batches>(examples_of(recipe, learning, true), options);
}

std::unique_ptr<Batches> validation_batches(const Recipe& recipe, const Learning& learning) {
  BatchOptions options{.examples = std::max<std::int64_t>(1, recipe.train.batch_sequences),
                       .drop_last = false,
                       .no_duplicates = recipe.train.no_duplicates};
  if (recipe.train.batch_tokens > 0)
    options = {.examples = 0, .tokens = recipe.train.batch_tokens, .drop_last = false};
  return std::make_unique<Batches>(examples_of(recipe, learning, false), options);
}

void save_model(const fs::path& folder, const Learning& learning) {
  AtomicFolder out(folder);
  const auto write = [&](const char* name, const std::string& text) {
    AtomicFile file(out.part() / name);
    file.write(text);
    file.commit();
  };
  write("config.json", learning.config);
  if (learning.learnt_tokenizer) {
    write(kTokenizerFile, learning.learnt_tokenizer->tokenizer_json);
    write(kTokenizerConfigFile, learning.learnt_tokenizer->tokenizer_config_json);
  } else if (!learning.source) {
    write_byte_tokenizer(out.part());
  } else {
    constexpr std::uint64_t kMostCopied = std::uint64_t{1} << 30;
    for (const char* name : copied_model_files())
      if (const auto file = learning.source->file(name); file && !is_of_sentence_modules(name))
        write(name, read_text(*file, kMostCopied));
  }
  if (learning.pipeline) save_sentence_modules(out.part(), learning);
  const Model& model = *learning.loaded.model;
  if (learning.adapters) {
    save_adapters(out.part(), *learning.adapters, model);
    return out.commit();
  }
  std::vector<std::pair<std::string, Tensor>> tensors;
  for (const WeightPtr& weight : model.parameters())
    tensors.emplace_back(model.saved_name(weight->name()), weight->f32().detached());
  write_safetensors(out.part() / "model.safetensors", tensors, {{"format", "pt"}});
  out.commit();
}

}  // namespace lyceum
