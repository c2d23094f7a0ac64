#include "tasks/evaluate/classifiers.h"

#include <linear.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <memory>
#include <utility>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/parallel.h"

namespace lyceum {

std::int32_t vote(std::span<const Hit> neighbours, std::span<const std::int32_t> classes_of_vectors) {
  struct Votes {
    std::int64_t count = 0;
    double similarity = 0;
  };
  std::map<std::int32_t, Votes> votes;
  for (const Hit& hit : neighbours) {
    Votes& v = votes[classes_of_vectors[static_cast<std::size_t>(hit.index)]];
    ++v.count;
    v.similarity += static_cast<double>(hit.score);
  }
  if (votes.empty()) fail(Errc::kInternal, "vote: no neighbours");
  return std::max_element(votes.begin(), votes.end(),
                          [](const auto& a, const auto& b) {
                            return std::pair(a.second.count, a.second.similarity) <
                                   std::pair(b.second.count, b.second.similarity);
                          })
      ->first;  // the first of the largest: the smaller class
}

LogisticProbe::LogisticProbe(const Tensor& vectors, std::span<const std::int32_t> classes,
                             std::int32_t class_count, double c)
    : class_count_(class_count) {
  if (!(c > 0) || !std::isfinite(c))
    fail(Errc::kUsage, "probe: found C = {}, expected a finite number above 0", c);
  if (class_count < 2) fail(Errc::kData, "probe: found {} class, expected at least 2", class_count);
  const std::int64_t rows = vectors.rows(), width = vectors.cols();
  if (rows >= std::numeric_limits<int>::max() || width >= std::numeric_limits<int>::max() - 2)
    fail(Errc::kLimit, "probe: found [{}, {}] vectors, expected less than 2^31 rows and columns", rows,
         width);
  ::set_print_string_function([](const char*) {});

  // LIBLINEAR's rows: (feature counted from 1, value), the constant 1 of the bias, an end mark.
  const auto row_nodes = static_cast<std::size_t>(width) + 2;
  std::vector<feature_node> nodes(static_cast<std::size_t>(rows) * row_nodes);
  std::vector<feature_node*> starts(static_cast<std::size_t>(rows));
  for (std::int64_t r = 0; r < rows; ++r) {
    feature_node* node = starts[static_cast<std::size_t>(r)] =
        &nodes[static_cast<std::size_t>(r) * row_nodes];
    const float* v = vectors.row<float>(r);
    for (int i = 0; i < static_cast<int>(width); ++i) *node++ = {i + 1, static_cast<double>(v[i])};
    *node++ = {static_cast<int>(width) + 1, 1.0};
    *node = {-1, 0.0};
  }
  // Problems are independent, so they go to threads; each walks its own chain of sums.
  const std::int64_t problems = class_count == 2 ? 1 : class_count;
  weights_.resize(static_cast<std::size_t>(problems));
  parallel_tasks(problems, [&](std::int64_t task, int) {
    check_interrupt();
    const auto wanted = static_cast<std::int32_t>(problems == 1 ? 1 : task);
    std::vector<double> y(starts.size());
    for (std::size_t i = 0; i < y.size(); ++i) y[i] = classes[i] == wanted ? 1 : -1;
    const problem given{.l = static_cast<int>(rows),
                        .n = static_cast<int>(width) + 1,
                        .y = y.data(),
                        .x = starts.data(),
                        .bias = 1.0};
    parameter options{};
    options.solver_type = L2R_LR;
    options.eps = 1e-4;
    options.C = c;
    if (const char* trouble = check_parameter(&given, &options))
      fail(Errc::kInternal, "probe: LIBLINEAR says: {}", trouble);
    const auto free_model = [](model* m) { free_and_destroy_model(&m); };
    const std::unique_ptr<model, decltype(free_model)> trained(train(&given, &options), free_model);
    if (trained->nr_class != 2)
      fail(Errc::kData, "probe: class {} has {} of {} examples, expected some and not all", wanted,
           wanted == trained->label[0] ? rows : 0, rows);
    // of the labels -1 and 1, LIBLINEAR puts 1 first, and w points to the first
    auto& w = weights_[static_cast<std::size_t>(task)];
    w.assign(trained->w, trained->w + width + 1);
  });
}

std::vector<std::int32_t> LogisticProbe::predict(const Tensor& vectors) const {
  std::vector<std::int32_t> out(static_cast<std::size_t>(vectors.rows()));
  const auto width = static_cast<std::size_t>(vectors.cols());
  parallel_for(vectors.rows(), 64, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      const float* v = vectors.row<float>(r);
      std::int32_t best = 0;
      double best_value = -std::numeric_limits<double>::infinity();
      for (std::size_t p = 0; p < weights_.size(); ++p) {
        const auto& w = weights_[p];
        double value = w[width];
        for (std::size_t c = 0; c < width; ++c) value += w[c] * static_cast<double>(v[c]);
        if (class_count_ == 2) {
          best = value > 0 ? 1 : 0;
        } else if (value > best_value) {
          best = static_cast<std::int32_t>(p);
          best_value = value;
        }
      }
      out[static_cast<std::size_t>(r)] = best;
    }
  });
  return out;
}

double accuracy(std::span<const std::int32_t> found, std::span<const std::int32_t> expected) {
  if (found.size() != expected.size())
    fail(Errc::kInternal, "accuracy: found {} and {} classes, expected as many", found.size(),
         expected.size());
  if (found.empty()) return std::numeric_limits<double>::quiet_NaN();
  std::int64_t right = 0;
  for (std::size_t i = 0; i < found.size(); ++i) right += found[i] == expected[i];
  return static_cast<double>(right) / static_cast<double>(found.size());
}

}  // namespace lyceum
