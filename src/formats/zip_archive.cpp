#include "formats/zip_archive.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "base/utf8.h"

namespace lyceum {
namespace {

constexpr std::uint64_t kMostEntries = 1'000'000;  // of one archive; a tensor is one entry
constexpr std::size_t kLongestName = 1024;         // bytes; names stand in messages
constexpr std::uint64_t kIn64 = 0xFFFFFFFFu;       // a 32-bit field that says: see the zip64 record
constexpr std::size_t kEndBytes = 22, kLocatorBytes = 20, kEnd64Bytes = 56, kCentralBytes = 46,
                      kLocalBytes = 30;

// Little-endian numbers at checked places.
class Reader {
 public:
  Reader(std::span<const std::byte> bytes, const std::string& what) : bytes_(bytes), what_(what) {}

  std::uint64_t size() const { return bytes_.size(); }
  void require(std::uint64_t at, std::uint64_t count, const char* part) const {
    if (at > size() || count > size() - at)
      fail(Errc::kFormat,
           "{}: {} would lie at bytes {} to {} of {}. Fix: the file is cut short or damaged; copy it again.",
           what_, part, at, at + count, size());
  }
  std::uint64_t number(std::uint64_t at, std::size_t count) const {
    std::uint64_t value = 0;
    for (std::size_t i = count; i-- > 0;)
      value = value << 8 | std::to_integer<std::uint64_t>(bytes_[static_cast<std::size_t>(at) + i]);
    return value;
  }
  std::string_view text(std::uint64_t at, std::uint64_t count) const {
    return {reinterpret_cast<const char*>(bytes_.data()) + at, static_cast<std::size_t>(count)};
  }
  bool has_mark(std::uint64_t at, std::string_view mark) const {
    return at <= size() && size() - at >= 4 && text(at, 4) == mark;
  }
  const std::string& what() const { return what_; }

 private:
  std::span<const std::byte> bytes_;
  const std::string& what_;
};

struct Directory {
  std::uint64_t begin = 0, end = 0, entries = 0;
};

// The end record stands at the end of the file, before a comment whose length it holds.
std::uint64_t find_end(const Reader& file) {
  const std::uint64_t size = file.size();
  for (std::uint64_t comment = 0; comment <= 0xFFFF && size >= kEndBytes + comment; ++comment) {
    const std::uint64_t at = size - kEndBytes - comment;
    if (file.has_mark(at, "PK\5\6") && file.number(at + 20, 2) == comment) return at;
  }
  fail(Errc::kFormat,
       "{}: found no directory at the end of a zip archive of {} bytes. Fix: the file is cut short; copy it "
       "again.",
       file.what(), size);
}

Directory find_directory(const Reader& file) {
  const std::uint64_t end = find_end(file);
  const auto refuse_parts = [&](std::uint64_t disk) {
    if (disk != 0)
      fail(Errc::kUnsupported, "{}: found a part of an archive of several files, expected a whole one",
           file.what());
  };
  Directory d{.begin = file.number(end + 16, 4), .end = 0, .entries = file.number(end + 10, 2)};
  std::uint64_t bytes = file.number(end + 12, 4), follows = end;
  if (end >= kLocatorBytes && file.has_mark(end - kLocatorBytes, "PK\6\7")) {
    const std::uint64_t locator = end - kLocatorBytes, at = file.number(locator + 8, 8);
    refuse_parts(file.number(locator + 4, 4));
    file.require(at, kEnd64Bytes, "the zip64 end record");
    if (!file.has_mark(at, "PK\6\6") || at + kEnd64Bytes > locator)
      fail(Errc::kFormat, "{}: found no zip64 end record at byte {}, where its locator puts it", file.what(),
           at);
    refuse_parts(file.number(at + 16, 4) | file.number(at + 20, 4));
    d = {.begin = file.number(at + 48, 8), .end = 0, .entries = file.number(at + 32, 8)};
    bytes = file.number(at + 40, 8);
    follows = at;
  } else {
    refuse_parts(file.number(end + 4, 2) | file.number(end + 6, 2));
  }
  if (d.entries > kMostEntries)
    fail(Errc::kFormat, "{}: found {} entries, expected at most {}", file.what(), d.entries, kMostEntries);
  if (d.begin > follows || bytes > follows - d.begin)
    fail(Errc::kFormat, "{}: the directory would lie at bytes {} to {}, expected an end before byte {}",
         file.what(), d.begin, d.begin + bytes, follows);
  d.end = d.begin + bytes;
  return d;
}

bool is_plain(std::string_view name) {
  if (name.empty() || name.front() == '/' || !is_utf8(name)) return false;
  if (std::any_of(name.begin(), name.end(),
                  [](char c) { return c == '\\' || static_cast<unsigned char>(c) < 32; }))
    return false;
  for (std::size_t begin = 0; begin <= name.size();) {
    const std::size_t end = std::min(name.find('/', begin), name.size());
    if (const auto part = name.substr(begin, end - begin); part == "." || part == "..") return false;
    begin = end + 1;
  }
  return true;
}

// One entry as one of the two headers says.
struct Header {
  std::uint64_t flags = 0, method = 0, stored_bytes = 0, bytes = 0, local = 0;
  std::string_view name;
};

// Fields that say 0xFFFFFFFF stand in the zip64 record of the extra field, in this order.
void widen(const Reader& file, std::uint64_t extra, std::uint64_t extra_bytes, Header& h) {
  const std::uint64_t end = extra + extra_bytes;
  while (end - extra >= 4) {
    const std::uint64_t kind = file.number(extra, 2), length = file.number(extra + 2, 2);
    if (length > end - extra - 4) break;
    std::uint64_t at = extra + 4, rest = length;
    if (kind == 1) {
      for (std::uint64_t* field : {&h.bytes, &h.stored_bytes, &h.local})
        if (*field == kIn64 && rest >= 8) {
          *field = file.number(at, 8);
          at += 8;
          rest -= 8;
        }
      return;
    }
    extra += 4 + length;
  }
}

struct Placed {
  ZipEntry entry;
  std::uint64_t local = 0;
};

Placed place(const Reader& file, const Header& central, std::uint64_t data_end) {
  const std::string name(central.name);
  const std::string& what = file.what();
  file.require(central.local, kLocalBytes, "the local header of an entry");
  const std::uint64_t at = central.local;
  if (!file.has_mark(at, "PK\3\4"))
    fail(Errc::kFormat, "{}: '{}': found no local header at byte {}, where the directory puts it", what, name,
         at);
  Header local{.flags = file.number(at + 6, 2),
               .method = file.number(at + 8, 2),
               .stored_bytes = file.number(at + 18, 4),
               .bytes = file.number(at + 22, 4)};
  const std::uint64_t name_bytes = file.number(at + 26, 2), extra_bytes = file.number(at + 28, 2);
  file.require(at + kLocalBytes, name_bytes + extra_bytes, "the local header of an entry");
  local.name = file.text(at + kLocalBytes, name_bytes);
  widen(file, at + kLocalBytes + name_bytes, extra_bytes, local);
  // With a data descriptor the sizes stand behind the bytes, and the header holds zeros or repeats them.
  const bool is_deferred = (local.flags & 8) != 0;
  const auto agrees = [&](std::uint64_t in_local, std::uint64_t in_central) {
    return in_local == in_central || (is_deferred && (in_local == 0 || in_local == kIn64));
  };
  if (local.name != central.name || local.method != central.method ||
      !agrees(local.stored_bytes, central.stored_bytes) || !agrees(local.bytes, central.bytes))
    fail(Errc::kFormat,
         "{}: '{}': its local header at byte {} says another name, size or method than the directory", what,
         name, at);
  Placed p{.entry = {.name = name, .is_compressed = central.method != 0}, .local = at};
  const std::uint64_t begin = at + kLocalBytes + name_bytes + extra_bytes;
  if (begin > data_end || central.stored_bytes > data_end - begin)
    fail(Errc::kFormat, "{}: '{}': {} bytes from byte {} on, expected an end at most at byte {}", what, name,
         central.stored_bytes, begin, data_end);
  p.entry.begin = static_cast<std::size_t>(begin);
  p.entry.end = static_cast<std::size_t>(begin + central.stored_bytes);
  return p;
}

// The next entry of the directory; moves `at` behind it.
Header read_central(const Reader& file, std::uint64_t& at, const Directory& d) {
  const std::string& what = file.what();
  if (d.end - at < kCentralBytes || !file.has_mark(at, "PK\1\2"))
    fail(Errc::kFormat, "{}: found no entry of the directory at byte {}", what, at);
  Header h{.flags = file.number(at + 8, 2),
           .method = file.number(at + 10, 2),
           .stored_bytes = file.number(at + 20, 4),
           .bytes = file.number(at + 24, 4),
           .local = file.number(at + 42, 4)};
  const std::uint64_t name_bytes = file.number(at + 28, 2), extra_bytes = file.number(at + 30, 2),
                      comment_bytes = file.number(at + 32, 2),
                      length = kCentralBytes + name_bytes + extra_bytes + comment_bytes;
  if (length > d.end - at)
    fail(Errc::kFormat, "{}: the directory's entry at byte {} reaches beyond its end at byte {}", what, at,
         d.end);
  h.name = file.text(at + kCentralBytes, name_bytes);
  if (name_bytes > kLongestName)
    fail(Errc::kFormat, "{}: found an entry's name of {} bytes, expected at most {}", what, name_bytes,
         kLongestName);
  if (!is_plain(h.name))
    fail(Errc::kFormat,
         "{}: the directory's entry at byte {} has a name that is no plain relative path: refused, since it "
         "could reach outside of the archive",
         what, at);
  widen(file, at + kCentralBytes + name_bytes, extra_bytes, h);
  const std::string name(h.name);
  if ((h.flags & 1) != 0) fail(Errc::kUnsupported, "{}: '{}' is encrypted", what, name);
  if (h.method == 0 && h.stored_bytes != h.bytes)
    fail(Errc::kFormat, "{}: '{}': found {} bytes stored for {}, expected the same", what, name,
         h.stored_bytes, h.bytes);
  at += length;
  return h;
}

}  // namespace

std::vector<ZipEntry> parse_zip(std::span<const std::byte> bytes, const std::string& what) {
  const Reader file(bytes, what);
  const Directory d = find_directory(file);
  std::vector<Placed> placed;
  std::uint64_t at = d.begin;
  for (std::uint64_t i = 0; i < d.entries; ++i)
    placed.push_back(place(file, read_central(file, at, d), d.begin));
  if (at != d.end)
    fail(Errc::kFormat, "{}: found {} bytes behind the {} entries of the directory, expected none", what,
         d.end - at, d.entries);
  std::sort(placed.begin(), placed.end(), [](const Placed& a, const Placed& b) { return a.local < b.local; });
  std::vector<ZipEntry> entries;
  entries.reserve(placed.size());
  for (Placed& p : placed) {
    if (!entries.empty() && p.local < entries.back().end)
      fail(Errc::kFormat, "{}: '{}' and '{}' overlap at byte {}", what, entries.back().name, p.entry.name,
           p.local);
    entries.push_back(std::move(p.entry));
  }
  std::vector<std::string_view> names;
  for (const ZipEntry& e : entries) names.push_back(e.name);
  std::sort(names.begin(), names.end());
  if (const auto twice = std::adjacent_find(names.begin(), names.end()); twice != names.end())
    fail(Errc::kFormat, "{}: the name '{}' stands twice", what, *twice);
  return entries;
}

}  // namespace lyceum
