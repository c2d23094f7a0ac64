#include "ops/cross_entropy/cross_entropy.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/parallel.h"
#include "ops/softmax/softmax_kernel.h"
#include "tensor/legend.h"
#include "tensor/tape.h"

namespace lyceum {
namespace {

Tensor scalar(double value) { return Tensor::full({}, static_cast<float>(value)); }

// Losses of single rows are added in double, in their order.
double sum_in_order(const std::vector<float>& values) {
  double sum = 0;
  for (const float v : values) sum += static_cast<double>(v);
  return sum;
}

// A loss whose gradient is known elementwise: records dx = g slope / count.
Tensor elementwise_loss(const char* op, const Tensor& x, std::vector<float> losses, Tensor slopes) {
  const double count = static_cast<double>(x.elements());
  Tensor loss = scalar(sum_in_order(losses) / count);
  if (Tape* tape = recording({&x}))
    tape->record(op, {&loss}, [x, slopes = std::move(slopes), count](BackwardPass& pass) {
      const float g = static_cast<float>(static_cast<double>(pass.cotangent().data<float>()[0]) / count);
      Tensor dx = Tensor::empty(x.shape());
      for (std::int64_t i = 0; i < x.elements(); ++i)
        dx.mutable_data<float>()[i] = g * slopes.data<float>()[i];
      pass.add(x, std::move(dx));
    });
  return loss;
}

}  // namespace

Tensor cross_entropy(const Tensor& logits, std::span<const std::int64_t> labels,
                     const CrossEntropyOptions& options) {
  Legend d("cross_entropy");
  d.bind("logits", logits.shape(), "T V");
  d.bind("labels", Shape{static_cast<std::int64_t>(labels.size())}, "T");
  if (!(options.label_smoothing >= 0 && options.label_smoothing <= 1))
    fail(Errc::kData, "cross_entropy: found label_smoothing {}, expected 0 to 1", options.label_smoothing);
  const std::int64_t tokens = d['T'], classes = d['V'];
  std::int64_t counted = 0;
  for (std::size_t t = 0; t < labels.size(); ++t) {
    if (labels[t] == options.ignore_index) continue;
    if (labels[t] < 0 || labels[t] >= classes)
      fail(Errc::kData, "cross_entropy: label {} is {}, expected 0 to {} or {} (ignored)", t, labels[t],
           classes - 1, options.ignore_index);
    ++counted;
  }
  const float e = options.label_smoothing;
  std::vector<float> losses(labels.size(), 0.0f);
  parallel_for(tokens, std::max<std::int64_t>(1, (1 << 14) / std::max<std::int64_t>(1, classes)),
               [&](std::int64_t begin, std::int64_t end) {
                 std::vector<float> scratch(static_cast<std::size_t>(classes));
                 for (std::int64_t t = begin; t < end; ++t) {
                   const std::int64_t label = labels[static_cast<std::size_t>(t)];
                   if (label == options.ignore_index) continue;
                   const float* z = logits.row<float>(t);
                   const float log_sum = kernels::log_sum_exp(z, scratch.data(), classes);
                   double sum = 0;
                   if (e > 0)
                     for (std::int64_t v = 0; v < classes; ++v) sum += static_cast<double>(z[v]);
                   losses[static_cast<std::size_t>(t)] =
                       log_sum - (1 - e) * z[label] -
                       static_cast<float>(static_cast<double>(e) * sum / static_cast<double>(classes));
                 }
               });
  const double divisor = options.sum ? 1.0 : static_cast<double>(counted);
  Tensor loss = scalar(sum_in_order(losses) / divisor);  // 0 / 0 is NaN
  if (Tape* tape = recording({&logits}))
    tape->record("cross_entropy", {&loss},
                 [logits, labels = std::vector<std::int64_t>(labels.begin(), labels.end()), options, divisor,
                  tokens, classes, e](BackwardPass& pass) {
                   // dz_v = g (softmax(z)_v - target_v) / count
                   const float g =
                       static_cast<float>(static_cast<double>(pass.cotangent().data<float>()[0]) / divisor);
                   Tensor dz = Tensor::zeros({tokens, classes});
                   float* to = dz.mutable_data<float>();
                   parallel_for(
                       tokens, std::max<std::int64_t>(1, (1 << 14) / std::max<std::int64_t>(1, classes)),
                       [&](std::int64_t begin, std::int64_t end) {
                         for (std::int64_t t = begin; t < end; ++t) {
                           const std::int64_t label = labels[static_cast<std::size_t>(t)];
                           if (label == options.ignore_index) continue;
                           float* row = to + t * classes;
                           kernels::softmax_row(logits.row<float>(t), row, classes);
                           for (std::int64_t v = 0; v < classes; ++v)
                             row[v] =
                                 g * (row[v] - e / static_cast<float>(classes) - (v == label ? 1 - e : 0.0f));
                         }
                       });
                   pass.add(logits, std::move(dz));
                 });
  return loss;
}

Tensor segment_cross_entropy(const Tensor& scores, const SequenceLayout& layout,
                             std::span<const std::int64_t> targets) {
  Legend d("segment_cross_entropy");
  d.set('T', layout.tokens(), "the layout");
  d.set('B', layout.sequences(), "the layout");
  d.bind("scores", scores.shape(), "T 1");
  d.bind("targets", Shape{static_cast<std::int64_t>(targets.size())}, "B");
  const std::vector<float> values = scores.values<float>();
  std::vector<float> losses, probabilities(values.size(), 0.0f);
  for (std::int64_t s = 0; s < layout.sequences(); ++s) {
    const std::int64_t target = targets[static_cast<std::size_t>(s)];
    if (target == -1) continue;
    if (target < 0 || target >= layout.length(s))
      fail(Errc::kData, "segment_cross_entropy: target {} is {}, expected -1 to {}", s, target,
           layout.length(s) - 1);
    const float* z = values.data() + layout.begin(s);
    float* p = probabilities.data() + layout.begin(s);
    losses.push_back(kernels::log_sum_exp(z, p, layout.length(s)) - z[target]);
    kernels::softmax_row(z, p, layout.length(s));
    p[target] -= 1;
  }
  const double counted = static_cast<double>(losses.size());
  Tensor loss = scalar(sum_in_order(losses) / counted);
  if (Tape* tape = recording({&scores}))
    tape->record("segment_cross_entropy", {&loss},
                 [scores, slopes = std::move(probabilities), counted](BackwardPass& pass) {
                   // Nothing counted: the loss is NaN, but no score had a part in it, so its gradient is zero
                   // (as PyTorch's).
                   const float g = counted > 0
                                       ? static_cast<float>(
                                             static_cast<double>(pass.cotangent().data<float>()[0]) / counted)
                                       : 0.0f;
                   Tensor dz = Tensor::empty(scores.shape());
                   for (std::size_t i = 0; i < slopes.size(); ++i)
                     dz.mutable_data<float>()[i] = g * slopes[i];
                   pass.add(scores, std::move(dz));
                 });
  return loss;
}

Tensor mean_squared_error(const Tensor& x, const Tensor& target) {
  Legend d("mean_squared_error");
  d.bind("x", x.shape(), "T V");
  d.bind("target", target.shape(), "T V");
  const std::vector<float> a = x.values<float>(), b = target.values<float>();
  std::vector<float> losses(a.size());
  Tensor slopes = Tensor::empty(x.shape());
  for (std::size_t i = 0; i < a.size(); ++i) {
    losses[i] = (a[i] - b[i]) * (a[i] - b[i]);
    slopes.mutable_data<float>()[i] = 2 * (a[i] - b[i]);
  }
  return elementwise_loss("mean_squared_error", x, std::move(losses), std::move(slopes));
}

Tensor binary_cross_entropy_with_logits(const Tensor& x, const Tensor& target) {
  Legend d("binary_cross_entropy_with_logits");
  d.bind("x", x.shape(), "T V");
  d.bind("target", target.shape(), "T V");
  const std::vector<float> a = x.values<float>(), b = target.values<float>();
  std::vector<float> losses(a.size());
  Tensor slopes = Tensor::empty(x.shape());
  kernels::logistic_loss_row(a.data(), b.data(), losses.data(), slopes.mutable_data<float>(), x.elements());
  return elementwise_loss("binary_cross_entropy_with_logits", x, std::move(losses), std::move(slopes));
}

}  // namespace lyceum
