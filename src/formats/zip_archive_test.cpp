#include "formats/zip_archive.h"

#include <gtest/gtest.h>

#include "check/expect_error.h"
#include "check/torch_archive.h"

namespace lyceum {
namespace {

using check::expect_error;
using check::zip_of;

std::vector<ZipEntry> zip_entries(const std::string& bytes) {
  return parse_zip(std::as_bytes(std::span(bytes)), "input");
}
void zip_refused(Errc code, const std::string& part, const std::string& bytes) {
  expect_error(code, part, [&] { zip_entries(bytes); });
}
// Sets little-endian bytes from a place on: behind the nth mark when one is given.
std::string with(std::string bytes, const std::string& mark, std::size_t offset, std::uint64_t value,
                 std::size_t count, int nth = 1) {
  std::size_t at = bytes.find(mark);
  for (; nth > 1; --nth) at = bytes.find(mark, at + 1);
  for (std::size_t i = 0; i < count; ++i) bytes[at + offset + i] = static_cast<char>(value >> (8 * i));
  return bytes;
}
const std::string kLocal = "PK\3\4", kCentral = "PK\1\2", kEnd = "PK\5\6";
const std::string kTwo = zip_of({{"f/a", "first"}, {"f/b", "second"}});

TEST(ZipArchive, EntriesLieWhereTheirBytesAre) {
  const auto entries = zip_entries(kTwo);
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries[1].name, "f/b");
  EXPECT_EQ(kTwo.substr(entries[0].begin, entries[0].end - entries[0].begin), "first");
  EXPECT_EQ(kTwo.substr(entries[1].begin, entries[1].end - entries[1].begin), "second");
  EXPECT_TRUE(zip_entries(zip_of({})).empty());
  EXPECT_EQ(zip_entries(with(kTwo, kEnd, 20, 3, 2) + "abc").size(), 2u) << "with a comment";
}

TEST(ZipArchive, NamesArePlainAndOnce) {
  for (const std::string& name :
       {std::string("../a"), std::string("a/../b"), std::string("/a"), std::string("a/."),
        std::string("a\\b"), std::string("a\0b", 3), std::string("\xff"), std::string("")})
    zip_refused(Errc::kFormat, "no plain relative path", zip_of({{name, "x"}}));
  zip_refused(Errc::kFormat, "name of 2000 bytes", zip_of({{std::string(2000, 'n'), "x"}}));
  zip_refused(Errc::kFormat, "'f/a' stands twice", zip_of({{"f/a", "x"}, {"f/a", "y"}}));
  EXPECT_EQ(zip_entries(zip_of({{"f/", ""}, {"f/..a", "x"}})).size(), 2u);
}

TEST(ZipArchive, TheDirectoryAgreesWithTheLocalHeaders) {
  const char* disagree = "its local header at byte 0 says another";
  zip_refused(Errc::kFormat, disagree, with(kTwo, kLocal, 30, 'g', 1));  // name
  zip_refused(Errc::kFormat, disagree, with(kTwo, kLocal, 18, 4, 4));    // bytes stored
  zip_refused(Errc::kFormat, disagree, with(kTwo, kLocal, 22, 6, 4));    // bytes
  zip_refused(Errc::kFormat, disagree, with(kTwo, kLocal, 8, 8, 2));     // method
  zip_refused(Errc::kFormat, "no local header", with(kTwo, kCentral, 42, 1, 4));
  zip_refused(Errc::kFormat, "local header of an entry would lie", with(kTwo, kCentral, 42, 0xFFFFFFF0, 4));
  const std::string deferred = with(with(with(kTwo, kLocal, 6, 8, 2), kLocal, 18, 0, 8), kCentral, 8, 8, 2);
  EXPECT_EQ(zip_entries(deferred).size(), 2u) << "sizes in a data descriptor";
  zip_refused(Errc::kFormat, disagree, with(deferred, kLocal, 22, 6, 4));
}

TEST(ZipArchive, EntriesStayInTheirPlaces) {
  // two entries of the directory at one place
  const std::string alike = zip_of({{"f/a", "12345"}, {"f/a", "12345"}});
  zip_refused(Errc::kFormat, "'f/a' and 'f/a' overlap", with(alike, kCentral, 42, 0, 4, 2));
  // the first one's bytes reach into the second's header, or beyond the entries
  const auto longer = [](std::uint64_t size) {
    return with(with(with(with(kTwo, kLocal, 18, size, 4), kLocal, 22, size, 4), kCentral, 20, size, 4),
                kCentral, 24, size, 4);
  };
  zip_refused(Errc::kFormat, "overlap", longer(6));
  zip_refused(Errc::kFormat, "expected an end at most at byte", longer(1000));
  zip_refused(Errc::kFormat, "expected an end at most at byte", longer(0xFFFFFFFE));
  zip_refused(Errc::kFormat, "found 5 bytes stored for 9", with(kTwo, kCentral, 24, 9, 4));
}

TEST(ZipArchive, TheDirectoryIsWhole) {
  zip_refused(Errc::kFormat, "no directory at the end", kTwo.substr(0, kTwo.size() - 1));
  zip_refused(Errc::kFormat, "no directory at the end", "PK");
  zip_refused(Errc::kFormat, "no entry of the directory", with(kTwo, kEnd, 10, 3, 2));
  zip_refused(Errc::kFormat, "behind the 1 entries", with(kTwo, kEnd, 10, 1, 2));
  zip_refused(Errc::kFormat, "the directory would lie", with(kTwo, kEnd, 16, 0xFFFFFF, 4));
  zip_refused(Errc::kFormat, "the directory would lie", with(kTwo, kEnd, 12, 0xFFFFFF, 4));
  zip_refused(Errc::kFormat, "reaches beyond its end", with(kTwo, kCentral, 28, 0xFFFF, 2, 2));
  zip_refused(Errc::kUnsupported, "several files", with(kTwo, kEnd, 4, 1, 2));
  zip_refused(Errc::kUnsupported, "'f/a' is encrypted", with(kTwo, kCentral, 8, 1, 2));
  const std::string squeezed = with(with(kTwo, kLocal, 8, 8, 2), kCentral, 10, 8, 2);
  EXPECT_TRUE(zip_entries(squeezed)[0].is_compressed);
  EXPECT_FALSE(zip_entries(squeezed)[1].is_compressed);
}

// The end of an archive as writers of large files make it; `entries` is what its record says.
std::string with_zip64(std::uint64_t entries, std::uint64_t begin, std::uint64_t record) {
  const std::size_t end = kTwo.find(kEnd), directory = kTwo.find(kCentral);
  std::string zip64 = "PK\6\6" + std::string(52, '\0'), locator = "PK\6\7" + std::string(16, '\0');
  zip64 = with(with(with(zip64, "PK", 32, entries, 8), "PK", 40, end - directory, 8), "PK", 48, begin, 8);
  locator = with(locator, "PK", 8, record, 8);
  return kTwo.substr(0, end) + zip64 + locator +
         with(with(kTwo.substr(end), kEnd, 10, 0xFFFF, 2), kEnd, 12, 0xFFFFFFFFFFFFFFFFu, 8);
}

TEST(ZipArchive, Zip64IsReadAndChecked) {
  const std::uint64_t end = kTwo.find(kEnd), directory = kTwo.find(kCentral);
  EXPECT_EQ(zip_entries(with_zip64(2, directory, end)).size(), 2u);
  zip_refused(Errc::kFormat, "zip64 end record would lie", with_zip64(2, directory, 1u << 30));
  zip_refused(Errc::kFormat, "zip64 end record would lie", with_zip64(2, directory, ~std::uint64_t{0}));
  zip_refused(Errc::kFormat, "no zip64 end record at byte 3", with_zip64(2, directory, 3));
  zip_refused(Errc::kFormat, "expected at most 1000000", with_zip64(std::uint64_t{1} << 40, directory, end));
  zip_refused(Errc::kFormat, "the directory would lie", with_zip64(2, ~std::uint64_t{0}, end));
}

}  // namespace
}  // namespace lyceum
