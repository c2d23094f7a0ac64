#include "formats/npy.h"

#include <gtest/gtest.h>

#include <cstring>

#include "base/file.h"
#include "check/expect_error.h"
#include "check/gradcheck.h"
#include "check/temporary_folder.h"

namespace lyceum {
namespace {

using check::expect_error;
using check::TemporaryFolder;
namespace fs = std::filesystem;

std::string npy_of(const std::string& header, std::size_t data, char version = 1) {
  std::string out("\x93NUMPY", 6);
  out += {version, '\0', static_cast<char>(header.size()), static_cast<char>(header.size() >> 8)};
  if (version > 1) out += std::string(2, '\0');
  return out + header + std::string(data, '\0');
}
std::string header_of(const std::string& type, const std::string& shape, const std::string& order = "False") {
  return "{'descr': '" + type + "', 'fortran_order': " + order + ", 'shape': (" + shape + "), }";
}
NpyHeader npy_header(const std::string& file) { return parse_npy(std::as_bytes(std::span(file)), "x.npy"); }
void expect_npy_refused(Errc code, const std::string& file, const std::string& part) {
  expect_error(code, part, [&] { npy_header(file); });
  expect_error(code, "x.npy", [&] { npy_header(file); });
}

TEST(Npy, EveryTypeComesBackBitForBit) {
  const TemporaryFolder folder;
  for (const DType type : {DType::kF32, DType::kF64, DType::kF16, DType::kI64, DType::kI32, DType::kI16,
                           DType::kI8, DType::kU8, DType::kU16, DType::kU32, DType::kU64, DType::kBool}) {
    SCOPED_TRACE(dtype_name(type));
    Random random(4);
    Tensor t = Tensor::empty({2, 3, 5}, type);
    for (std::size_t b = 0; b < t.bytes(); ++b)
      t.mutable_raw()[b] = static_cast<std::byte>(random.below(256));
    write_npy(folder / "t.npy", t);
    const Tensor read = read_npy(folder / "t.npy");
    EXPECT_EQ(read.dtype(), type);
    EXPECT_EQ(read.shape(), t.shape());
    EXPECT_EQ(std::memcmp(read.raw(), t.raw(), t.bytes()), 0);
  }
  expect_error(Errc::kUnsupported, "BF16",
               [&] { write_npy(folder / "b.npy", Tensor::empty({1}, DType::kBF16)); });
}

TEST(Npy, ScalarsVectorsAndEmptyTensorsComeBack) {
  const TemporaryFolder folder;
  for (const Shape& shape : {Shape{}, Shape{4}, Shape{0}, Shape{0, 7}, Shape{1, 1, 1, 1, 1, 1, 1, 2}}) {
    write_npy(folder / "t.npy", Tensor::zeros(shape));
    EXPECT_EQ(read_npy(folder / "t.npy").shape(), shape) << shape.text();
  }
}

TEST(Npy, HeadersAsNumpyWritesThemAreRead) {
  EXPECT_EQ(npy_header(npy_of(header_of("<f4", "3, 2"), 24)).shape, (Shape{3, 2}));
  EXPECT_EQ(npy_header(npy_of(header_of("<f4", "3,"), 12)).shape, (Shape{3}));
  EXPECT_EQ(npy_header(npy_of(header_of("<f4", ""), 4)).shape, (Shape{}));
  EXPECT_EQ(npy_header(npy_of(header_of("<f4", "3, 2") + "       \n", 24, 2)).shape, (Shape{3, 2}));
  EXPECT_EQ(npy_header(npy_of("{'shape': (1,), 'descr': '|u1', 'fortran_order': False}", 1, 3)).dtype,
            DType::kU8);
}

TEST(Npy, FilesThatAreNotWhatTheySayAreRefused) {
  const std::string good = header_of("<f4", "3, 2");
  expect_npy_refused(Errc::kFormat, "", "not a .npy file");
  expect_npy_refused(Errc::kFormat, "PK\x03\x04 an archive", "not a .npy file");
  expect_npy_refused(Errc::kUnsupported, npy_of(good, 24, 4), "version 4");
  expect_npy_refused(Errc::kFormat, npy_of(good, 24).substr(0, 40), "header of");
  expect_npy_refused(Errc::kFormat, npy_of(good, 24, 2).substr(0, 11), "cut short");
  expect_npy_refused(Errc::kFormat, npy_of(good, 23), "23 bytes of data");
  expect_npy_refused(Errc::kFormat, npy_of(good, 25), "25 bytes of data");
  expect_npy_refused(Errc::kUnsupported, npy_of(header_of("<f4", "3, 2", "True"), 24), "fortran_order");
  expect_npy_refused(Errc::kFormat, npy_of(header_of("<f4", "3, 2", "None"), 24), "fortran_order");
  expect_npy_refused(Errc::kUnsupported, npy_of(header_of(">f4", "3, 2"), 24), ">f4");
  expect_npy_refused(Errc::kUnsupported, npy_of(header_of("|O", "3, 2"), 24), "|O");
  expect_npy_refused(Errc::kFormat, npy_of(header_of("<f4", "-3, 2"), 24), "'shape'");
  expect_npy_refused(Errc::kFormat, npy_of(header_of("<f4", "x"), 24), "'shape'");
  expect_npy_refused(Errc::kFormat, npy_of(header_of("<f4", "99999999999999999999"), 24), "'shape'");
  expect_npy_refused(Errc::kFormat, npy_of(header_of("<f4", "4294967296, 4294967296"), 0), "2^62");
  expect_npy_refused(Errc::kFormat, npy_of(header_of("<f4", "1,1,1,1,1,1,1,1,1"), 4), "dimensions");
  expect_npy_refused(Errc::kFormat,
                     npy_of("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': ()}", 4),
                     "twice");
  expect_npy_refused(Errc::kFormat, npy_of("{'descr': '<f4', 'fortran_order': False}", 4), "lacks");
  expect_npy_refused(Errc::kFormat, npy_of("{'descr': '<f4", 4), "does not end");
  expect_npy_refused(Errc::kFormat, npy_of("__import__('os')", 4), "dictionary");
  expect_npy_refused(Errc::kFormat, npy_of(good + "}", 24), "lacks");
}

// Rows

Tensor rows_of(std::int64_t count, std::int64_t width, std::uint64_t seed) {
  return check::random_tensor({count, width}, seed);
}

TEST(NpyRows, WhatIsAppendedStandsInTheFile) {
  const TemporaryFolder folder;
  const Tensor rows = rows_of(5, 3, 1);
  {
    NpyRowWriter writer(folder / "v.npy", 3, false, "model");
    writer.append(rows.data<float>(), 2);
    writer.append(rows.row<float>(2), 3);
    EXPECT_EQ(writer.rows(), 5);
    EXPECT_FALSE(fs::exists(folder / "v.npy")) << "the name appears when all is there";
    writer.finish();
  }
  EXPECT_EQ(check::same_bits(read_npy(folder / "v.npy"), rows), "");
  EXPECT_FALSE(fs::exists(folder / "v.npy.part"));
}

TEST(NpyRows, NoRowsAtAllMakeAnEmptyTensor) {
  const TemporaryFolder folder;
  NpyRowWriter(folder / "v.npy", 3, false, "model").finish();
  EXPECT_EQ(read_npy(folder / "v.npy").shape(), (Shape{0, 3}));
}

// A process that is killed leaves a file that ends anywhere.
TEST(NpyRows, WhereverItWasCutResumingGoesOnBehindTheLastWholeRow) {
  const TemporaryFolder folder;
  const Tensor rows = rows_of(4, 3, 2);
  {
    NpyRowWriter writer(folder / "v.npy", 3, false, "model");
    writer.append(rows.data<float>(), 4);
  }
  const std::string whole = read_text(folder / "v.npy.part");
  ASSERT_EQ(whole.size(), 128u + 4 * 12);
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    SCOPED_TRACE(size);
    check::write_file(folder / "v.npy.part", whole.substr(0, size));
    NpyRowWriter writer(folder / "v.npy", 3, true, "model");
    const std::int64_t kept = size < 128 ? 0 : static_cast<std::int64_t>((size - 128) / 12);
    ASSERT_EQ(writer.rows(), kept);
    writer.append(rows.row<float>(kept), 4 - kept);
    writer.finish();
    ASSERT_EQ(check::same_bits(read_npy(folder / "v.npy"), rows), "");
  }
}

TEST(NpyRows, KilledBetweenTheHeaderAndTheRenameIsComplete) {
  const TemporaryFolder folder;
  const Tensor rows = rows_of(4, 3, 2);
  {
    NpyRowWriter writer(folder / "v.npy", 3, false, "model");
    writer.append(rows.data<float>(), 4);
    writer.finish();
  }
  fs::rename(folder / "v.npy", folder / "v.npy.part");
  NpyRowWriter writer(folder / "v.npy", 3, true, "model");
  EXPECT_EQ(writer.rows(), 4);
  writer.finish();
  EXPECT_EQ(check::same_bits(read_npy(folder / "v.npy"), rows), "");
}

TEST(NpyRows, WithoutResumeItBeginsAnew) {
  const TemporaryFolder folder;
  const Tensor rows = rows_of(4, 3, 2);
  { NpyRowWriter(folder / "v.npy", 3, false, "model").append(rows.data<float>(), 4); }
  NpyRowWriter writer(folder / "v.npy", 3, false, "model");
  EXPECT_EQ(writer.rows(), 0);
  writer.append(rows.data<float>(), 1);
  writer.finish();
  EXPECT_EQ(read_npy(folder / "v.npy").shape(), (Shape{1, 3}));
}

TEST(NpyRows, RowsOfAnotherModelOrWidthAreNotTakenUp) {
  const TemporaryFolder folder;
  const Tensor rows = rows_of(4, 3, 2);
  const auto begin = [&](const std::string& identity) {
    NpyRowWriter(folder / "v.npy", 3, false, identity).append(rows.data<float>(), 4);
  };
  begin("model a");
  expect_error(Errc::kData, "v.npy.part", [&] { NpyRowWriter(folder / "v.npy", 3, true, "model b"); });
  expect_error(Errc::kData, "model a", [&] { NpyRowWriter(folder / "v.npy", 4, true, "model a"); });
  // identities that differ only behind what the header has room for
  begin(std::string(300, 'm') + "a");
  expect_error(Errc::kData, "v.npy.part",
               [&] { NpyRowWriter(folder / "v.npy", 3, true, std::string(300, 'm') + "b"); });
  EXPECT_EQ(NpyRowWriter(folder / "v.npy", 3, true, std::string(300, 'm') + "a").rows(), 4);
  // a finished file of another width, and something foreign
  write_npy(folder / "v.npy.part", rows_of(4, 6, 1));
  expect_error(Errc::kData, "v.npy.part", [&] { NpyRowWriter(folder / "v.npy", 3, true, "model"); });
  check::write_file(folder / "v.npy.part", std::string(1000, '#'));
  expect_error(Errc::kData, "v.npy.part", [&] { NpyRowWriter(folder / "v.npy", 3, true, "model"); });
  EXPECT_EQ(read_text(folder / "v.npy.part"), std::string(1000, '#')) << "and it is left as it is";
}

}  // namespace
}  // namespace lyceum
