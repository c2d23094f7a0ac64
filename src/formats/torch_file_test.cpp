#include "formats/torch_file.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "base/file.h"
#include "check/expect_error.h"
#include "check/temporary_folder.h"
#include "check/torch_archive.h"
#include "formats/safetensors.h"

namespace lyceum {
namespace {

using check::expect_error;
using check::PickledTensor;
namespace fs = std::filesystem;

const fs::path kGolden = fs::path(LYCEUM_SOURCE_DIR) / "src/formats/golden";
const std::string kEight(32, '\1');  // a storage of eight floats

TorchFile golden(const std::string& name) { return TorchFile::open(kGolden / name); }

const TorchEntry& entry_of(const TorchFile& file, const std::string& name) {
  const auto it = std::find_if(file.entries().begin(), file.entries().end(),
                               [&](const TorchEntry& e) { return e.info.name == name; });
  if (it == file.entries().end()) throw std::runtime_error(name + " is missing");
  return *it;
}

std::vector<TorchEntry> torch_entries(const std::string& bytes) {
  return parse_torch_file(std::as_bytes(std::span(bytes)), "input");
}
void torch_file_refused(Errc code, const std::string& part, const std::string& bytes) {
  expect_error(code, part, [&] { torch_entries(bytes); });
}
std::string one_tensor(const PickledTensor& tensor, const std::string& storage = kEight) {
  return check::torch_archive(check::pickle_of(check::pickled_dict({{"w", check::pickled_tensor(tensor)}})),
                              {storage});
}

// Every tensor of the file has the dtype, shape and bytes of the safetensors file's, and none is missing.
void expect_equal(const TorchFile& file, const std::string& safetensors) {
  const Safetensors expected = Safetensors::open(kGolden / safetensors);
  EXPECT_EQ(file.entries().size(), expected.entries().size());
  for (const SafetensorsEntry& e : expected.entries()) {
    SCOPED_TRACE(e.name);
    const Tensor got = file.tensor(entry_of(file, e.name)), want = expected.tensor(e);
    EXPECT_EQ(got.dtype(), want.dtype());
    ASSERT_EQ(got.shape(), want.shape());
    EXPECT_EQ(std::memcmp(got.raw(), want.raw(), want.bytes()), 0);
  }
}

TEST(TorchFile, EveryNumberFormatIsReadAsSafetensorsReadsIt) {
  const TorchFile file = golden("dtypes.pt");
  expect_equal(file, "dtypes.safetensors");
  for (const TorchEntry& e : file.entries())
    EXPECT_TRUE(file.tensor(e).storage()->is_mapped()) << e.info.name;
}

TEST(TorchFile, ViewsAreInRowMajorOrderAndContiguousOnesAreMapped) {
  const TorchFile file = golden("views.pt");
  expect_equal(file, "views.safetensors");
  for (const char* name : {"base", "twin", "matrix", "offset", "one_row", "scalar", "one_expanded"})
    EXPECT_TRUE(file.tensor(entry_of(file, name)).storage()->is_mapped()) << name;
  for (const TorchEntry& e : file.entries())
    EXPECT_EQ(e.info.twin_of, e.info.name == "twin" ? "base" : "") << e.info.name;
}

TEST(TorchFile, EveryProtocolAndParametersGiveTheSame) {
  for (const char* name : {"module_protocol_2.pt", "module_protocol_3.pt", "module_protocol_4.pt",
                           "module_protocol_5.pt", "parameters.pt"}) {
    SCOPED_TRACE(name);
    const TorchFile file = golden(name);
    expect_equal(file, "module_protocol_2.safetensors");
    EXPECT_EQ(file.entries().front().info.name, "embed.weight") << "in the order of the state dict";
    EXPECT_EQ(entry_of(file, "head.weight").info.twin_of, "embed.weight");
  }
}

TEST(TorchFile, AStateDictIsFoundBesideConfigurationAndOtherClasses) {
  for (const char* name : {"fairseq.pt", "lightning.pt"}) {
    SCOPED_TRACE(name);
    expect_equal(golden(name), "module_protocol_2.safetensors");
  }
}

TEST(TorchFile, OtherLayoutsAreRefusedWithAdvice) {
  const auto open = [](const char* name) { return [name] { golden(name); }; };
  expect_error(Errc::kUnsupported, "before version 1.6", open("legacy.pt"));
  expect_error(Errc::kUnsupported, "weights_only=True", open("legacy.pt"));
  expect_error(Errc::kUnsupported, "torch.nn.modules.linear.Linear at the root", open("whole_module.pt"));
  expect_error(Errc::kUnsupported, "a list of 1 at the root", open("list.pt"));
  expect_error(Errc::kUnsupported, "TorchScript", open("script.pt"));
  expect_error(Errc::kUnsupported, "'a' is a torch._utils._rebuild_sparse_tensor", open("sparse.pt"));
  expect_error(Errc::kUnsupported, "'a' is a torch._utils._rebuild_qtensor", open("quantised.pt"));
  expect_error(Errc::kUnsupported, "torch.ComplexDoubleStorage", open("complex128.pt"));
  expect_error(Errc::kData, "no tensors in the dict of 1 at the root (its keys begin with: 'step')",
               open("no_tensors.pt"));
  torch_file_refused(Errc::kUnsupported, "tar archive",
                     std::string(257, 'x') + "ustar" + std::string(300, '\0'));
  torch_file_refused(Errc::kFormat, "Git LFS", "version https://git-lfs.github.com/spec/v1\n");
  torch_file_refused(Errc::kFormat, "found 0 bytes that are no zip archive", "");
  torch_file_refused(Errc::kFormat, "without 'FOLDER/data.pkl'", check::zip_of({{"a/b", "c"}}));
  const std::string pickle = check::pickle_of("}");
  torch_file_refused(Errc::kFormat, "expected one of them",
                     check::zip_of({{"a/data.pkl", pickle}, {"b/data.pkl", pickle}}));
  torch_file_refused(Errc::kUnsupported, "big-endian",
                     check::zip_of({{"a/data.pkl", pickle}, {"a/byteorder", "big"}}));
  torch_file_refused(Errc::kFormat, "neither 'little' nor 'big'",
                     check::zip_of({{"a/data.pkl", pickle}, {"a/byteorder", "middle"}}));
}

TEST(TorchFile, AGoodFileMadeByHandIsRead) {  // what the cases below spoil
  const auto entries =
      torch_entries(one_tensor({.storage_elements = 8, .offset = 1, .sizes = {2, 3}, .strides = {3, 1}}));
  ASSERT_EQ(entries.size(), 1u);
  EXPECT_EQ(entries[0].info.shape, (Shape{2, 3}));
  EXPECT_TRUE(entries[0].is_contiguous);
}

TEST(TorchFile, ATensorThatLeavesItsStorageIsRefused) {
  constexpr std::int64_t kHuge = std::int64_t{1} << 62;
  const auto beyond = [](PickledTensor t) {
    t.storage_elements = 8;
    torch_file_refused(Errc::kFormat, "reach beyond the 8 elements", one_tensor(t));
  };
  beyond({.offset = 3, .sizes = {2, 3}, .strides = {3, 1}});
  beyond({.offset = 9, .sizes = {0}, .strides = {1}});
  beyond({.offset = 8, .sizes = {}, .strides = {}});
  beyond({.offset = kHuge, .sizes = {2}, .strides = {1}});
  beyond({.sizes = {2}, .strides = {8}});
  beyond({.sizes = {2}, .strides = {kHuge}});
  beyond({.sizes = {9}, .strides = {1}});
  beyond({.sizes = {5, 5, 5}, .strides = {1, 1, 1}});
  beyond({.sizes = {kHuge}, .strides = {4}});
  beyond({.sizes = {3, 3}, .strides = {kHuge, kHuge}});
  const auto wrong = [](const char* part, PickledTensor t) {
    t.storage_elements = 8;
    torch_file_refused(Errc::kFormat, part, one_tensor(t));
  };
  wrong("its size: found the number -1", {.sizes = {-1}, .strides = {1}});
  wrong("its strides: found the number -1", {.sizes = {2}, .strides = {-1}});
  wrong("its offset: found the number -4", {.offset = -4, .sizes = {2}, .strides = {1}});
  wrong("above 2^62", {.sizes = {kHuge, kHuge}, .strides = {0, 0}});
  wrong("2 sizes and 1 strides", {.sizes = {1, 1}, .strides = {1}});
  wrong("9 dimensions",
        {.sizes = std::vector<std::int64_t>(9, 1), .strides = std::vector<std::int64_t>(9, 1)});
  wrong("repeats the 8 elements", {.sizes = {1 << 20, 1 << 20}, .strides = {0, 0}});
  EXPECT_EQ(
      torch_entries(one_tensor({.storage_elements = 8, .offset = 8, .sizes = {0}, .strides = {1}})).size(),
      1u);
  EXPECT_EQ(torch_entries(one_tensor({.storage_elements = 8, .sizes = {1000, 8}, .strides = {0, 1}})).size(),
            1u);
}

TEST(TorchFile, AStorageIsPlainNamedAndAsLongAsThePickleSays) {
  const auto wrong = [](Errc code, const char* part, PickledTensor t) {
    t.sizes = {2};
    t.strides = {1};
    torch_file_refused(code, part, one_tensor(t));
  };
  wrong(Errc::kFormat, "has no storage '1'", {.key = "1", .storage_elements = 8});
  wrong(Errc::kFormat, "has no storage '../version'", {.key = "../version", .storage_elements = 8});
  wrong(Errc::kFormat, "has no storage '0/../0'", {.key = "0/../0", .storage_elements = 8});
  wrong(Errc::kFormat, "has 32 bytes, expected 7 elements of 4", {.storage_elements = 7});
  wrong(Errc::kFormat, "has 32 bytes", {.storage_elements = 9});
  wrong(Errc::kFormat, "has 32 bytes", {.storage = "DoubleStorage", .storage_elements = 8});
  wrong(Errc::kUnsupported, "torch.QInt8Storage", {.storage = "QInt8Storage", .storage_elements = 8});
  const std::string text = check::pickled_text("x");
  const auto call = [&](std::vector<std::string> arguments) {
    return check::torch_archive(
        check::pickle_of(check::pickled_dict(
            {{"w",
              check::pickled_call(check::pickled_global("torch._utils", "_rebuild_tensor_v2"), arguments)}})),
        {});
  };
  torch_file_refused(Errc::kFormat, "expected a tuple of 4", call({}));
  torch_file_refused(Errc::kFormat, "expected a storage", call({text, text, text, text}));
  torch_file_refused(Errc::kFormat, "expected a tuple of 5", call({text + "Q", text, text, text}));
  torch_file_refused(Errc::kFormat, "its storage is not",
                     call({check::pickled_tuple({text, text, text, text, text}) + "Q", text, text, text}));
}

TEST(TorchFile, ACallInAStateDictIsNoTensorAndNotMade) {
  const std::string tensor = check::pickled_tensor({.storage_elements = 8, .sizes = {8}, .strides = {1}});
  const auto with = [&](const std::string& value) {
    return check::torch_archive(check::pickle_of(check::pickled_dict({{"a", tensor}, {"b", value}})),
                                {kEight});
  };
  torch_file_refused(
      Errc::kUnsupported, "'b' is a numpy.core.multiarray.scalar, expected a dense tensor",
      with(check::pickled_call(check::pickled_global("numpy.core.multiarray", "scalar"), {"N"})));
  std::string nested = tensor;
  for (int i = 0; i < 1000; ++i)
    nested = check::pickled_call(check::pickled_global("torch._utils", "_rebuild_parameter"),
                                 {nested, "\x88", "N"});
  torch_file_refused(Errc::kUnsupported, "expected a dense tensor", with(nested));
  EXPECT_EQ(torch_entries(with("N")).size(), 1u);
  EXPECT_EQ(torch_entries(with(check::pickled_integer(3))).size(), 1u);
  torch_file_refused(
      Errc::kFormat, "stands twice",
      check::torch_archive(check::pickle_of(check::pickled_dict({{"a", tensor}, {"a", tensor}})), {kEight}));
  torch_file_refused(
      Errc::kFormat, "expected UTF-8",
      check::torch_archive(check::pickle_of(check::pickled_dict({{"\xff", tensor}})), {kEight}));
  torch_file_refused(
      Errc::kData, "posix.system",
      with(check::pickled_call(check::pickled_global("posix", "system"), {check::pickled_text("id")})));
}

TEST(TorchFile, AnyPrefixOfAFileIsRefused) {
  const std::string whole = read_text(kGolden / "module_protocol_2.pt");
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_THROW(torch_entries(whole.substr(0, size)), Error) << size;
}

}  // namespace
}  // namespace lyceum
