// What the tests of eval's forms share: an encoder whose vectors anyone can compute, and folders of data.
#pragma once

#include <gtest/gtest.h>

#include <limits>
#include <map>
#include <memory>

#include "base/error.h"
#include "base/log.h"
#include "check/temporary_folder.h"
#include "tasks/evaluate/evaluate.h"

namespace lyceum {

namespace fs = std::filesystem;

inline const fs::path kFixture = fs::path(LYCEUM_SOURCE_DIR) / "src/tasks/evaluate/fixture";

// Each word adds to two places that its hash chooses; all values are exact in f32. golden/fixture.py has
// the same.
class HashedWords final : public TextEncoder {
 public:
  std::int64_t width() const override { return 24; }
  std::int64_t max_tokens() const override { return 1000; }
  const Tokenizer& tokenizer() const override { fail(Errc::kInternal, "eval needs no tokenizer"); }
  bool is_normalized() const override { return false; }
  std::string identity() const override { return "hashed words"; }
  Tensor encode(std::span<const std::string> texts, TextRole role) const override {
    Tensor out = Tensor::zeros({static_cast<std::int64_t>(texts.size()), width()});
    for (std::size_t t = 0; t < texts.size(); ++t) {
      float* v = out.mutable_row<float>(static_cast<std::int64_t>(t));
      for (std::size_t begin = 0; begin < texts[t].size();) {
        const std::size_t end = std::min(texts[t].find(' ', begin), texts[t].size());
        if (end > begin) add_word(std::string_view(texts[t]).substr(begin, end - begin), v);
        begin = end + 1;
      }
      if (texts[t] == poison) v[3] = std::numeric_limits<float>::quiet_NaN();
    }
    ++calls[role];
    return out;
  }
  std::string poison = "not in any fixture";
  mutable std::map<TextRole, int> calls;

 private:
  static void add_word(std::string_view word, float* v) {
    std::uint64_t h = 0xCBF29CE484222325u;
    for (const char c : word) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001B3u;
    v[h % 24] += 0.25f + static_cast<float>((h >> 40) & 255) / 256;
    v[(h >> 20) % 24] -= 0.25f + static_cast<float>((h >> 48) & 255) / 256;
  }
};

class Evaluate : public testing::Test {
 protected:
  ~Evaluate() override { set_log_sink({}); }
  void put(const std::string& name, const std::string& text) const {
    check::write_file(folder_ / name, text);
  }
  std::map<std::string, double> scores(const fs::path& root, const std::string& task,
                                       const EvaluateOptions& options = {},
                                       const std::string& split = "test") {
    EvaluatedModel model(std::shared_ptr<const TextEncoder>(&encoder_, [](const TextEncoder*) {}));
    return scores(model, root, task, options, split);
  }
  std::map<std::string, double> scores(EvaluatedModel& model, const fs::path& root, const std::string& task,
                                       const EvaluateOptions& options = {},
                                       const std::string& split = "test") {
    const auto tasks = find_tasks(root, {&task, 1}, split);
    std::map<std::string, double> out;
    for (const Score& s : evaluate(tasks.at(0), model, options)) {
      EXPECT_EQ(s.split, split);
      EXPECT_TRUE(out.emplace(s.task + " " + s.metric, s.value).second) << s.metric << " stands there twice";
      examples_[s.task] = s.examples;
    }
    return out;
  }
  std::string complaint(const std::string& task, Errc code, const EvaluateOptions& options = {},
                        const std::string& split = "test") {
    try {
      scores(folder_.path(), task, options, split);
    } catch (const Error& error) {
      EXPECT_EQ(static_cast<int>(error.code()), static_cast<int>(code)) << error.what();
      return error.what();
    }
    return "no error";
  }
  static bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  }
  check::TemporaryFolder folder_;
  HashedWords encoder_;
  std::map<std::string, std::int64_t> examples_;
};

inline void expect_scores(const std::map<std::string, double>& found,
                          const std::map<std::string, double>& expected, double tolerance) {
  for (const auto& [name, value] : expected) {
    ASSERT_TRUE(found.contains(name)) << name;
    EXPECT_NEAR(found.at(name), value, tolerance) << name;
  }
}

// The reference works in f32: similarities carry a relative error of some 1e-7, and so do the correlations.
constexpr double kF32 = 1e-6;
// Means of exact fractions over a handful of queries.
constexpr double kDouble = 1e-14;

}  // namespace lyceum
