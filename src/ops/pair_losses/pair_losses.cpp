#include "ops/pair_losses/pair_losses.h"

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "base/error.h"
#include "ops/softmax/softmax_kernel.h"
#include "tensor/legend.h"
#include "tensor/tape.h"

namespace lyceum {
namespace {

std::vector<float> values_of(const char* op, const Tensor& x) {
  Legend d(op);
  d.bind("x", x.shape(), "B 1");
  return x.values<float>();
}

std::vector<float> values_of(const char* op, const Tensor& x, std::span<const float> targets) {
  Legend d(op);
  d.bind("x", x.shape(), "B 1");
  d.bind("targets", Shape{static_cast<std::int64_t>(targets.size())}, "B");
  return x.values<float>();
}

// A loss whose slope at each row is known.
Tensor loss_with_slopes(const char* op, const Tensor& x, double value, std::vector<double> slopes) {
  Tensor loss = Tensor::full({}, static_cast<float>(value));
  if (Tape* tape = recording({&x}))
    tape->record(op, {&loss}, [x, slopes = std::move(slopes)](BackwardPass& pass) {
      const auto g = static_cast<double>(pass.cotangent().data<float>()[0]);
      Tensor dx = Tensor::empty(x.shape());
      for (std::size_t i = 0; i < slopes.size(); ++i)
        dx.mutable_data<float>()[i] = static_cast<float>(g * slopes[i]);
      pass.add(x, std::move(dx));
    });
  return loss;
}

// The square of max(x, 0), and its slope added to `slope` with `sign`.
double hinge_square(double x, double sign, double factor, double& slope) {
  const double kept = std::max(x, 0.0);
  slope += sign * 2 * factor * kept;
  return factor * kept * kept;
}

}  // namespace

Tensor cosent_loss(const Tensor& x, std::span<const float> targets, float scale) {
  const std::vector<float> values = values_of("cosent_loss", x, targets);
  std::vector<float> z{0.0f};  // and the difference of each pair of rows that is ordered
  for (std::size_t i = 0; i < values.size(); ++i)
    for (std::size_t j = 0; j < values.size(); ++j)
      if (targets[i] < targets[j]) z.push_back(scale * values[i] - scale * values[j]);
  std::vector<float> p(z.size());
  const auto count = static_cast<std::int64_t>(z.size());
  const float loss = kernels::log_sum_exp(z.data(), p.data(), count);
  kernels::softmax_row(z.data(), p.data(), count);
  std::vector<double> slopes(values.size(), 0.0);
  for (std::size_t i = 0, k = 0; i < values.size(); ++i)
    for (std::size_t j = 0; j < values.size(); ++j)
      if (targets[i] < targets[j]) {
        const double share = static_cast<double>(scale) * static_cast<double>(p[++k]);
        slopes[i] += share;
        slopes[j] -= share;
      }
  return loss_with_slopes("cosent_loss", x, static_cast<double>(loss), std::move(slopes));
}

Tensor contrastive_loss(const Tensor& x, std::span<const float> targets, float margin) {
  const std::vector<float> values = values_of("contrastive_loss", x, targets);
  double loss = 0;
  std::vector<double> slopes(values.size(), 0.0);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto distance = static_cast<double>(values[i]), target = static_cast<double>(targets[i]);
    loss += target * distance * distance / 2;
    slopes[i] = target * distance;
    loss += hinge_square(static_cast<double>(margin) - distance, -1, (1 - target) / 2, slopes[i]);
  }
  return loss_with_slopes("contrastive_loss", x, loss, std::move(slopes));
}

Tensor online_contrastive_loss(const Tensor& x, std::span<const float> targets, float margin) {
  const std::vector<float> values = values_of("online_contrastive_loss", x, targets);
  struct Side {
    double count = 0, sum = 0, least = std::numeric_limits<double>::infinity(), most = -least;
    double mean() const { return sum / count; }
  } positive, negative;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (targets[i] != 0.0f && targets[i] != 1.0f) continue;
    Side& side = targets[i] == 1.0f ? positive : negative;
    const auto distance = static_cast<double>(values[i]);
    side.count += 1;
    side.sum += distance;
    side.least = std::min(side.least, distance);
    side.most = std::max(side.most, distance);
  }
  const double below = positive.count > 1 ? positive.most : negative.mean(),
               above = negative.count > 1 ? negative.least : positive.mean();
  double loss = 0;
  std::vector<double> slopes(values.size(), 0.0);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto distance = static_cast<double>(values[i]);
    if (targets[i] == 1.0f && distance > above) loss += hinge_square(distance, 1, 1, slopes[i]);
    if (targets[i] == 0.0f && distance < below)
      loss += hinge_square(static_cast<double>(margin) - distance, -1, 1, slopes[i]);
  }
  return loss_with_slopes("online_contrastive_loss", x, loss, std::move(slopes));
}

Tensor hinge_loss(const Tensor& x, float margin) {
  const std::vector<float> values = values_of("hinge_loss", x);
  double loss = 0;
  std::vector<double> slopes(values.size(), 0.0);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double kept = static_cast<double>(values[i]) + static_cast<double>(margin);
    if (kept <= 0) continue;
    loss += kept;
    slopes[i] = 1;
  }
  return loss_with_slopes("hinge_loss", x, loss, std::move(slopes));
}

}  // namespace lyceum
