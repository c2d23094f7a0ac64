#include "api/find.h"

#include "tasks/pull/pull.h"

namespace lyceum {

ModelFolder find_model(const std::string& model, bool pull) {
  if (pull && is_missing(model)) lyceum::pull(model, HubSettings::from_environment());
  return ModelFolder::find(model);
}

std::optional<Compute> compute_of(const std::string& dtype) {
  if (dtype.empty()) return std::nullopt;
  return compute_from_name(dtype);
}

}  // namespace lyceum
