// "Did you mean": names that look like one that was not found.
#pragma once

#include <span>
#include <string>
#include <vector>

namespace lyceum {

// How many single-letter changes make of a b.
std::size_t edit_distance(const std::string& a, const std::string& b);

// Up to `most` of the candidates, those first that fewer single-letter changes make of the name. Candidates
// more than twice as long as the name are left out, and a name of more than 256 bytes has none: in a hostile
// file they may be very long.
std::vector<std::string> nearest_names(const std::string& name, std::span<const std::string> candidates,
                                       std::size_t most = 3);

}  // namespace lyceum
