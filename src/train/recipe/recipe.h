// A training run as a person writes it down: what learns, from what, towards what, how, and where it goes.
// The form is INTERFACE's; every setting has a name, a range and a default, and what is none is an error.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/batches/batches.h"
#include "data/examples/masking.h"
#include "data/examples/sentences.h"
#include "data/records/record_files.h"
#include "text/training/train_tokenizer.h"
#include "train/objective/sentence_objective.h"
#include "train/optimizer/optimizer.h"
#include "train/schedule/schedule.h"

namespace lyceum {

enum class ObjectiveKind {
  kCausalLm,        // the next token
  kMaskedLm,        // hidden tokens; with next_sentence BERT's pairs too
  kClassification,  // a class of a text or a pair of texts
  kMultiLabel,      // each label yes or no
  kRegression,      // a number
  kTagging,         // a class of each word
  kAnswering,       // a span of a context
  kMultipleChoice,  // one of several texts
  kPairs,           // vectors of two texts: how near they shall be
  kTriplets,        // vectors of an anchor, its positive and negatives
};

bool has_sentence_vectors(ObjectiveKind kind);  // pairs and triplets
// Whether label and its names are a class of each example.
bool has_classes(ObjectiveKind kind, SentenceLoss loss);

// Adapters of low rank (Hu et al. 2021, "LoRA") over a model that stays as it is. R: PEFT's LoraConfig.
struct LoraRecipe {
  std::int64_t rank = 8;             // r
  double alpha = 8;                  // what B A is scaled by is alpha / rank, or by_root alpha / sqrt(rank)
  double dropout = 0;                // of the adapters' inputs
  bool by_root = false;              // rslora
  std::vector<std::string> targets;  // modules' names or their ends; "all-linear": all of the layers'
  std::vector<std::string> modules_to_save;  // trained in full, besides new parameters and the task's head
  std::string base = "f32";                  // or "int8": what the matrices of the layers are stored in
};

// A vocabulary that is learnt before the run, as `lyceum train-tokenizer` learns one.
struct TokenizerRecipe {
  TokenizerTraining training;
  std::vector<std::string> train_on;  // texts or .jsonl; files or patterns
};

struct ModelRecipe {
  std::string from;           // a MODEL to go on from; empty: a new one of this family
  std::string family;         // "gpt2"
  std::string config = "{}";  // JSON: the reference's configuration keys
  // "bytes", or a MODEL whose tokenizer it is; empty: that of `from`
  std::string tokenizer;
  std::optional<TokenizerRecipe> new_tokenizer;  // instead of `tokenizer`, for a new model
  std::optional<double> dropout;                 // every dropout of the configuration
  std::optional<LoraRecipe> lora;
  std::vector<std::string> freeze;  // regular expressions of parameter names that stay as they are
  // Of vectors of sentences, over what `from` says of itself
  std::vector<std::string> pooling;  // as set_pooling; empty: that of `from`, or the mean
  std::optional<bool> normalize;     // whether vectors are made unit vectors
  std::int64_t dense = 0;            // the width of a new dense layer behind the pooling; 0: none
  std::string dense_activation;      // "Tanh"
  std::int64_t max_tokens = 0;       // of a text; 0: that of `from`
};

struct DataRecipe {
  std::string folder;                     // at which relative paths of data begin; empty: the current one
  std::vector<std::string> train, valid;  // files or patterns
  RecordOptions records;
  bool shuffle = true;
  std::int64_t shuffle_mb = 256;
  bool skip_bad_records = false;
  int workers = 1;              // threads that tokenise ahead
  std::int64_t max_tokens = 0;  // of a sequence; 0: what the model takes
  // The names of fields
  std::string text = "text", second_text, label = "label", words = "tokens", tags = "tags",
              question = "question", context = "context", answers = "answers", choices = "choices";
  std::vector<std::string> texts;   // that are compared, in their order; each may be a list of texts
  std::vector<std::string> labels;  // names of classes; empty: those found in the training data
  std::vector<double> score_range;  // {lowest, highest}: scores become 0 to 1; empty: they are as they are
  std::int64_t stride = 128;        // between the windows of a context
  SentenceRule sentences = SentenceRule::kMarks;  // masked: where a document may be cut
};

struct ObjectiveRecipe {
  ObjectiveKind kind = ObjectiveKind::kCausalLm;
  bool next_sentence = false;
  MaskingOptions masking;
  bool cross_document = true;  // causal: a block may go on with another document, and sees the one before
  std::string between;         // causal: a token between documents, as "<|endoftext|>"; empty: none
  std::string blocks;          // masked: "full_sentences", "doc_sentences", "pairs", "records": one each
  bool is_logistic = false;    // regression: a number from 0 to 1 by the logistic loss, not the squared error
  SentenceObjectiveOptions sentence;  // pairs, triplets
};

struct TrainRecipe {
  std::int64_t steps = 0, epochs = 0;  // one of the two
  std::int64_t batch_sequences = 0, batch_tokens = 0, accumulate = 1, part_tokens = 0;
  std::int64_t context_tokens = 128;
  bool group_by_length = false;
  OptimizerSpec optimizer;
  double learning_rate = 0, weight_decay = 0.01, layer_decay = 1, clip_norm = 0, ema = 0, label_smoothing = 0;
  bool decay_all = false;
  ScheduleSpec schedule;    // total_steps is the run's
  double warmup_ratio = 0;  // of the steps, instead of schedule.warmup_steps
  std::uint64_t seed = 0;
  std::string precision = "f32";
  bool recompute_layers = false;
  std::int64_t valid_every = 0, patience = 0, valid_batches = 0;
  std::string best_by = "loss";      // the number of a validation that says which was the best
  std::string on_bad_loss = "stop";  // or "skip"
  bool no_duplicates = false;        // pairs, triplets: no text stands in two examples of a batch
};

// The schedule of a run of so many steps. Throws what check_schedule throws.
ScheduleSpec schedule_of(const TrainRecipe& train, std::int64_t steps);

struct OutputRecipe {
  std::filesystem::path directory;
  std::int64_t save_every = 0, keep = 2;
  bool keep_best = false;  // a copy of the model at its best validation
};

struct Recipe {
  ModelRecipe model;
  DataRecipe data;
  ObjectiveRecipe objective;
  TrainRecipe train;
  OutputRecipe output;
  std::string resolved;                       // the whole as TOML, defaults written out
  std::map<std::string, std::string> values;  // each setting that counts, as TOML
};

// A file, and arguments "section.key=value" that stand over what it says. Throws what Settings throws: every
// setting is checked before anything is done.
Recipe read_recipe(const std::filesystem::path& path, std::span<const std::string> arguments = {});
Recipe parse_recipe(const std::string& toml, const std::string& where,
                    std::span<const std::string> arguments = {});

}  // namespace lyceum
