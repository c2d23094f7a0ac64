// The parameters of one model, by the names under which its authors published them.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "formats/checkpoint.h"
#include "ops/linear/weight.h"

namespace lyceum {

// Takes tensors out of a checkpoint one by one and remembers them in the order of the model.
class Parameters {
 public:
  explicit Parameters(const Checkpoint& checkpoint) : checkpoint_(&checkpoint) {}

  // The tensor that stands in the file under the first of these names that it has; one of I8 with its scales,
  // NAME_scale (the layout of compressed-tensors, "int-quantized"). Throws Errc::kData when
  // none is there or the shape is another; the message names the file.
  WeightPtr take(std::initializer_list<std::string> names, const Shape& shape,
                 Orientation orientation = Orientation::kOutputsInputs);
  WeightPtr take(const std::string& name, const Shape& shape) { return take({name}, shape); }
  bool has(const std::string& name) const;
  // Whether both are there with different values: they are two parameters then, whatever a configuration says
  // of tying them (R: tie_weights).
  bool differ(const std::string& a, const std::string& b) const;
  // A buffer that the authors' program saved beside its parameters: it is known, and not needed.
  void ignore(const std::string& name) { checkpoint_->ignore(name); }

  // In the order in which they were taken.
  const std::vector<WeightPtr>& all() const noexcept { return all_; }

 private:
  const Checkpoint* checkpoint_;
  std::map<std::string, WeightPtr, std::less<>> by_name_;
  std::vector<WeightPtr> all_;
};

}  // namespace lyceum
