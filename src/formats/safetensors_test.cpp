#include "formats/safetensors.h"

#include <gtest/gtest.h>

#include <cstring>

#include "base/error.h"
#include "base/file.h"
#include "base/random.h"
#include "check/expect_error.h"
#include "check/temporary_folder.h"

namespace lyceum {
namespace {

using check::expect_error;
using check::TemporaryFolder;

// A file with this header, as it is, and so many bytes of data.
std::string safetensors_of(const std::string& header, std::size_t data) {
  std::string out(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) out[i] = static_cast<char>(header.size() >> (8 * i));
  return out + header + std::string(data, 'x');
}
std::string entry(const std::string& type, const std::string& shape, const std::string& begin,
                  const std::string& end) {
  return R"({"dtype":")" + type + R"(","shape":)" + shape + R"(,"data_offsets":[)" + begin + "," + end + "]}";
}
SafetensorsHeader safetensors_header(const std::string& file) {
  return parse_safetensors(std::as_bytes(std::span(file)), "x.safetensors");
}
void expect_safetensors_refused(const std::string& file, const std::string& part) {
  expect_error(Errc::kFormat, part, [&] { safetensors_header(file); });
  expect_error(Errc::kFormat, "x.safetensors", [&] { safetensors_header(file); });
}

TEST(Safetensors, EveryNumberFormatComesBackBitForBit) {
  const TemporaryFolder folder;
  Random random(3);
  std::vector<std::pair<std::string, Tensor>> written;
  for (int i = 0; i < kDTypes; ++i) {
    const auto type = static_cast<DType>(i);
    Tensor t = Tensor::empty({3, 8}, type);  // fills whole bytes in every format
    for (std::size_t b = 0; b < t.bytes(); ++b)
      t.mutable_raw()[b] = static_cast<std::byte>(random.below(256));
    written.emplace_back(std::string(dtype_name(type)), t);
  }
  write_safetensors(folder / "all.safetensors", written,
                    {{"format", "pt"}, {"note", "caf\xC3\xA9 \"quoted\""}});
  const Safetensors file = Safetensors::open(folder / "all.safetensors");
  ASSERT_EQ(file.entries().size(), written.size());
  EXPECT_EQ(file.metadata().at("format"), "pt");
  EXPECT_EQ(file.metadata().at("note"), "caf\xC3\xA9 \"quoted\"");
  for (std::size_t i = 0; i < written.size(); ++i) {
    const SafetensorsEntry& e = file.entries()[i];
    const Tensor read = file.tensor(e);
    EXPECT_EQ(e.name, written[i].first);
    EXPECT_EQ(read.dtype(), written[i].second.dtype());
    EXPECT_EQ(read.shape(), written[i].second.shape());
    ASSERT_EQ(read.bytes(), written[i].second.bytes());
    EXPECT_EQ(std::memcmp(read.raw(), written[i].second.raw(), read.bytes()), 0) << e.name;
  }
}

TEST(Safetensors, ScalarsAndTensorsWithoutElementsComeBack) {
  const TemporaryFolder folder;
  const std::vector<std::pair<std::string, Tensor>> written{
      {"none", Tensor::empty({0, 3})},
      {"scalar", Tensor::full({}, 2.5f)},
      {"also none", Tensor::empty({2, 0}, DType::kI64)}};
  write_safetensors(folder / "f.safetensors", written);
  const Safetensors file = Safetensors::open(folder / "f.safetensors");
  ASSERT_EQ(file.entries().size(), 3u);
  for (const auto& [name, tensor] : written)
    for (const SafetensorsEntry& e : file.entries())
      if (e.name == name) {
        EXPECT_EQ(file.tensor(e).shape(), tensor.shape());
        EXPECT_EQ(file.tensor(e).dtype(), tensor.dtype());
        if (name == "scalar") {
          EXPECT_EQ(file.tensor(e).data<float>()[0], 2.5f);
        }
      }
}

TEST(Safetensors, AViewWithARowStrideIsWrittenRowByRow) {
  const TemporaryFolder folder;
  const std::vector<float> values{0, 1, 2, 3, 4, 5, 6, 7};
  const Tensor wide = Tensor::of<float>({2, 4}, values);
  write_safetensors(folder / "f.safetensors",
                    std::vector<std::pair<std::string, Tensor>>{{"t", wide.columns(1, 3)}});
  const Safetensors file = Safetensors::open(folder / "f.safetensors");
  EXPECT_EQ(file.tensor(file.entries()[0]).values<float>(), (std::vector<float>{1, 2, 5, 6}));
}

TEST(Safetensors, DataWhoseAddressDoesNotFitTheTypeIsCopied) {
  const TemporaryFolder folder;
  // one byte, then four floats from an odd address
  std::string data = "b";
  const float numbers[] = {1, -2, 3.5f, 4};
  data.append(reinterpret_cast<const char*>(numbers), sizeof numbers);
  std::string bytes =
      safetensors_of(
          R"({"b":)" + entry("U8", "[1]", "0", "1") + R"(,"f":)" + entry("F32", "[4]", "1", "17") + "}", 0) +
      data;
  check::write_file(folder / "odd.safetensors", bytes);
  const Safetensors file = Safetensors::open(folder / "odd.safetensors");
  const Tensor t = file.tensor(file.entries()[1]);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(t.raw()) % 4, 0u);
  EXPECT_EQ(t.values<float>(), (std::vector<float>{1, -2, 3.5f, 4}));
}

TEST(Safetensors, TheHeaderIsPaddedSoThatDataBeginsAtAMultipleOfEight) {
  const TemporaryFolder folder;
  for (const char* name : {"a", "ab", "abc", "abcd", "abcde", "abcdef", "abcdefg", "abcdefgh"}) {
    write_safetensors(folder / "f.safetensors",
                      std::vector<std::pair<std::string, Tensor>>{{name, Tensor::full({1}, 1)}});
    EXPECT_EQ(Safetensors::open(folder / "f.safetensors").entries()[0].begin % 8, 0u) << name;
  }
}

TEST(Safetensors, ANameThatStandsTwiceIsNotWritten) {
  const TemporaryFolder folder;
  const Tensor t = Tensor::full({1}, 1);
  using Entries = std::vector<std::pair<std::string, Tensor>>;
  expect_error(Errc::kUsage, "'t'", [&] { write_safetensors(folder / "f", Entries{{"t", t}, {"t", t}}); });
  expect_error(Errc::kUsage, "__metadata__", [&] {
    write_safetensors(folder / "f", Entries{{"__metadata__", t}});
  });
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

// What the reference library (safetensors 0.8) says of these files is noted beside each: our answer is the
// same, or stricter.
TEST(Safetensors, TensorsWithoutElementsMayShareAnOffsetOnlyBetweenOthers) {
  const std::string f1 = entry("F32", "[1]", "0", "4");
  EXPECT_EQ(safetensors_header(safetensors_of(R"({"a":)" + entry("F32", "[0]", "0", "0") + R"(,"b":)" +
                                                  entry("F32", "[0,3]", "0", "0") + R"(,"c":)" + f1 + "}",
                                              4))
                .entries.size(),
            3u);  // accepts
  EXPECT_EQ(safetensors_header(safetensors_of(R"({"c":)" + f1 + R"(,"a":)" + entry("F32", "[0]", "4", "4") +
                                                  R"(,"b":)" + entry("F32", "[0]", "4", "4") + "}",
                                              4))
                .entries.size(),
            3u);  // accepts
  expect_safetensors_refused(
      safetensors_of(
          R"({"a":)" + entry("F32", "[2]", "0", "8") + R"(,"b":)" + entry("F32", "[0]", "4", "4") + "}", 8),
      "'b' begins at byte 4");  // refuses
}

TEST(Safetensors, FilesThatAreNotWhatTheySayAreRefused) {
  const std::string one = R"({"t":)" + entry("F32", "[1]", "0", "4") + "}";
  EXPECT_EQ(safetensors_header(safetensors_of(one, 4)).entries.size(), 1u);
  EXPECT_EQ(safetensors_header(safetensors_of(one + "   ", 4)).entries.size(), 1u);
  EXPECT_TRUE(safetensors_header(safetensors_of("{}", 0)).entries.empty());
  expect_safetensors_refused("", "0 bytes");
  expect_safetensors_refused("1234567", "7 bytes");
  expect_safetensors_refused(safetensors_of(one, 4).substr(0, 20), "cut short");
  expect_safetensors_refused(safetensors_of(one, 3), "cut short");
  expect_safetensors_refused(safetensors_of(one, 5), "1 bytes behind");
  expect_safetensors_refused(std::string(8, '\xFF') + "{}", "at most 100000000");
  expect_safetensors_refused(std::string("\x00\x00\x00\x06\x00\x00\x00\x00", 8) + "{}", "at most 100000000");
  expect_safetensors_refused(safetensors_of("", 0), "not a safetensors file");
  expect_safetensors_refused(safetensors_of("[]", 0), "not a safetensors file");
  expect_safetensors_refused(safetensors_of("{\"t\":", 0), "not JSON");
  expect_safetensors_refused(safetensors_of("{\"\xFF\":1}", 0), "UTF-8");
  expect_safetensors_refused(safetensors_of(R"({"t":1})", 0), "'t'");
  expect_safetensors_refused(safetensors_of(R"({"t":{"shape":[1],"data_offsets":[0,4]}})", 4),
                             "'dtype' is missing");
  expect_safetensors_refused(safetensors_of(R"({"t":)" + entry("F33", "[1]", "0", "4") + "}", 4), "F33");
  expect_safetensors_refused(safetensors_of(R"({"t":)" + entry("F32", "[2]", "0", "4") + "}", 4),
                             "expected 8 bytes");
  expect_safetensors_refused(safetensors_of(R"({"t":)" + entry("F32", "[-1]", "0", "4") + "}", 4), "'shape'");
  expect_safetensors_refused(safetensors_of(R"({"t":)" + entry("F32", "[1.0]", "0", "4") + "}", 4),
                             "'shape'");
  expect_safetensors_refused(safetensors_of(R"({"t":)" + entry("F32", "[\"1\"]", "0", "4") + "}", 4),
                             "'shape'");
  expect_safetensors_refused(safetensors_of(R"({"t":)" + entry("F32", "1", "0", "4") + "}", 4), "'shape'");
  expect_safetensors_refused(
      safetensors_of(R"({"t":)" + entry("F32", "[1,1,1,1,1,1,1,1,1]", "0", "4") + "}", 4), "9 dimensions");
  expect_safetensors_refused(safetensors_of(R"({"t":)" + entry("F32", "[1]", "-4", "0") + "}", 4),
                             "'data_offsets'");
  expect_safetensors_refused(safetensors_of(R"({"t":)" + entry("F32", "[1]", "4", "0") + "}", 4),
                             "data_offsets [4, 0]");
  expect_safetensors_refused(safetensors_of(R"({"t":)" + entry("F32", "[1]", "0", "4,8") + "}", 4),
                             "two numbers");
  expect_safetensors_refused(safetensors_of(R"({"t":)" + entry("F32", "[1]", "4", "8") + "}", 8),
                             "begins at byte 4");
  expect_safetensors_refused(
      safetensors_of(R"({"t":)" + entry("F32", "[1]", "18446744073709551612", "18446744073709551616") + "}",
                     8),
      "data_offsets");
  expect_safetensors_refused(safetensors_of(R"({"t":)" + entry("F4", "[3]", "0", "2") + "}", 2),
                             "whole bytes");
  expect_safetensors_refused(safetensors_of(R"({"__metadata__":{"a":1}})", 0), "__metadata__: 'a'");
  expect_safetensors_refused(safetensors_of(R"({"__metadata__":[]})", 0), "__metadata__");
  expect_safetensors_refused(
      safetensors_of(
          R"({"t":)" + entry("F32", "[1]", "0", "4") + R"(,"t":)" + entry("F32", "[1]", "0", "4") + "}", 4),
      "twice");
  expect_safetensors_refused(
      safetensors_of(
          R"({"a":)" + entry("F32", "[2]", "0", "8") + R"(,"b":)" + entry("F32", "[2]", "4", "12") + "}", 12),
      "'b' begins at byte 4");
  expect_safetensors_refused(
      safetensors_of(R"({")" + std::string(5000, 'n') + R"(":)" + entry("F32", "[1]", "0", "4") + "}", 4),
      "name of 5000 bytes");
}

TEST(Safetensors, DimensionsWhoseProductWrapsAreRefused) {
  for (const char* shape :
       {"[4294967296,4294967296]", "[4611686018427387904,4]", "[9223372036854775807]",
        "[18446744073709551615,2]", "[2147483648,2147483648,4]", "[1099511627776,16777216,0]"})
    expect_safetensors_refused(safetensors_of(R"({"t":)" + entry("F32", shape, "0", "0") + "}", 0), "'t'");
}

TEST(Safetensors, ANestedHeaderEndsBeforeItCostsAnything) {
  expect_safetensors_refused(safetensors_of(R"({"t":)" + std::string(1'000'000, '['), 0), "nested");
  expect_safetensors_refused(safetensors_of(R"({"t":{"a":{"b":{"c":{"d":1}}}}})", 0), "nested");
}

}  // namespace
}  // namespace lyceum
