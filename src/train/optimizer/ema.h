// An exponential moving average of the weights of a model, for validation and export.
//   average += (1 - decay) (weight - average), after each step
// Source: Polyak and Juditsky 1992; this form as in TensorFlow's ExponentialMovingAverage, without
// num_updates.
#pragma once

#include <vector>

#include "nn/named_tensors.h"
#include "ops/linear/weight.h"

namespace lyceum {

class Ema {
 public:
  // The averages start as copies of the weights, in f32. Throws Errc::kData for a decay outside [0, 1) and
  // for two weights of one name, Errc::kUnsupported for a quantised weight.
  Ema(double decay, std::vector<WeightPtr> weights);
  Ema(const Ema&) = delete;
  Ema& operator=(const Ema&) = delete;

  void update();

  // While it lives the weights are the averages; then they are what they were. Nothing is copied. Meanwhile
  // update(), state() and load_state() throw Errc::kInternal, and nobody may change the weights.
  class InPlace {
   public:
    explicit InPlace(Ema& ema);
    ~InPlace();
    InPlace(const InPlace&) = delete;
    InPlace& operator=(const InPlace&) = delete;

   private:
    Ema* ema_;
  };

  // "ema.NAME", F32 in the weight's shape; they share the bytes of the averages until the next update().
  NamedTensors state() const;
  // Copies. Throws Errc::kData where a tensor is missing, of another shape or type, or of no weight of these;
  // then nothing has changed.
  void load_state(const NamedTensors& state);

 private:
  void check_home(const char* what) const;
  void exchange();
  float one_minus_decay_;
  std::vector<WeightPtr> weights_;
  std::vector<Tensor> averages_;  // the weights' own values while these are the averages
  bool is_exchanged_ = false;
};

}  // namespace lyceum
