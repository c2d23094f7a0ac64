// What stands behind the encoder of a sentence-transformers model: pooling, dense layers, normalisation.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "formats/sentence_pipeline.h"
#include "ops/linear/linear.h"
#include "ops/pooling/pooling.h"

namespace lyceum {

class SentenceHead {
 public:
  // `width` of the encoder. Reads the weights of dense modules. Throws Errc::kData when widths do not follow
  // one another.
  SentenceHead(const ModelFolder& folder, const SentencePipeline& pipeline, std::int64_t width);
  // The same with the weights of dense modules as `take` gives them: "linear.weight" [out, in] and
  // "linear.bias" [out].
  using TakeTensor =
      std::function<Tensor(const SentenceModule& module, const std::string& name, const Shape& shape)>;
  SentenceHead(const SentencePipeline& pipeline, std::int64_t width, const TakeTensor& take);

  // hidden [T, C] -> [B, width()]. prompt_tokens: how many tokens at the front of each sequence belong to the
  // prompt (pooling leaves them out when its configuration says so); empty: none.
  Tensor operator()(const Tensor& hidden, const SequenceLayout& layout,
                    std::span<const std::int64_t> prompt_tokens = {}) const;

  std::int64_t width() const noexcept { return width_; }
  bool is_normalized() const noexcept;
  // Of the dense modules, called PATH/linear.weight and PATH/linear.bias.
  const std::vector<WeightPtr>& parameters() const noexcept { return parameters_; }

 private:
  struct Step {
    SentenceModule::Kind kind;
    std::vector<PoolingMode> modes;
    bool include_prompt = true;
    Linear dense;
    Activation activation = Activation::kNone;
  };
  std::vector<Step> steps_;
  std::vector<WeightPtr> parameters_;
  std::int64_t width_;
};

}  // namespace lyceum
