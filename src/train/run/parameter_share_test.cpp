#include "train/run/parameter_share.h"

#include <gtest/gtest.h>

#include <cstring>

#include "base/random.h"
#include "check/expect_error.h"
#include "ranks/ranks_test_threads.h"
#include "train/run/gradient_exchange.h"

namespace lyceum {
namespace {

using check::expect_error;

DataPart part_of(const Ranks& ranks) {
  return {.index = static_cast<std::uint64_t>(ranks.rank()),
          .count = static_cast<std::uint64_t>(ranks.size())};
}

// Of this many sequences each.
std::vector<Example> batch_of(std::span<const std::int64_t> sequences) {
  std::vector<Example> batch(sequences.size());
  for (std::size_t i = 0; i < batch.size(); ++i) {
    batch[i].id = i;
    batch[i].begins.assign(static_cast<std::size_t>(sequences[i]), 0);
  }
  return batch;
}

TEST(BatchShare, EveryExampleIsWithOneRankAndItsRowsComeBackInTheirPlaces) {
  const std::vector<std::int64_t> lengths[] = {{}, {1}, {1, 1}, {1, 3, 2, 1, 1, 4, 2}, {2, 2, 2, 2}};
  for (const int size : {1, 2, 3, 5})
    for (const std::vector<std::int64_t>& sequences : lengths) {
      const std::vector<Example> batch = batch_of(sequences);
      std::vector<float> expected;
      for (std::size_t i = 0; i < batch.size(); ++i)
        for (std::int64_t s = 0; s < sequences[i]; ++s)
          for (int c = 0; c < 3; ++c)
            expected.push_back(static_cast<float>(i * 100) + static_cast<float>(s * 10 + c));
      on_ranks(size, [&](Ranks& ranks) {
        const std::vector<Example> own = share_of(batch, part_of(ranks));
        std::vector<float> rows;
        for (const Example& example : own)
          for (std::int64_t s = 0; s < example.sequences(); ++s)
            for (int c = 0; c < 3; ++c)
              rows.push_back(static_cast<float>(example.id * 100) + static_cast<float>(s * 10 + c));
        const Tensor all = rows_of_all(ranks, Tensor::of<float>({std::ssize(rows) / 3, 3}, rows), batch);
        EXPECT_EQ(all.shape(), (Shape{std::ssize(expected) / 3, 3}));
        EXPECT_EQ(all.values<float>(), expected);
        ranks.finish();
      });
    }
}

TEST(BatchShare, WhereOneRankLeavesAllDo) {
  const std::vector<std::int64_t> sequences{1, 1, 1};
  const std::vector<Example> batch = batch_of(sequences);
  on_ranks(3, [&](Ranks& ranks) {
    const Tensor own = ranks.rank() == 1 ? Tensor() : Tensor::zeros({1, 3});
    EXPECT_FALSE(rows_of_all(ranks, own, batch).defined());
    ranks.finish();
  });
}

TEST(BatchShare, RowsThatAreNoSharesOfTheBatchAreRefused) {
  const std::vector<std::int64_t> sequences{1, 2, 1};
  const std::vector<Example> batch = batch_of(sequences);
  on_ranks(2, [&](Ranks& ranks) {
    const Tensor own = Tensor::zeros({ranks.is_root() ? 3 : 2, 3});
    expect_error(Errc::kInternal, "rows of all: rank 0 has 36 bytes, expected 24",
                 [&] { rows_of_all(ranks, own, batch); });
    ranks.finish();
  });
}

struct OwnedValues {
  explicit OwnedValues(float value) {
    for (const Shape& shape : shapes)
      weights.push_back(
          std::make_shared<Weight>("w" + std::to_string(weights.size()), Tensor::full(shape, value)));
  }
  Optimizer optimizer(const OptimizerSpec& spec, std::span<const int> owners, int rank) const {
    std::vector<TrainedParameter> own;
    for (std::size_t i = 0; i < weights.size(); ++i)
      if (owners[i] == rank) own.push_back({.weight = weights[i]});
    return {spec, std::move(own)};
  }
  const std::vector<Shape> shapes{{3, 4}, {4}, {2, 2}, {600, 500}, {1}};
  std::vector<WeightPtr> weights;
};

TEST(ParameterShare, WeightsComeFromTheirOwners) {
  for (const int size : {1, 2, 3, 7})
    on_ranks(size, [&](Ranks& ranks) {
      const OwnedValues model(static_cast<float>(ranks.rank()));
      const std::vector<int> owners = owners_of(model.shapes, size);
      spread_weights(ranks, model.weights, owners);
      for (std::size_t i = 0; i < owners.size(); ++i)
        EXPECT_EQ(model.weights[i]->f32().values<float>(),
                  Tensor::full(model.shapes[i], static_cast<float>(owners[i])).values<float>());
      ranks.finish();
    });
}

TEST(ParameterShare, AStateIsTheSameHoweverManyHadIt) {
  for (const OptimizerKind kind : {OptimizerKind::kAdamW, OptimizerKind::kAdafactor, OptimizerKind::kSgd}) {
    const OptimizerSpec spec{.kind = kind};
    const auto step = [](Optimizer& optimizer, const OwnedValues& model, std::span<const int> owners,
                         int rank) {
      std::vector<Tensor> gradients;
      for (std::size_t i = 0; i < owners.size(); ++i)
        if (owners[i] == rank)
          gradients.push_back(i == 1 ? Tensor() : Tensor::full(model.shapes[i], static_cast<float>(i + 1)));
      optimizer.step(gradients, 0.1);
    };
    const auto expect_equal = [](const NamedTensors& a, const NamedTensors& b) {
      ASSERT_EQ(a.size(), b.size());
      for (const auto& [name, tensor] : a) {
        const Tensor& other = b.at(name);
        ASSERT_EQ(tensor.bytes(), other.bytes()) << name;
        EXPECT_EQ(std::memcmp(tensor.raw(), other.raw(), tensor.bytes()), 0) << name;
      }
    };
    const OwnedValues whole(0.5f);
    const std::vector<int> mine(whole.shapes.size(), 0);
    Optimizer alone = whole.optimizer(spec, mine, 0);
    step(alone, whole, mine, 0);
    for (const int size : {1, 2, 3, 7})
      on_ranks(size, [&](Ranks& ranks) {
        const OwnedValues model(0.5f);
        const std::vector<int> owners = owners_of(model.shapes, size);
        Optimizer own = model.optimizer(spec, owners, ranks.rank());
        step(own, model, owners, ranks.rank());
        const NamedTensors all = gathered_state(ranks, own, model.weights, owners);
        if (ranks.is_root()) expect_equal(all, alone.state());
        Optimizer later = model.optimizer(spec, owners, ranks.rank());
        spread_state(ranks, all, later, model.weights, owners);
        expect_equal(later.state(), own.state());
        ranks.finish();
      });
  }
}

TEST(ParameterShare, AStateOfOtherWeightsIsRefused) {
  on_ranks(2, [](Ranks& ranks) {
    const OwnedValues model(1);
    const std::vector<int> owners = owners_of(model.shapes, 2);
    Optimizer own = model.optimizer({}, owners, ranks.rank());
    const auto spread = [&] { spread_state(ranks, {}, own, model.weights, owners); };
    if (ranks.is_root()) expect_error(Errc::kData, "found no", spread);
    ranks.finish();
  });
}

TEST(ParameterShare, TensorsGetTheValuesOfRankZero) {
  on_ranks(3, [](Ranks& ranks) {
    NamedTensors tensors{{"a", Tensor::full({300, 1000}, static_cast<float>(ranks.rank() + 5))},
                         {"b", Tensor::full({}, static_cast<float>(ranks.rank() + 6))}};
    spread_tensors(ranks, tensors);
    EXPECT_EQ(tensors.at("a").values<float>(), std::vector<float>(300'000, 5.0f));
    EXPECT_EQ(tensors.at("b").values<float>(), std::vector<float>{6.0f});
    ranks.finish();
  });
}

}  // namespace
}  // namespace lyceum
