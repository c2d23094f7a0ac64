// Texts of others inside XML and HTML.
#pragma once

#include <string>
#include <string_view>

namespace lyceum {

// Fit for an element or an attribute: & < > " ' as entities; invalid UTF-8, and what XML 1.0 does not allow,
// as U+FFFD.
std::string markup_text(std::string_view text);

}  // namespace lyceum
