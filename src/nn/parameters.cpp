#include "nn/parameters.h"

#include <cstring>
#include <utility>

#include "base/error.h"

namespace lyceum {

bool Parameters::has(const std::string& name) const { return checkpoint_->find(name) != nullptr; }

bool Parameters::differ(const std::string& a, const std::string& b) const {
  const Tensor *x = checkpoint_->find(a), *y = checkpoint_->find(b);
  if (x == nullptr || y == nullptr) return false;
  return x->shape() != y->shape() || x->dtype() != y->dtype() ||
         std::memcmp(x->raw(), y->raw(), x->bytes()) != 0;
}

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
  Tensor value = checkpoint_->take(*chosen, shape), scales;
  const std::string scale_name = *chosen + "_scale";
  if (value.dtype() == DType::kI8 && has(scale_name) && shape.dims() == 2) {
    // [D] or [D, 1], in any float format
    const bool flat = checkpoint_->find(scale_name)->shape().dims() == 1;
    const Weight given(scale_name,
                       checkpoint_->take(scale_name, flat ? Shape{shape[0]} : Shape{shape[0], 1}));
    scales = given.f32().clone().reshaped({shape[0]});
  }
  auto weight = std::make_shared<Weight>(*chosen, std::move(value), orientation, std::move(scales));
  by_name_.emplace(*chosen, weight);
  all_.push_back(weight);
  return weight;
}

}  // namespace lyceum
