#include "lyceum/network.h"

#include "api/find.h"
#include "base/error.h"
#include "nn/forward.h"
#include "nn/sentence_model.h"

namespace lyceum {
namespace {

Tensor to_tensor(const std::string& name, const NamedArray& array) {
  const Shape shape{std::span<const std::int64_t>(array.shape)};
  return std::visit(
      [&](const auto& values) {
        if (shape.elements() != static_cast<std::int64_t>(values.size()))
          fail(Errc::kData, "input '{}': found {} values, expected {} for the shape {}", name, values.size(),
               shape.elements(), shape.text());
        return Tensor::of(shape, std::span(values));
      },
      array.values);
}

}  // namespace

struct Network::Inside {
  SentenceModel model;
};

Network Network::load(const std::string& model, const LoadOptions& options) {
  return Network(std::make_shared<const Inside>(
      Inside{load_sentence_model(find_model(model, options.pull), compute_of(options.dtype))}));
}

std::string Network::family() const { return inside_->model.body().family(); }
std::string Network::architecture() const { return inside_->model.body().architecture(); }

std::vector<std::string> Network::parameters() const {
  std::vector<std::string> names;
  for (const WeightPtr& weight : inside_->model.body().parameters()) names.push_back(weight->name());
  return names;
}

NamedArrays Network::forward(const NamedArrays& inputs, bool backward, const std::string& taps) const {
  NamedTensors given;
  for (const auto& [name, array] : inputs) given.emplace(name, to_tensor(name, array));
  NamedArrays out;
  for (const auto& [name, tensor] :
       lyceum::forward(inside_->model.body(), given,
                       {.backward = backward,
                       .taps = taps,
                       .sentence = inside_->model.has_pipeline ? inside_->model.head.get() : nullptr})) {
    const std::span<const std::int64_t> sizes = tensor.shape().sizes();
    out.emplace(name, NamedArray{{sizes.begin(), sizes.end()}, tensor.values<float>()});
  }
  return out;
}

}  // namespace lyceum
