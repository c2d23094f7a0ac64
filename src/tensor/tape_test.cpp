#include "tensor/tape.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "check/message_of.h"

namespace lyceum {
namespace {

// y = factor x, the smallest op there is.
Tensor times(const Tensor& x, float factor) {
  Tensor y = Tensor::empty(x.shape());
  for (std::int64_t i = 0; i < x.elements(); ++i)
    y.mutable_data<float>()[i] = factor * x.contiguous().data<float>()[i];
  if (Tape* tape = recording({&x}))
    tape->record("times", {&y},
                 [x, factor](BackwardPass& pass) { pass.add(x, times(pass.cotangent(), factor)); });
  return y;
}

// (x, 10 x): two outputs of one note.
std::pair<Tensor, Tensor> twin(const Tensor& x) {
  Tensor a = x.clone(), b = times(x.detached(), 10);
  if (Tape* tape = recording({&x}))
    tape->record("twin", {&a, &b}, [x](BackwardPass& pass) {
      if (pass.cotangent(0).defined()) pass.add(x, pass.cotangent(0));
      if (pass.cotangent(1).defined()) pass.add(x, times(pass.cotangent(1), 10));
    });
  return {a, b};
}

Tensor sum_of(const std::vector<Tensor>& parts) {
  Tensor y = Tensor::zeros(parts[0].shape());
  Tape* tape = nullptr;
  for (const Tensor& part : parts) {
    for (std::int64_t i = 0; i < y.elements(); ++i) y.mutable_data<float>()[i] += part.data<float>()[i];
    if (Tape* t = recording({&part})) tape = t;
  }
  if (tape != nullptr)
    tape->record("sum_of", {&y}, [parts](BackwardPass& pass) {
      for (const Tensor& part : parts) pass.add(part, pass.cotangent());
    });
  return y;
}

float first(const Tensor& t) { return t.data<float>()[0]; }

struct TapeTest : testing::Test {
  Tape tape;
  Tensor x = tape.watch(Tensor::full({2, 3}, 1.0f));
  Tensor record(const std::function<Tensor()>& f) {
    const Tape::Recording on(tape);
    return f();
  }
  static Tensor cotangent(float value) { return Tensor::full({2, 3}, value); }
};

TEST_F(TapeTest, GradientsFollowTheChain) {
  const Tensor y = record([&] { return times(times(x, 2), 3); });
  const Gradients g = tape.backward({{y, cotangent(5)}});
  EXPECT_EQ(g.of(x).values<float>(), std::vector<float>(6, 30.0f));
}

TEST_F(TapeTest, WhatTheResultDoesNotDependOnHasAGradientOfZeros) {
  const Tensor other = tape.watch(Tensor::full({4}, 1.0f));
  const Tensor y = record([&] {
    times(other, 7);  // computed, but not part of the result
    return times(x, 2);
  });
  const Gradients g = tape.backward({{y, cotangent(1)}});
  EXPECT_EQ(g.of(other).values<float>(), std::vector<float>(4, 0.0f));
  EXPECT_EQ(g.find(other.variable()), nullptr);
}

TEST_F(TapeTest, TwoUsesAddUp) {
  Tensor a, b;
  record([&] { return a = times(x, 2), b = times(x, 3); });
  const Gradients g = tape.backward({{a, cotangent(1)}, {b, cotangent(10)}});
  EXPECT_EQ(first(g.of(x)), 32.0f);
}

TEST_F(TapeTest, ASharedCotangentIsNotWrittenTo) {
  Tensor a, b;
  const Tensor same = cotangent(1);
  record([&] { return a = times(x, 1), b = times(a, 1); });
  // `a` is an output and an input of another note: its cotangents add up, and the caller's tensor stays as it
  // was.
  const Gradients g = tape.backward({{a, same}, {b, same}});
  EXPECT_EQ(first(g.of(x)), 2.0f);
  EXPECT_EQ(same.values<float>(), std::vector<float>(6, 1.0f));
}

TEST(Gradients, ASumIsAddedToInPlaceAndOneThatOthersHoldIsNot) {
  Gradients g;
  bool is_new = false;
  float* sum = g.sum(7, {2, 3}, is_new);
  EXPECT_TRUE(is_new);
  std::fill_n(sum, 6, 1.0f);
  EXPECT_EQ(g.sum(7, {2, 3}, is_new), sum);
  EXPECT_FALSE(is_new);
  const Tensor held = *g.find(7);
  float* other = g.sum(7, {2, 3}, is_new);
  EXPECT_NE(other, sum);
  other[0] += 2;
  EXPECT_EQ(held.values<float>(), std::vector<float>(6, 1.0f));
  EXPECT_EQ(g.take(7).values<float>(), (std::vector<float>{3, 1, 1, 1, 1, 1}));
  g.add(8, Tensor::full({2}, 1));
  EXPECT_EQ(check::message_of(Errc::kInternal, [&] { g.sum(8, {3}, is_new); }),
            "gradient: found [3] after [2] for one variable");
}

// z = y y, whose gradient 2 y needs y, which its op can make again.
TEST_F(TapeTest, WhatIsSavedIsMadeAgainWhereItsOpToldHow) {
  for (const bool rebuilds : {false, true}) {
    int made = 0;
    std::weak_ptr<Storage> kept;
    const Tensor z = record([&] {
      const Tensor y = times(x, 3);
      kept = y.storage();
      if (rebuilds) tape.rebuilds(y, [&made, from = x.detached()] { return ++made, times(from, 3); });
      Tensor out = Tensor::full(y.shape(), first(y) * first(y));
      tape.record("square", {&out}, [saved = Saved(y)](BackwardPass& pass) {
        pass.add(saved.variable(), times(pass.cotangent(), 2 * first(saved.get())));
      });
      return out;
    });
    EXPECT_EQ(kept.expired(), rebuilds);
    EXPECT_EQ(made, 0);
    EXPECT_EQ(first(tape.backward({{z, cotangent(1)}}).of(x)), 18.0f);
    EXPECT_EQ(made, rebuilds ? 1 : 0);
  }
}

TEST_F(TapeTest, AnOutputThatNothingReadsHasNoCotangent) {
  std::pair<Tensor, Tensor> both;
  record([&] { return (both = twin(x)).first; });
  EXPECT_EQ(first(tape.backward({{both.second, cotangent(1)}}).of(x)), 10.0f);
  record([&] { return (both = twin(x)).first; });
  EXPECT_EQ(first(tape.backward({{both.first, cotangent(1)}, {both.second, cotangent(1)}}).of(x)), 11.0f);
}

TEST_F(TapeTest, WithoutARecordingOrAVariableNothingIsNoted) {
  times(x, 2);
  EXPECT_EQ(tape.notes(), 0u);
  record([&] { return times(x.detached(), 2); });
  EXPECT_EQ(tape.notes(), 0u);
  record([&] {
    const Tape::Recording off(nullptr);
    return times(x, 2);
  });
  EXPECT_EQ(tape.notes(), 0u);
  EXPECT_EQ(Tape::active(), nullptr);
}

TEST_F(TapeTest, RecordingBelongsToItsThreadAndTheInnerOneEnds) {
  Tape inner;
  const Tape::Recording on(tape);
  {
    const Tape::Recording also(inner);
    EXPECT_EQ(Tape::active(), &inner);
  }
  EXPECT_EQ(Tape::active(), &tape);
  Tape* elsewhere = &tape;
  std::thread([&] { elsewhere = Tape::active(); }).join();
  EXPECT_EQ(elsewhere, nullptr);
}

TEST_F(TapeTest, BackwardUsesItsNotesUpAndRecordsNothingItself) {
  const Tensor y = record([&] { return times(times(x, 2), 3); });
  EXPECT_EQ(tape.notes(), 2u);
  {
    const Tape::Recording on(tape);
    tape.backward({{y, cotangent(1)}});
  }
  EXPECT_EQ(tape.notes(), 0u);
}

TEST_F(TapeTest, AVariableIsCompleteWhenItsFirstUseHasBeenWalked) {
  const Tensor w = tape.watch(Tensor::full({2, 3}, 1.0f)), head = tape.watch(Tensor::full({2, 3}, 1.0f)),
               inner = tape.watch(Tensor::full({2, 3}, 1.0f));
  const Tensor y = record([&] {
    const std::vector<Tensor> early{times(x, 2), times(w, 3)};
    const Tensor deep = recomputed({early[0]}, [&](const std::vector<Tensor>& in) {
      return sum_of({times(in[0], 5), times(inner, 7), times(w, 11)});
    });
    return sum_of({deep, early[1], times(x, 13)});
  });
  Gradients into;
  into.add(head.variable(), cotangent(4));
  into.add(w.variable(), cotangent(100));
  std::vector<std::pair<Variable, float>> told;
  tape.backward({{y, cotangent(1)}}, into, [&](Variable variable) {
    const Tensor gradient = into.take(variable);
    told.emplace_back(variable, gradient.defined() ? first(gradient) : 0.0f);
  });
  // head is not used by this tape; inner only by what is computed again; w is used before that too, x first
  const std::vector<std::pair<Variable, float>> wanted{
      {head.variable(), 4.0f}, {inner.variable(), 7.0f}, {w.variable(), 114.0f}, {x.variable(), 23.0f}};
  EXPECT_EQ(told, wanted);
  EXPECT_TRUE(into.variables().empty());
}

TEST_F(TapeTest, WhatBackwardAddsToOthersIsWhatItGivesAlone) {
  const auto f = [&] { return times(sum_of({times(x, 2), x}), 3); };
  const Tensor y = record(f);
  const Gradients alone = tape.backward({{y, cotangent(1)}});
  const Tensor again = record(f);
  Gradients into;
  tape.backward({{again, cotangent(1)}}, into, [](Variable) {});
  EXPECT_EQ(into.of(x).values<float>(), alone.of(x).values<float>());
}

TEST_F(TapeTest, SavedTensorsLiveUntilTheirNoteHasRun) {
  const std::uint64_t before = memory_use().live_bytes;
  Tensor y = record([&] {
    const Tensor middle = times(x, 2);
    return times(middle, 3);
  });
  EXPECT_EQ(memory_use().live_bytes - before,
            512u);  // y and middle, which the note keeps: a block is 256 bytes
  tape.backward({{y, cotangent(1)}});
  EXPECT_EQ(memory_use().live_bytes - before, 256u);
}

TEST_F(TapeTest, AnInputThatIsAViewGivesAContiguousGradient) {
  const Tensor view = tape.watch(Tensor::full({2, 8}, 1.0f).columns(1, 4));
  const Tensor y = record([&] { return times(view, 2); });
  const Tensor wide = Tensor::full({2, 5}, 3.0f);
  const Gradients g = tape.backward({{y, wide.columns(2, 5)}});  // and so may the cotangent be
  EXPECT_EQ(g.of(view).values<float>(), std::vector<float>(6, 6.0f));
  EXPECT_TRUE(g.of(view).is_contiguous());
}

TEST_F(TapeTest, SaysWhatDoesNotFit) {
  const Tensor y = record([&] { return times(x, 2); });
  EXPECT_EQ(check::message_of(Errc::kData,
                              [&] {
                                tape.backward({{y, Tensor::full({3, 2}, 1.0f)}});
                              }),
            "backward: the cotangent is [3, 2], expected [2, 3]");
  EXPECT_EQ(check::message_of(Errc::kData, [&] { tape.backward(y); }),
            "backward: found [2, 3], expected one number");
  Gradients g;
  g.add(1, Tensor::zeros({2}));
  EXPECT_EQ(check::message_of(Errc::kInternal, [&] { g.add(1, Tensor::zeros({3})); }),
            "gradient: found [3] after [2] for one variable");
}

}  // namespace
}  // namespace lyceum
