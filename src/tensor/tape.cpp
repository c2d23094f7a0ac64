#include "tensor/tape.h"

#include <algorithm>
#include <atomic>
#include <unordered_set>

#include "base/error.h"
#include "base/parallel.h"

namespace lyceum {
namespace {
thread_local Tape* t_active = nullptr;
thread_local Tape* t_observer = nullptr;  // learns what is used while nothing is recorded
std::atomic<Variable> g_last_variable{0};
}  // namespace

Tensor Gradients::of(const Tensor& watched) const {
  if (const Tensor* sum = find(watched.variable())) return sum->reshaped(watched.shape());
  return Tensor::zeros(watched.shape());
}

const Tensor* Gradients::find(Variable variable) const {
  const auto it = sums_.find(variable);
  return it == sums_.end() ? nullptr : &it->second;
}

float* Gradients::sum(Variable variable, const Shape& shape, bool& is_new) {
  Tensor& sum = sums_[variable];
  is_new = !sum.defined();
  if (is_new) {
    sum = Tensor::empty(shape);
  } else if (sum.shape() != shape) {
    fail(Errc::kInternal, "gradient: found {} after {} for one variable", shape.text(), sum.shape().text());
  } else if (sum.storage().use_count() != 1) {
    sum = sum.clone();  // what others hold too is never written to
  }
  return sum.mutable_data<float>();
}

void Gradients::add(Variable variable, Tensor gradient) {
  gradient.set_variable(0);
  Tensor& sum = sums_[variable];
  if (!sum.defined()) {
    sum = gradient.contiguous();
    return;
  }
  if (sum.shape() != gradient.shape())
    fail(Errc::kInternal, "gradient: found {} after {} for one variable", gradient.shape().text(),
         sum.shape().text());
  // What others hold too (the first contribution may be another variable's as well: a residual) is never
  // written to.
  const bool is_own = sum.storage().use_count() == 1;
  Tensor total = is_own ? std::move(sum) : Tensor::empty(sum.shape());
  const float* before = is_own ? total.data<float>() : sum.data<float>();
  float* out = total.mutable_data<float>();
  const std::int64_t cols = gradient.cols();
  parallel_for(gradient.rows(), std::max<std::int64_t>(1, (1 << 14) / std::max<std::int64_t>(1, cols)),
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t r = begin; r < end; ++r) {
                   const float* b = gradient.row<float>(r);
                   for (std::int64_t c = r * cols; c < (r + 1) * cols; ++c)
                     out[c] = before[c] + b[c - r * cols];
                 }
               });
  sum = std::move(total);
}

void Gradients::add(Gradients&& others) {
  for (auto& [variable, gradient] : others.sums_) add(variable, std::move(gradient));
  others.sums_.clear();
}

Tensor Gradients::take(Variable variable) {
  const auto it = sums_.find(variable);
  if (it == sums_.end()) return {};
  Tensor sum = std::move(it->second);
  sums_.erase(it);
  return sum;
}

std::vector<Variable> Gradients::variables() const {
  std::vector<Variable> all;
  for (const auto& [variable, sum] : sums_) all.push_back(variable);
  return all;
}

// Nothing is recorded, but this tape learns which variables are used.
class Tape::Observing {
 public:
  explicit Observing(Tape* tape) : off_(nullptr), outer_(t_observer) { t_observer = tape; }
  ~Observing() { t_observer = outer_; }
  Observing(const Observing&) = delete;
  Observing& operator=(const Observing&) = delete;

 private:
  Recording off_;
  Tape* outer_;
};

Tape::Tape() = default;
Tape::~Tape() = default;

Tape::Recording::Recording(Tape* tape) : outer_(t_active) { t_active = tape; }
Tape::Recording::~Recording() { t_active = outer_; }
Tape* Tape::active() noexcept { return t_active; }
Variable Tape::new_variable() noexcept { return ++g_last_variable; }

Tensor Tape::watch(const Tensor& tensor) {
  Tensor leaf = tensor;
  return leaf.set_variable(new_variable());
}

void Tape::record(std::string_view op, std::span<Tensor* const> outputs, Note note) {
  Entry entry{op, {}, {}, std::move(note)};
  for (Tensor* output : outputs) {
    output->set_variable(new_variable());
    entry.outputs.push_back(output->variable());
    entry.shapes.push_back(output->shape());
  }
  notes_.push_back(std::move(entry));
}

void Tape::rebuilds(const Tensor& output, std::function<Tensor()> again) {
  rebuilds_.insert_or_assign(output.variable(), std::move(again));
}

Saved::Saved(const Tensor& x) : variable_(x.variable()) {
  if (t_active != nullptr && variable_ != 0)
    if (const auto it = t_active->rebuilds_.find(variable_); it != t_active->rebuilds_.end())
      again_ = it->second;
  if (!again_) kept_ = x;
}

void Tape::walk(std::vector<std::pair<Tensor, Tensor>> outputs_and_cotangents, Gradients& gradients,
                FunctionRef<void(std::size_t)> after) {
  const Recording off(nullptr);
  for (auto& [output, cotangent] : outputs_and_cotangents) {
    if (output.shape() != cotangent.shape())
      fail(Errc::kData, "backward: the cotangent is {}, expected {}", cotangent.shape().text(),
           output.shape().text());
    if (output.variable() != 0) gradients.add(output.variable(), cotangent);
  }
  outputs_and_cotangents.clear();
  while (!notes_.empty()) {
    Entry entry = std::move(notes_.back());
    notes_.pop_back();
    for (const Variable output : entry.outputs) rebuilds_.erase(output);
    std::vector<Tensor> cotangents;
    bool reached = false;
    for (std::size_t i = 0; i < entry.outputs.size(); ++i) {
      cotangents.push_back(gradients.take(entry.outputs[i]));
      reached |= cotangents.back().defined();
    }
    if (reached) {
      BackwardPass pass(gradients, std::move(cotangents));
      entry.note(pass);
    }
    after(notes_.size());
  }
  first_use_.clear();
}

Gradients Tape::backward(std::vector<std::pair<Tensor, Tensor>> outputs_and_cotangents) {
  Gradients gradients;
  backward(std::move(outputs_and_cotangents), gradients);
  return gradients;
}

void Tape::backward(std::vector<std::pair<Tensor, Tensor>> outputs_and_cotangents, Gradients& into) {
  walk(std::move(outputs_and_cotangents), into, [](std::size_t) {});
}

void Tape::backward(std::vector<std::pair<Tensor, Tensor>> outputs_and_cotangents, Gradients& into,
                    FunctionRef<void(Variable)> on_complete) {
  for (const Variable variable : into.variables())
    if (!first_use_.contains(variable)) on_complete(variable);
  std::unordered_set<Variable> made;
  for (const Entry& entry : notes_) made.insert(entry.outputs.begin(), entry.outputs.end());
  std::vector<std::pair<std::size_t, Variable>> others;  // by the note that uses them first
  for (const auto& [variable, note] : first_use_)
    if (!made.contains(variable)) others.emplace_back(note, variable);
  std::sort(others.begin(), others.end());
  walk(std::move(outputs_and_cotangents), into, [&](std::size_t note) {
    for (; !others.empty() && others.back().first >= note; others.pop_back())
      on_complete(others.back().second);
  });
}

Gradients Tape::backward(const Tensor& scalar) {
  if (scalar.elements() != 1)
    fail(Errc::kData, "backward: found {}, expected one number", scalar.shape().text());
  return backward({{scalar, Tensor::full(scalar.shape(), 1.0f)}});
}

Tensor recomputed(std::vector<Tensor> inputs, std::function<Tensor(const std::vector<Tensor>&)> f) {
  Tape* tape = Tape::active();
  if (tape == nullptr) return f(inputs);
  Tensor y;
  {
    const Tape::Observing uses(tape);
    y = f(inputs);
  }
  tape->record("recomputed", {&y}, [inputs = std::move(inputs), f = std::move(f)](BackwardPass& pass) {
    Tape own;
    std::vector<Tensor> watched = inputs;
    for (Tensor& input : watched)
      if (input.defined() && input.variable() != 0) input = own.watch(input);
    Tensor again;
    {
      const Tape::Recording on(own);
      again = f(watched);
    }
    Gradients gradients = own.backward({{again, pass.cotangent()}});
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (!inputs[i].defined() || inputs[i].variable() == 0) continue;
      if (Tensor gradient = gradients.take(watched[i].variable()); gradient.defined())
        pass.add(inputs[i], std::move(gradient));
    }
    pass.add(std::move(gradients));
  });
  return y;
}

Tape* recording(std::initializer_list<const Tensor*> inputs) noexcept {
  Tape* const tape = t_active != nullptr ? t_active : t_observer;
  if (tape == nullptr) return nullptr;
  bool is_variable = false;
  for (const Tensor* input : inputs)
    if (input != nullptr && input->variable() != 0) {
      tape->first_use_.try_emplace(input->variable(), tape->notes_.size());
      is_variable = true;
    }
  return is_variable ? t_active : nullptr;
}

}  // namespace lyceum
