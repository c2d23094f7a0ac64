// Models that have a plain name: those of the user, and those that come with the program.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace lyceum {

// Where the program's own models lie: $LYCEUM_MODELS_DIR, else share/lyceum/models below a folder around the
// program, or around the shared library that this is part of (bin/ and lib/ARCHITECTURE/ stand beside share/
// in an installed tree, wherever that was moved to, and bin/ in a build tree), else below the prefix that it
// was built for. Nothing where there is no such folder.
std::optional<std::filesystem::path> shipped_models();

// Folders of models, the user's before the program's; they need not be there.
std::vector<std::filesystem::path> bundled_folders();
// The folder of that plain name (no '/', neither "." nor "..") in the first of them that has it. What has no
// config.json is none of the program's models (a recipe that was not run yet).
std::optional<std::filesystem::path> bundled_model(const std::string& name);
// The folders of all that bundled_model() finds.
std::vector<std::filesystem::path> bundled_models();

// What a model's README.md says behind "# NAME: " in its first line, as text for a terminal; "" where it says
// nothing of the kind.
std::string about_model(const std::filesystem::path& folder);

}  // namespace lyceum
