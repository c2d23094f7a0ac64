// Labels of texts and of pairs of texts; labels of your own by a model of entailment.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "lyceum/load_options.h"

namespace lyceum {

class ClassifyTask;  // of the library's inside

struct LabelScore {
  std::string label;
  float score = 0;
};

struct Classification {
  std::vector<LabelScore> labels;  // best first; of equal scores in the order of the model's or your labels
  bool truncated = false;
};

enum class ScoreFunction {
  // as the checkpoint's problem_type says: nothing for regression, sigmoid for several labels at once; when
  // it
  // says nothing, sigmoid for one label and softmax for more
  kDefault,
  kSoftmax,
  kSigmoid,
  kNone
};

struct ClassifyOptions {
  ScoreFunction function = ScoreFunction::kDefault;
  std::int64_t top = 0;  // 0: all labels
};

// Labels that the model was not trained for (Yin et al. 2019): each stands in the template as a hypothesis,
// and its score tells how far the text entails it.
struct ZeroShotOptions {
  std::vector<std::string> labels;
  std::string hypothesis_template = "This example is {}.";  // {} is the label; {{ and }} are braces
  bool multi_label = false;  // each label by itself, entailment against contradiction
  std::int64_t top = 0;
};

// Cheap to copy; copies share the weights. Safe to use from several threads at once. The references are
// transformers' TextClassificationPipeline and ZeroShotClassificationPipeline.
class TextClassifier {
 public:
  static TextClassifier load(const std::string& model,
                             const LoadOptions& options = {});  // as EmbeddingModel::load

  const std::vector<std::string>& labels() const;  // the model's own
  std::int64_t max_tokens() const;  // of a text or pair, special tokens included; longer ones are cut

  std::vector<Classification> classify(std::span<const std::string> texts,
                                       const ClassifyOptions& options = {}) const;
  Classification classify(const std::string& text, const ClassifyOptions& options = {}) const;
  std::vector<Classification> classify_pairs(std::span<const std::pair<std::string, std::string>> pairs,
                                             const ClassifyOptions& options = {}) const;
  // Throws Errc::kUsage without labels, and for a template without {}.
  std::vector<Classification> zero_shot(std::span<const std::string> texts,
                                        const ZeroShotOptions& options) const;

 private:
  explicit TextClassifier(std::shared_ptr<const ClassifyTask> inside) : inside_(std::move(inside)) {}
  std::shared_ptr<const ClassifyTask> inside_;
};

}  // namespace lyceum
