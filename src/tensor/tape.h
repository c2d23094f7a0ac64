// The define-by-run tape: ops write down how to go back, and backward() walks the notes from the end.
//
//   Tape tape;
//   Tensor w = tape.watch(w0);
//   { Tape::Recording on(tape); loss = f(w); }
//   Gradients g = tape.backward(loss);         // g.of(w)
//
// Without a Recording on this thread no op makes a note or keeps a tensor.
#pragma once

#include <functional>
#include <initializer_list>
#include <span>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/function_ref.h"
#include "tensor/tensor.h"

namespace lyceum {

class Gradients {
 public:
  // The gradient of a watched tensor, in its shape; zeros when the result does not depend on it.
  Tensor of(const Tensor& watched) const;
  const Tensor* find(Variable variable) const;
  void add(Variable variable, Tensor gradient);  // adds up; f32, contiguous
  void add(Gradients&& others);
  // The sum itself, f32 and contiguous, for an op that adds to it in place before anything else is done here.
  // is_new: there was none, and its elements are not set yet.
  float* sum(Variable variable, const Shape& shape, bool& is_new);
  Tensor take(Variable variable);           // removes it; not defined() when there is none
  std::vector<Variable> variables() const;  // that have one, in no particular order

 private:
  std::unordered_map<Variable, Tensor> sums_;
};

// What a note sees on the way back.
class BackwardPass {
 public:
  BackwardPass(Gradients& gradients, std::vector<Tensor> outputs)
      : gradients_(&gradients), outputs_(std::move(outputs)) {}
  // The cotangent of the i-th output (f32, contiguous). Not defined() when nothing came back through it; a
  // note runs only if at least one is.
  const Tensor& cotangent(std::size_t i = 0) const { return outputs_[i]; }
  // Ignored for constants. A note that needs no more of an input than its variable keeps that alone: the
  // tensor's memory is free then.
  void add(Variable input, Tensor gradient) {
    if (input != 0) gradients_->add(input, std::move(gradient));
  }
  void add(const Tensor& input, Tensor gradient) { add(input.variable(), std::move(gradient)); }
  // As Gradients::sum, of an input that is a variable.
  float* sum(Variable input, const Shape& shape, bool& is_new) {
    return gradients_->sum(input, shape, is_new);
  }
  void add(Gradients&& gradients) { gradients_->add(std::move(gradients)); }

 private:
  Gradients* gradients_;
  std::vector<Tensor> outputs_;
};

// What a note keeps of an input: the tensor, or, where its op has told the active tape how to make it again
// (Tape::rebuilds), that.
class Saved {
 public:
  explicit Saved(const Tensor& x);
  Tensor get() const { return again_ ? again_() : kept_; }  // made anew at each call
  Variable variable() const noexcept { return variable_; }

 private:
  Tensor kept_;
  Variable variable_;
  std::function<Tensor()> again_;
};

class Tape {
 public:
  Tape();
  ~Tape();
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;

  // Makes this tape the one that ops on this thread write to. A null tape stops recording for a while.
  class Recording {
   public:
    explicit Recording(Tape& tape) : Recording(&tape) {}
    explicit Recording(Tape* tape);
    ~Recording();
    Recording(const Recording&) = delete;
    Recording& operator=(const Recording&) = delete;

   private:
    Tape* outer_;
  };
  static Tape* active() noexcept;

  // The same tensor as a variable whose gradient backward() will report.
  Tensor watch(const Tensor& tensor);
  static Variable new_variable() noexcept;

  using Note = std::function<void(BackwardPass&)>;
  // Makes `outputs` variables and keeps the note. `op` is a literal.
  void record(std::string_view op, std::span<Tensor* const> outputs, Note note);
  void record(std::string_view op, std::initializer_list<Tensor*> outputs, Note note) {
    record(op, std::span(outputs.begin(), outputs.size()), std::move(note));
  }

  // How to make an output that was just recorded again, with the same bits, from what its note keeps anyhow:
  // for outputs that cost less to make than to keep. Notes that save it by Saved keep no copy of it.
  void rebuilds(const Tensor& output, std::function<Tensor()> again);

  // Gradients of sum over i of <cotangent_i, output_i>. Notes are dropped as they are used: one call per
  // recording.
  Gradients backward(std::vector<std::pair<Tensor, Tensor>> outputs_and_cotangents);
  Gradients backward(const Tensor& scalar);  // cotangent 1
  // The same, added to what is there.
  void backward(std::vector<std::pair<Tensor, Tensor>> outputs_and_cotangents, Gradients& into);
  // ... and on_complete(variable) is told while the walk goes on of each variable that this tape did not make
  // (trainable weights, watched tensors) once nothing that is still to come adds to its gradient in `into`,
  // whence it may be taken: those that this tape does not use first. It need not hear of all of them.
  void backward(std::vector<std::pair<Tensor, Tensor>> outputs_and_cotangents, Gradients& into,
                FunctionRef<void(Variable)> on_complete);
  std::size_t notes() const noexcept { return notes_.size(); }

 private:
  friend Tape* recording(std::initializer_list<const Tensor*> inputs) noexcept;
  friend Tensor recomputed(std::vector<Tensor> inputs, std::function<Tensor(const std::vector<Tensor>&)> f);
  friend class Saved;
  class Observing;
  struct Entry {
    std::string_view op;
    std::vector<Variable> outputs;
    std::vector<Shape> shapes;
    Note note;
  };
  // after(i): the i-th note and all behind it have been walked.
  void walk(std::vector<std::pair<Tensor, Tensor>> outputs_and_cotangents, Gradients& gradients,
            FunctionRef<void(std::size_t)> after);
  std::vector<Entry> notes_;
  std::unordered_map<Variable, std::function<Tensor()>> rebuilds_;  // of outputs of these notes
  std::unordered_map<Variable, std::size_t> first_use_;  // no note before this one reads the variable
};

// The active tape when at least one of the inputs is a variable; null otherwise: then an op keeps nothing. An
// op names all inputs to which its note adds gradients, before it records the note.
Tape* recording(std::initializer_list<const Tensor*> inputs) noexcept;

// f(inputs), of which the active tape keeps nothing but the inputs: on the way back f runs again, recorded.
// (Chen et al. 2016, "Training deep nets with sublinear memory cost".) f must give the same bits each time; a
// trainable weight that it reads is a variable of every tape. Inputs may be not defined().
Tensor recomputed(std::vector<Tensor> inputs, std::function<Tensor(const std::vector<Tensor>&)> f);

}  // namespace lyceum
