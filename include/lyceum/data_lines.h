// Data files line by line, plain or compressed.
#pragma once

#include <string>
#include <vector>

namespace lyceum {

// FILE itself, or the first of FILE.zst and FILE.gz that is there; empty: none is.
std::string find_data_file(const std::string& file);

// All lines without their ends (LF or CRLF), of a plain, .zst or .gz file. Throws Errc::kIo, Errc::kFormat
// for damaged compressed data, Errc::kLimit above 1 GiB of text.
std::vector<std::string> data_lines(const std::string& file);

}  // namespace lyceum
