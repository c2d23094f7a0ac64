// A zip archive's directory: where each entry lies in the file's bytes. PyTorch's checkpoints are archives of
// stored entries, whose bytes are used in place. Source: PKWARE's APPNOTE.TXT 6.3.10, sections 4.3 to 4.5.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace lyceum {

struct ZipEntry {
  std::string name;
  std::size_t begin = 0, end = 0;  // its bytes, from the start of the file
  bool is_compressed = false;      // then they are not the content's
};

// The entries in the order of their bytes. Understands zip64 and data descriptors. Checked: the central
// directory against each local header, bounds, overlaps, names (relative, without ".." and without doubles),
// limits on their number and length. Checksums are not compared: that would read every tensor. `what` names
// the file in messages. Throws Errc::kFormat; Errc::kUnsupported for encrypted entries and archives of
// several files.
std::vector<ZipEntry> parse_zip(std::span<const std::byte> bytes, const std::string& what);

}  // namespace lyceum
