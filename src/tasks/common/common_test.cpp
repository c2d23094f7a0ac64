#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "check/expect_error.h"
#include "check/temporary_folder.h"
#include "tasks/common/scores.h"
#include "tasks/common/task_model.h"

namespace lyceum {
namespace {

using check::expect_error;

TEST(Scores, SoftmaxSumsToOneAndHoldsLargeValues) {
  std::vector<float> scores{1000, 999, -1000};
  softmax_in_place(scores);
  EXPECT_FLOAT_EQ(std::accumulate(scores.begin(), scores.end(), 0.0f), 1);
  EXPECT_FLOAT_EQ(scores[0] / scores[1], std::exp(1.0f));
  std::vector<float> none;
  softmax_in_place(none);
}

TEST(Scores, TheBestComeFirstEqualOnesInOrderAndNanLast) {
  const std::vector<float> scores{1, 3, std::nanf(""), 3, 2};
  EXPECT_EQ(best_places(scores, 9), (std::vector<std::size_t>{1, 3, 4, 0, 2}));
  EXPECT_EQ(best_places(scores, 2), (std::vector<std::size_t>{1, 3}));
  EXPECT_TRUE(best_places({}, 2).empty());
}

// A model that has nothing but its kind.
class Kind final : public Model {
 public:
  Kind(Head head, bool is_causal) : head_(head), is_causal_(is_causal) {}
  const std::string& family() const override { return name_; }
  const std::string& architecture() const override { return name_; }
  const std::vector<WeightPtr>& parameters() const override { return none_; }
  std::vector<ModelOutput> run(const PackedTokens&, const NamedTensors&, Pass&) const override { return {}; }
  Tensor encode(const PackedTokens&, Pass&) const override { return {}; }
  std::int64_t width() const override { return 1; }
  std::int64_t max_positions() const override { return 1; }
  std::int64_t vocabulary() const override { return 1; }
  Head head() const override { return head_; }
  bool is_causal() const override { return is_causal_; }

 private:
  Head head_;
  bool is_causal_;
  std::string name_ = "Kind";
  std::vector<WeightPtr> none_;
};

TEST(TaskModel, AModelIsToldByItsHeadAndByWhatItsTokensKnow) {
  EXPECT_EQ(uses_of(Kind(Head::kWords, false), false),
            "encoder with scores of words: forward, bench, embed, index, cluster, mine, fill");
  EXPECT_EQ(uses_of(Kind(Head::kNone, false), true), "encoder: forward, bench, embed, index, cluster, mine");
  EXPECT_EQ(uses_of(Kind(Head::kWords, true), false),
            "causal decoder with scores of the next token: forward, bench");
  EXPECT_EQ(uses_of(Kind(Head::kNone, true), true),
            "causal decoder: forward, bench, embed, index, cluster, mine");
}

TEST(TaskModel, ACausalModelEmbedsOnlyWhereSomethingSaysHow) {
  const check::TemporaryFolder folder;
  check::write_file(folder / "config.json", "{}");
  const ModelFolder where = ModelFolder::find(folder.path().string());
  check_can_embed(Kind(Head::kNone, false), false, where);
  check_can_embed(Kind(Head::kNone, true), true, where);
  expect_error(Errc::kUnsupported, "Kind, a causal decoder",
               [&] { check_can_embed(Kind(Head::kNone, true), false, where); });
}

}  // namespace
}  // namespace lyceum
