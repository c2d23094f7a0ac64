// A model as a plain function: named arrays in, named arrays out, gradients on request. The names and shapes
// are those of the class in the checkpoint's `architectures` (transformers): input_ids, attention_mask,
// labels, last_hidden_state, logits, loss, ...
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "lyceum/load_options.h"

namespace lyceum {

struct NamedArray {
  std::vector<std::int64_t> shape;
  std::variant<std::vector<float>, std::vector<std::int64_t>> values;  // row-major
  const std::vector<float>& floats() const { return std::get<std::vector<float>>(values); }
};
using NamedArrays = std::map<std::string, NamedArray>;

// Cheap to copy; copies share the weights. One forward with gradients at a time.
class Network {
 public:
  static Network load(const std::string& model, const LoadOptions& options = {});  // as EmbeddingModel::load

  std::string family() const;        // "bert"
  std::string architecture() const;  // "BertForMaskedLM"
  std::vector<std::string> parameters() const;

  // backward needs labels, or inputs `cotangent.OUTPUT` in the shape of that output; adds grad.NAME for every
  // parameter. `taps`, a regular expression, adds tap.NAME. Tokens whose mask is 0 are not computed. Throws
  // Errc::kData for inputs that do not fit, kUsage for gradients of nothing.
  NamedArrays forward(const NamedArrays& inputs, bool backward = false, const std::string& taps = "") const;

 private:
  struct Inside;
  explicit Network(std::shared_ptr<const Inside> inside) : inside_(std::move(inside)) {}
  std::shared_ptr<const Inside> inside_;
};

}  // namespace lyceum
