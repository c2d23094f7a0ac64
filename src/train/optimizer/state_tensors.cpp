#include "train/optimizer/state_tensors.h"

#include <cstring>
#include <set>
#include <string_view>

#include "base/error.h"

namespace lyceum {

void check_state(const NamedTensors& state, std::span<const StateTensor> wanted, const char* what) {
  std::set<std::string_view> known;
  for (const StateTensor& one : wanted) {
    known.insert(one.name);
    const auto found = state.find(one.name);
    if (found == state.end() || !found->second.defined())
      fail(Errc::kData, "{}: found no '{}', expected {} {}", what, one.name, dtype_name(one.dtype),
           one.shape.text());
    const Tensor& tensor = found->second;
    if (tensor.dtype() != one.dtype || tensor.shape() != one.shape)
      fail(Errc::kData, "{}: '{}': found {} {}, expected {} {}", what, one.name, dtype_name(tensor.dtype()),
           tensor.shape().text(), dtype_name(one.dtype), one.shape.text());
  }
  for (const auto& [name, tensor] : state)
    if (!known.contains(name))
      fail(Errc::kData,
           "{}: found '{}', which belongs to nothing here. Fix: is it of the same model and settings?", what,
           name);
}

void copy_state(const Tensor& from, Tensor& to) {
  const Tensor rows = from.contiguous();
  if (rows.raw() != to.raw()) std::memcpy(to.mutable_raw(), rows.raw(), to.bytes());
}

}  // namespace lyceum
