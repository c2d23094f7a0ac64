#include "formats/data_file.h"

#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <fstream>
#include <vector>

#include "base/error.h"

namespace lyceum {
namespace {

namespace fs = std::filesystem;

std::string zstd(const std::string& text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
  return out;
}

std::string gzip(const std::string& text) {
  z_stream z{};
  EXPECT_EQ(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&z, text.size()), '\0');
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  z.avail_in = static_cast<uInt>(text.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&z, Z_FINISH), Z_STREAM_END);
  out.resize(z.total_out);
  deflateEnd(&z);
  return out;
}

class DataFile : public testing::Test {
 protected:
  DataFile() : folder_(fs::temp_directory_path() / fs::path("lyceum-data-" + std::to_string(::getpid()))) {
    fs::create_directories(folder_);
  }
  ~DataFile() override { fs::remove_all(folder_); }
  fs::path put(const std::string& name, const std::string& bytes) const {
    std::ofstream(folder_ / name, std::ios::binary) << bytes;
    return folder_ / name;
  }
  static std::vector<std::string> lines(const fs::path& path, DataLimits limits = {}) {
    DataLines reader(path, limits);
    std::vector<std::string> out;
    for (std::string line; reader.next(line);) {
      out.push_back(line);
      EXPECT_EQ(reader.number(), static_cast<std::int64_t>(out.size()));
    }
    return out;
  }
  static std::string complaint(const fs::path& path, Errc code, DataLimits limits = {}) {
    try {
      lines(path, limits);
    } catch (const Error& error) {
      EXPECT_EQ(static_cast<int>(error.code()), static_cast<int>(code)) << error.what();
      return error.what();
    }
    return "no error";
  }
  fs::path folder_;
};

// Long enough for several steps of 64 KiB, with lines across their borders.
std::string long_text(std::vector<std::string>& expected) {
  std::string text;
  for (int i = 0; i < 5000; ++i) {
    expected.push_back("line " + std::to_string(i) + std::string(static_cast<std::size_t>(i * 7 % 101), 'x'));
    text += expected.back() + (i % 3 == 0 ? "\r\n" : "\n");
  }
  return text;
}

TEST_F(DataFile, PlainZstdAndGzipGiveTheSameLines) {
  std::vector<std::string> expected;
  const std::string text = long_text(expected);
  ASSERT_GT(text.size(), 4u * 65536);
  EXPECT_EQ(lines(put("a.jsonl", text)), expected);
  EXPECT_EQ(lines(put("a.jsonl.zst", zstd(text))), expected);
  EXPECT_EQ(lines(put("a.jsonl.gz", gzip(text))), expected);
}

TEST_F(DataFile, FramesOneAfterAnotherAreOneFile) {
  std::vector<std::string> expected;
  const std::string text = long_text(expected), head = text.substr(0, 100000), tail = text.substr(100000);
  EXPECT_EQ(lines(put("a.zst", zstd(head) + zstd("") + zstd(tail))), expected);
  EXPECT_EQ(lines(put("a.gz", gzip(head) + gzip("") + gzip(tail))), expected);
}

TEST_F(DataFile, TheLastLineMayLackItsEnd) {
  EXPECT_EQ(lines(put("a", "one\n\ntwo")), (std::vector<std::string>{"one", "", "two"}));
  EXPECT_EQ(lines(put("a", "one\n")), (std::vector<std::string>{"one"}));
  EXPECT_EQ(lines(put("a", "\n")), (std::vector<std::string>{""}));
  EXPECT_TRUE(lines(put("a", "")).empty());
  EXPECT_TRUE(lines(put("a.zst", zstd(""))).empty());
}

TEST_F(DataFile, TheRestIsGivenByteForByte) {
  std::vector<std::string> expected;
  const std::string text = long_text(expected);
  for (const auto& [name, bytes] : {std::pair{"a", text}, {"a.zst", zstd(text)}, {"a.gz", gzip(text)}}) {
    DataLines reader(put(name, bytes));
    std::string line, rest;
    ASSERT_TRUE(reader.next(line));
    ASSERT_TRUE(reader.rest(rest)) << name;
    EXPECT_EQ(line + "\r\n" + rest, text) << name;
    EXPECT_FALSE(reader.rest(rest)) << name;
    EXPECT_FALSE(reader.next(line)) << name;
    DataLines whole(put(name, bytes), {.total_bytes = text.size()});
    ASSERT_TRUE(whole.rest(rest));
    EXPECT_EQ(rest, text) << name;
    DataLines limited(put(name, bytes), {.total_bytes = text.size() - 1});
    EXPECT_THROW(limited.rest(rest), Error) << name;
  }
}

TEST_F(DataFile, EveryCutOfACompressedFileIsAnError) {
  std::vector<std::string> expected;
  const std::string text = long_text(expected);
  for (const auto& [name, bytes] : {std::pair{"a.zst", zstd(text)}, {"a.gz", gzip(text)}})
    for (std::size_t size = 1; size < bytes.size();
         size = size < 40 ? size + 1 : size + bytes.size() / 50 + 1)
      EXPECT_NE(complaint(put(name, bytes.substr(0, size)), Errc::kFormat), "no error")
          << name << " cut to " << size;
}

TEST_F(DataFile, DamageIsFoundAndItsLineNamed) {
  std::vector<std::string> expected;
  std::string bytes = gzip(long_text(expected));
  bytes[bytes.size() - 6] =
      static_cast<char>(bytes[bytes.size() - 6] ^ 1);  // of the checksum: every line is read before it shows
  EXPECT_NE(complaint(put("a.gz", bytes), Errc::kFormat).find("a.gz: line "), std::string::npos);
  EXPECT_NE(complaint(put("a.gz", gzip("one\ntwo\n") + "garbage"), Errc::kFormat)
                .find("a.gz: line 3: found other bytes"),
            std::string::npos);
  EXPECT_NE(complaint(put("a.zst", "plain text"), Errc::kFormat).find("expected one of them by its name"),
            std::string::npos);
}

TEST_F(DataFile, ABombStopsAtTheLimit) {
  const std::string zeros(std::size_t{1} << 22, '0');
  EXPECT_NE(complaint(put("a.zst", zstd("short\n" + zeros)), Errc::kLimit, {.line_bytes = 1 << 20})
                .find("line 2: longer than 1048576 bytes"),
            std::string::npos);
  std::string rows;
  for (int i = 0; i < 100000; ++i) rows += "0123456789\n";
  EXPECT_NE(complaint(put("a.gz", gzip(rows)), Errc::kLimit, {.total_bytes = 500000})
                .find("more than 500000 bytes"),
            std::string::npos);
  EXPECT_EQ(lines(put("a.gz", gzip(rows)), {.line_bytes = 10, .total_bytes = rows.size()}).size(), 100000u);
}

TEST_F(DataFile, AFileIsFoundWithAndWithoutCompression) {
  EXPECT_FALSE(find_data_file(folder_, "b.jsonl"));
  put("b.jsonl.gz", "");
  EXPECT_EQ(find_data_file(folder_, "b.jsonl"), folder_ / "b.jsonl.gz");
  put("b.jsonl.zst", "");
  EXPECT_EQ(find_data_file(folder_, "b.jsonl"), folder_ / "b.jsonl.zst");
  put("b.jsonl", "");
  EXPECT_EQ(find_data_file(folder_, "b.jsonl"), folder_ / "b.jsonl");
  EXPECT_EQ(without_compression("b.jsonl.zst"), "b.jsonl");
  EXPECT_EQ(without_compression("b.tsv"), "b.tsv");
}

TEST_F(DataFile, BlocksAreWholeLinesWithTheirEndsAndOneAfterTheOtherTheFile) {
  std::string text = "\n\r\nfirst\r\n";
  for (int i = 0; i < 20000; ++i) text += std::to_string(i * i) + (i % 7 == 0 ? "\n\n" : "\n");
  text += std::string(200000, 'x') + "\nlast";
  for (const fs::path& path : {put("a.txt", text), put("a.zst", zstd(text)), put("a.gz", gzip(text))})
    for (const std::size_t bytes : {std::size_t{1}, std::size_t{5000}, std::size_t{1} << 30}) {
      DataLines reader(path);
      std::string all;
      std::int64_t lines = 0;
      for (std::string block; reader.next_block(block, bytes); all += block) {
        lines += std::count(block.begin(), block.end(), '\n') + (block.back() != '\n');
        EXPECT_EQ(reader.number(), lines);
        EXPECT_TRUE(block.back() == '\n' || block.ends_with("last"));
      }
      EXPECT_EQ(all, text) << path << " " << bytes;
    }
  DataLines both(put("b.txt", "1\n2\n3\n4"));
  std::string line, block;
  EXPECT_TRUE(both.next(line) && line == "1" && both.next_block(block, 100) && block == "2\n3\n4");
  EXPECT_FALSE(both.next_block(block, 100));
  EXPECT_EQ(both.number(), 4);
}

TEST_F(DataFile, ABlockStopsAtALineThatIsTooLongAndAtDamage) {
  const auto complaint_of = [](const fs::path& path, DataLimits limits) -> std::string {
    try {
      DataLines reader(path, limits);
      for (std::string block; reader.next_block(block, 1 << 20);) {
      }
    } catch (const Error& error) {
      return error.what();
    }
    return "none";
  };
  const fs::path path = put("long.txt", "ab\ncd\n" + std::string(11, 'x') + "\nab\n");
  EXPECT_EQ(complaint_of(path, {.line_bytes = 11}), "none");
  EXPECT_NE(complaint_of(path, {.line_bytes = 10}).find("long.txt: line 3: longer than 10 bytes"),
            std::string::npos);
  EXPECT_NE(complaint_of(put("endless.txt", std::string(1 << 20, 'x')), {.line_bytes = 100000})
                .find("line 1: longer"),
            std::string::npos);
  const std::string cut = zstd("ab\ncd\n");
  EXPECT_NE(complaint_of(put("cut.zst", cut.substr(0, cut.size() - 3)), {}).find("cut.zst: line"),
            std::string::npos);
}

}  // namespace
}  // namespace lyceum
