// Shazeer and Stern 2018, Algorithm 4 (matrices) and 5 (vectors), in the form of transformers' Adafactor: the
// last two dimensions are rows and columns, everything before them counts matrices; a vector is one row whose
// column averages are all there is.
//   R_t = beta2_t R + (1 - beta2_t) mean over columns of (g^2 + epsilon1), C_t the same over rows
//   u = g / sqrt(R_t / mean(R_t)) / sqrt(C_t)
// Three passes: the sums of squares of gradient and weight, the size of u, the move.
#include <algorithm>
#include <cmath>
#include <vector>

#include "train/optimizer/update.h"
#include "train/optimizer/update_kernel.h"

namespace lyceum {
namespace {

double sum(const std::vector<double>& parts) {
  double all = 0;
  for (const double part : parts) all += part;
  return all;
}

class AdafactorStep : public ParameterStep {
 public:
  AdafactorStep(const AdafactorOptions& options, const Update& update)
      : options_(options),
        update_(update),
        is_factored_(update.shape.dims() >= 2),
        cols_(is_factored_ ? update.shape[-1] : std::ssize(update.weight)),
        rows_(is_factored_ ? update.shape[-2] : 1),
        matrices_(std::ssize(update.weight) / (rows_ * cols_)),
        // many rows where they are short, and enough that the sums of columns stay small beside the matrix
        grain_(std::max<std::int64_t>(64, kUpdateBlock / cols_)),
        blocks_of_matrix_((rows_ + grain_ - 1) / grain_),
        scale_(static_cast<float>(update.gradient_scale)),
        column_averages_(update.state[0].mutable_data<float>()),
        row_averages_(is_factored_ ? update.state[1].mutable_data<float>() : nullptr),
        m_(options.beta1 == 0 ? nullptr : update.state[is_factored_ ? 2 : 1].mutable_data<float>()),
        squares_(static_cast<std::size_t>(blocks())),
        row_sums_(static_cast<std::size_t>(matrices_ * rows_)),
        column_sums_(static_cast<std::size_t>(blocks() * cols_)),
        row_factors_(row_sums_.size()),
        column_factors_(static_cast<std::size_t>(matrices_ * cols_)) {}

  int phases() const noexcept override { return 3; }
  std::int64_t blocks() const noexcept override { return matrices_ * blocks_of_matrix_; }

  void run(int phase, std::int64_t block) override {
    const std::int64_t matrix = block / blocks_of_matrix_, first = block % blocks_of_matrix_ * grain_,
                       begin = matrix * rows_ + first, end = matrix * rows_ + std::min(rows_, first + grain_);
    double& squares = squares_[static_cast<std::size_t>(block)];
    squares = 0;
    for (std::int64_t r = begin; r < end; ++r) {
      float* p = update_.weight.data() + r * cols_;
      if (phase == 0) {
        const float* g = update_.gradient + r * cols_;
        squares += kernels::sum_of_squares(p, 1, cols_);
        row_sums_[static_cast<std::size_t>(r)] = kernels::sum_of_squares(g, scale_, cols_);
        kernels::add_squares(g, scale_, column_sums_.data() + block * cols_, cols_);
      } else if (phase == 1) {
        squares += kernels::adafactor_squares(row(r), cols_);
      } else {
        kernels::adafactor_move(move_, row(r), p, m_ == nullptr ? m_ : m_ + r * cols_, cols_);
      }
    }
  }

  void finish(int phase) override {
    const double root = std::sqrt(sum(squares_) / static_cast<double>(update_.weight.size()));
    if (phase == 0) {
      // a root that is no number stays one, as in the reference
      if (options_.scale_parameter) update_.rate *= root < options_.epsilon2 ? options_.epsilon2 : root;
      for (std::int64_t k = 0; k < matrices_; ++k) update_factors(k);
    } else {
      const double excess = root / options_.clip_threshold;
      move_ = {.size = static_cast<float>(update_.rate / (excess < 1 ? 1 : excess)),
               .decay = static_cast<float>(update_.weight_decay * update_.rate),
               .beta1 = static_cast<float>(options_.beta1),
               .one_minus_beta1 = static_cast<float>(1 - options_.beta1)};
    }
  }

 private:
  kernels::AdafactorRow row(std::int64_t r) const {
    return {.g = update_.gradient + r * cols_,
            .column_factors = column_factors_.data() + r / rows_ * cols_,
            .scale = scale_,
            .row_factor = row_factors_[static_cast<std::size_t>(r)]};
  }

  // average = beta2 average + (1 - beta2) (sums / count + epsilon1)
  void take_in(float* averages, const double* sums, std::int64_t length, std::int64_t count) const {
    // libm's pow rounds differently from machine to machine; rounding to f32 hides that but once in 2^28
    const double share = static_cast<double>(
        static_cast<float>(std::pow(static_cast<double>(update_.step), options_.decay_rate)));
    for (std::int64_t i = 0; i < length; ++i)
      averages[i] = static_cast<float>((1 - share) * static_cast<double>(averages[i]) +
                                       share * (sums[i] / static_cast<double>(count) + options_.epsilon1));
  }

  void update_factors(std::int64_t matrix) {
    double* columns = column_sums_.data() + matrix * blocks_of_matrix_ * cols_;
    for (std::int64_t b = 1; b < blocks_of_matrix_; ++b)
      for (std::int64_t c = 0; c < cols_; ++c) columns[c] += columns[b * cols_ + c];
    float* column_averages = column_averages_ + matrix * cols_;
    take_in(column_averages, columns, cols_, rows_);
    for (std::int64_t c = 0; c < cols_; ++c)
      column_factors_[static_cast<std::size_t>(matrix * cols_ + c)] =
          static_cast<float>(1 / std::sqrt(static_cast<double>(column_averages[c])));
    float* row_factors = row_factors_.data() + matrix * rows_;
    row_factors[0] = 1;
    if (!is_factored_) return;
    float* row_averages = row_averages_ + matrix * rows_;
    take_in(row_averages, row_sums_.data() + matrix * rows_, rows_, cols_);
    double mean = 0;
    for (std::int64_t r = 0; r < rows_; ++r) mean += static_cast<double>(row_averages[r]);
    mean /= static_cast<double>(rows_);
    for (std::int64_t r = 0; r < rows_; ++r)
      row_factors[r] = static_cast<float>(1 / std::sqrt(static_cast<double>(row_averages[r]) / mean));
  }

  const AdafactorOptions options_;
  Update update_;
  bool is_factored_;
  std::int64_t cols_, rows_, matrices_, grain_, blocks_of_matrix_;
  float scale_;
  float *column_averages_, *row_averages_, *m_;
  std::vector<double> squares_, row_sums_, column_sums_;  // of a block, of a row, of a block's columns
  std::vector<float> row_factors_, column_factors_;
  kernels::AdafactorMove move_{};
};

}  // namespace

std::unique_ptr<ParameterStep> adafactor_step(const OptimizerSpec& spec, const Update& update) {
  return std::make_unique<AdafactorStep>(spec.adafactor, update);
}

}  // namespace lyceum
