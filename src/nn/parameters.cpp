#include "nn/parameters.h"

#include <utility>

#include "base/error.h"

namespace lyceum {

bool Parameters::has(const std::string& name) const { return checkpoint_->find(name) != nullptr; }

WeightPtr Parameters::take(std::initializer_list<std::string> names, const Shape& shape,
                           Orientation orientation) {
  const std::string* chosen = names.begin();
  for (const std::string& name : names)
    if (has(name)) {
      chosen = &name;
      break;
    }
  if (const auto it = by_name_.find(*chosen); it != by_name_.end()) {
    if (it->second->shape() != shape)
      fail(Errc::kData, "tensor '{}': found {}, expected {}", *chosen, it->second->shape().text(),
           shape.text());
    return it->second;
  }
  auto weight = std::make_shared<Weight>(*chosen, checkpoint_->take(*chosen, shape), orientation);
  by_name_.emplace(*chosen, weight);
  all_.push_back(weight);
  return weight;
}

}  // namespace lyceum
