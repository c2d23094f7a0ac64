// What every family is to the rest of the program: named tensors in, named tensors out, on the tape or off
// it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <regex>
#include <span>
#include <string>
#include <vector>

#include "base/function_ref.h"
#include "nn/named_tensors.h"
#include "ops/linear/linear.h"
#include "tensor/layout.h"

namespace lyceum {

// How a packed result stands in the padded batch that the caller sees (B rows of T places).
enum class Spread {
  kTokens,   // [tokens, F] -> [B, T, F], zeros where nothing was computed
  kToken,    // [tokens, 1] -> [B, T]
  kRows,     // [B, F] as it is
  kChoices,  // [B C, 1] -> [B, C]
  kScalar,   // [] as it is
};
struct ModelOutput {
  std::string name;
  Tensor value;
  Spread spread = Spread::kTokens;
};

// Inner results by name, for those who asked. Cheap when nobody did.
class Taps {
 public:
  Taps() = default;
  explicit Taps(const std::string& pattern);  // Errc::kUsage for a regular expression that is none
  bool active() const noexcept { return active_; }
  bool wants(const std::string& name) const;
  void put(std::string name, Tensor value, Spread spread);
  std::vector<ModelOutput>& taken() { return taken_; }

 private:
  bool active_ = false;
  std::regex pattern_;
  std::vector<ModelOutput> taken_;
};

// One way through a model: what is wanted besides the result, and what training adds.
struct Pass {
  Taps taps;
  // In training: the configuration's dropouts are active, with random numbers of this seed; one for each
  // step.
  std::optional<std::uint64_t> dropout_seed;
  // The tape keeps a layer's input only and computes the rest again on the way back.
  bool recompute_layers = false;
};

// A padded batch, packed: the tokens whose mask is 1, row after row.
struct PackedTokens {
  SequenceLayout layout;             // positions: the place in the row unless the caller gave position_ids
  std::vector<std::int64_t> ids;     // [tokens]
  std::vector<std::int64_t> types;   // [tokens]
  std::vector<std::int64_t> places;  // [tokens], row * T + place: where a token stands in the padded batch;
                                     // empty: there is none
  std::int64_t rows = 0, row_tokens = 0;  // B, T
  std::int64_t choices = 1;               // so many rows in turn are the choices of one example
};

// What the class of a checkpoint ends in.
enum class Head {
  kNone,           // the body alone
  kWords,          // [rows, V]: every word's score for a token
  kSequence,       // [B, labels]: classes or values of a whole sequence
  kTokens,         // [rows, labels]: classes of a token
  kSpans,          // [rows, 2]: how likely an answer begins and ends here
  kNextSentence,   // [B, 2]: 0 when the second text follows the first
  kReplacedToken,  // [rows, 1]: above 0 for a token that is not the original (ELECTRA)
  kChoices,        // [B, 1]: how well each of an example's sequences goes with the others' question
};

// The linear maps of a model, for what is done to all of them. Copies share their state. One that several
// places use stands once.
struct Products {
  std::vector<Linear> body;   // of the layers: most of the work
  std::vector<Linear> heads;  // around them
  std::vector<Linear> tied;   // whose matrix is a table of embeddings as well

  void add_to_body(const Linear& linear) { add(body, linear); }
  void add_to_heads(const Linear& linear) { add(heads, linear); }

 private:
  static void add(std::vector<Linear>& to, const Linear& linear);
};

class Model {
 public:
  virtual ~Model() = default;

  virtual const std::string& family() const = 0;        // "bert"
  virtual const std::string& architecture() const = 0;  // "BertForMaskedLM"
  virtual const std::vector<WeightPtr>& parameters() const = 0;
  virtual std::vector<std::string> taps() const { return {}; }
  // What run() reads of its inputs besides the tokens: labels and their like.
  virtual std::vector<std::string> label_inputs() const { return {}; }

  // The class of the checkpoint: its outputs under the reference's names, and `loss` when its labels are
  // among `inputs` (padded, as the caller gave them). Ops record when a tape does.
  virtual std::vector<ModelOutput> run(const PackedTokens& tokens, const NamedTensors& inputs,
                                       Pass& pass) const = 0;

  // The body alone: [tokens, width] of the last layer.
  virtual Tensor encode(const PackedTokens& tokens, Pass& pass) const = 0;
  Tensor encode(const PackedTokens& tokens) const;
  virtual std::int64_t width() const = 0;
  virtual std::int64_t max_positions() const = 0;                      // rows of the position table
  virtual std::int64_t max_tokens() const { return max_positions(); }  // of one sequence
  virtual std::int64_t vocabulary() const = 0;

  // The class's head over the body's output [rows, width]: any rows where it works token by token, else those
  // of whole sequences, which `tokens` describe. Shapes as Head says. Throws Errc::kUnsupported where there
  // is none.
  virtual Head head() const { return Head::kNone; }
  virtual Tensor scores(const Tensor& hidden, const PackedTokens& tokens, Pass& pass) const;
  Tensor scores(const Tensor& hidden, const PackedTokens& tokens) const;
  // The second head of a pre-training class, over pairs of texts: [B, 2], as Head::kNextSentence.
  virtual bool has_pair_head() const { return false; }
  virtual Tensor pair_scores(const Tensor& hidden, const SequenceLayout& layout) const;
  // Whether a token knows those before it only. Head::kWords are then scores of the next token, not of this
  // one, and the vector of a text's first token knows nothing of the rest.
  virtual bool is_causal() const { return false; }
  // Names of the classes (id2label), as many as the head has outputs; empty where they have none.
  virtual const std::vector<std::string>& labels() const;
  // config.json's problem_type; empty when it is not given.
  virtual std::string problem_type() const { return ""; }

  // Every dropout of the configuration at once. Throws Errc::kUsage outside of [0, 1).
  virtual void set_dropout(double probability);
  // The name of a parameter in the folder that the reference's class reads; parameters() has those of the
  // file.
  virtual std::string saved_name(const std::string& name) const { return name; }

  // All of them. A family that has none here computes in f32 only and takes no adapters.
  virtual Products products() const { return {}; }
  // What products are computed in from now on: bf16 everywhere; int8 where most of the work is, the layers of
  // the body, while heads stay in f32. Unless set, f32, or int8 where a file's weights are quantised. Throws
  // Errc::kUnsupported where a family cannot.
  virtual void set_compute(Compute compute);
  // The weights whose products int8 narrows, in the order of the model.
  virtual std::vector<WeightPtr> int8_weights() const;

  // The position of each token of a row, padding included, unless the caller says another.
  virtual void place(std::span<const std::int64_t> ids, std::span<std::int64_t> positions) const;
  // Whether the tokens of a second text get type 1.
  virtual bool has_segments() const { return true; }
};

// Sequences [first, last) of a batch.
struct SequenceRange {
  std::int64_t first = 0, last = 0;
};
// A batch cut between sequences into parts of about 192 tokens, whose activations stay in a second-level
// cache; in one part when that keeps the threads busier. Called inside a parallel call, for that thread
// alone.
std::vector<SequenceRange> cache_parts(const SequenceLayout& layout);
// Some of a batch's sequences; places are left empty.
PackedTokens sequences_of(const PackedTokens& tokens, const SequenceRange& range);

// body() of each of a batch's cache_parts(), on a thread of its own, as one [tokens, width]; of the whole
// batch where that is one part or gradients are recorded.
Tensor encode_in_parts(const PackedTokens& tokens, std::int64_t width,
                       FunctionRef<Tensor(const PackedTokens&)> body);

// Encoded texts one after another as one packed batch, with the positions and types that the model wants.
class TokenPacker {
 public:
  explicit TokenPacker(const Model& model) : model_(&model) {}
  void add(std::span<const std::int32_t> ids, std::span<const std::int32_t> types);
  PackedTokens finish();  // once; places are left empty

 private:
  const Model* model_;
  PackedTokens packed_;
  std::vector<std::int64_t> lengths_, positions_;
};

}  // namespace lyceum
