#include "nn/sentence_head.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "check/expect_error.h"
#include "check/gradcheck.h"
#include "check/temporary_folder.h"
#include "check/tiny_bert.h"
#include "formats/safetensors.h"

namespace lyceum {
namespace {

using check::TemporaryFolder;
using Vector = std::vector<double>;

// Sequences of 3, 1 and 5 tokens, 8 values each.
const std::vector<std::int64_t> kLengths{3, 1, 5};
Tensor hidden() { return check::random_tensor({9, 8}, 11, -2, 2); }

// The definition of one mode for the tokens [begin, end) of `x`, which the prompt's tokens are not among. The
// weights of 'weightedmean' are the places in the row, counted from 1.
Vector pooled(const std::string& mode, const Tensor& x, std::int64_t first, std::int64_t begin,
              std::int64_t end) {
  Vector out(8, mode == "max" ? -INFINITY : 0.0);
  double weights = 0;
  for (std::int64_t t = begin; t < end; ++t) {
    const double weight = mode == "weightedmean" ? static_cast<double>(t - first + 1) : 1.0;
    weights += weight;
    for (std::int64_t c = 0; c < 8; ++c) {
      const double value = check::at(x, t * 8 + c);
      double& to = out[static_cast<std::size_t>(c)];
      if (mode == "max") to = std::max(to, value);
      if (mode == "cls" && t == begin) to = value;
      if (mode == "lasttoken") to = value;
      if (mode.find("mean") != std::string::npos) to += weight * value;
    }
  }
  for (double& value : out) {
    if (mode == "mean" || mode == "weightedmean") value /= weights;
    if (mode == "mean_sqrt_len") value /= std::sqrt(weights);
  }
  return out;
}

SentenceHead head_of(const TemporaryFolder& path) {
  const ModelFolder folder = ModelFolder::find(path.path().string());
  return SentenceHead(folder, sentence_pipeline(folder), 8);
}

// Values lie in [-2, 2], sums are of five terms at most: rounding costs less than 5 * 2^-23 * 4.
constexpr double kTolerance = 3e-6;

TEST(SentenceHead, EveryPoolingModeIsItsDefinition) {
  const Tensor x = hidden();
  const SequenceLayout layout = SequenceLayout::from_lengths(kLengths);
  for (const char* mode : {"cls", "max", "mean", "mean_sqrt_len", "weightedmean", "lasttoken"}) {
    SCOPED_TRACE(mode);
    const TemporaryFolder folder;
    check::write_tiny_bert(folder.path(), {.sentence = true, .pooling = {mode}, .normalize = false});
    const Tensor y = head_of(folder)(x, layout);
    ASSERT_EQ(y.shape(), (Shape{3, 8}));
    for (std::int64_t s = 0; s < 3; ++s) {
      const Vector want = pooled(mode, x, layout.begin(s), layout.begin(s), layout.end(s));
      for (std::int64_t c = 0; c < 8; ++c)
        EXPECT_NEAR(check::at(y, s * 8 + c), want[static_cast<std::size_t>(c)], kTolerance);
    }
  }
}

TEST(SentenceHead, ModesAreJoinedInTheLibrarysOrderAndNormalised) {
  const Tensor x = hidden();
  const SequenceLayout layout = SequenceLayout::from_lengths(kLengths);
  const TemporaryFolder folder;
  check::write_tiny_bert(folder.path(), {.sentence = true, .pooling = {"mean", "cls", "max"}});
  const Tensor y = head_of(folder)(x, layout);
  ASSERT_EQ(y.shape(), (Shape{3, 24}));
  for (std::int64_t s = 0; s < 3; ++s) {
    Vector want;
    for (const char* mode : {"cls", "max", "mean"})
      for (const double v : pooled(mode, x, layout.begin(s), layout.begin(s), layout.end(s)))
        want.push_back(v);
    double squares = 0;
    for (const double v : want) squares += v * v;
    for (std::int64_t c = 0; c < 24; ++c)
      EXPECT_NEAR(check::at(y, s * 24 + c), want[static_cast<std::size_t>(c)] / std::sqrt(squares),
                  kTolerance);
  }
}

TEST(SentenceHead, ADenseModuleIsALinearMapAndItsActivation) {
  const Tensor x = hidden();
  const SequenceLayout layout = SequenceLayout::from_lengths(kLengths);
  using Function = double (*)(double);
  const std::pair<const char*, Function> kActivations[] = {
      {"torch.nn.modules.activation.Tanh", [](double v) { return std::tanh(v); }},
      {"torch.nn.modules.linear.Identity", [](double v) { return v; }},
      {"torch.nn.modules.activation.ReLU", [](double v) { return std::max(0.0, v); }}};
  for (const auto& [name, f] : kActivations) {
    SCOPED_TRACE(name);
    const TemporaryFolder folder;
    check::write_tiny_bert(
        folder.path(), {.sentence = true, .dense_width = 5, .dense_activation = name, .normalize = false});
    const SentenceHead head = head_of(folder);
    EXPECT_EQ(head.parameters().size(), 2u);
    const Tensor y = head(x, layout);
    ASSERT_EQ(y.shape(), (Shape{3, 5}));
    const Tensor w = head.parameters()[0]->f32(), b = head.parameters()[1]->f32();
    for (std::int64_t s = 0; s < 3; ++s) {
      const Vector mean = pooled("mean", x, layout.begin(s), layout.begin(s), layout.end(s));
      for (std::int64_t o = 0; o < 5; ++o) {
        double sum = check::at(b, o);
        for (std::int64_t c = 0; c < 8; ++c)
          sum += check::at(w, o * 8 + c) * mean[static_cast<std::size_t>(c)];
        EXPECT_NEAR(check::at(y, s * 5 + o), f(sum), kTolerance);
      }
    }
  }
}

TEST(SentenceHead, TokensOfThePromptAreLeftOutWhenTheConfigurationSaysSo) {
  const Tensor x = hidden();
  const std::vector<std::int64_t> lengths{3, 6}, prompt{1, 1};
  const SequenceLayout layout = SequenceLayout::from_lengths(lengths);
  const TemporaryFolder folder;
  check::write_tiny_bert(folder.path(), {.sentence = true, .normalize = false});
  const auto first = [&](std::int64_t begin) { return pooled("mean", x, 0, begin, 3)[0]; };
  EXPECT_NEAR(check::at(head_of(folder)(x, layout, prompt), 0), first(0), kTolerance);
  check::write_file(folder / "1_Pooling/config.json", R"({"pooling_mode":"mean","include_prompt":false})");
  EXPECT_NEAR(check::at(head_of(folder)(x, layout, prompt), 0), first(1), kTolerance);
}

TEST(SentenceHead, WidthsThatDoNotFollowOneAnotherAreRefused) {
  const TemporaryFolder folder;
  check::write_tiny_bert(folder.path(), {.sentence = true, .dense_width = 5});
  check::write_file(folder / "2_Dense/config.json", R"({"in_features":9,"out_features":5})");
  check::expect_error(Errc::kData, "2_Dense/config.json: 'in_features': found 9, expected the 8",
                      [&] { head_of(folder); });
  check::write_file(folder / "2_Dense/config.json", R"({"in_features":8,"out_features":6})");
  check::expect_error(Errc::kData,
                      "2_Dense/model.safetensors: tensor 'linear.weight' is [5, 8], expected [6, 8]",
                      [&] { head_of(folder); });
  check::write_file(folder / "2_Dense/config.json",
                    R"({"in_features":8,"out_features":5,"activation_function":"torch.nn.Softplus"})");
  check::expect_error(Errc::kUnsupported, "Softplus", [&] { head_of(folder); });
}

}  // namespace
}  // namespace lyceum
