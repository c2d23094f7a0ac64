// From what a program asks for to what the tasks load.
#pragma once

#include <optional>
#include <string>

#include "formats/model_folder.h"
#include "nn/model.h"

namespace lyceum {

// The model's files, fetched where they are missing and `pull` says so.
ModelFolder find_model(const std::string& model, bool pull);
// Throws Errc::kUsage for a name that is none; nothing for "".
std::optional<Compute> compute_of(const std::string& dtype);

}  // namespace lyceum
