#include "formats/checkpoint.h"

#include <gtest/gtest.h>

#include "base/file.h"
#include "check/expect_error.h"
#include "check/gradcheck.h"
#include "check/temporary_folder.h"
#include "check/torch_archive.h"
#include "formats/model_folder.h"

namespace lyceum {
namespace {

using check::expect_error;
using check::TemporaryFolder;
using List = std::vector<std::pair<std::string, Tensor>>;

Tensor numbered(float from) { return Tensor::of<float>({2}, std::vector<float>{from, from + 1}); }

// Two shards with a and b, and c; the index as given, or the right one.
class Shards {
 public:
  Shards() {
    write_safetensors(folder / "s1.safetensors", List{{"a", numbered(1)}, {"b", numbered(3)}});
    write_safetensors(folder / "s2.safetensors", List{{"c", numbered(5)}});
    index(R"({"weight_map":{"a":"s1.safetensors","b":"s1.safetensors","c":"s2.safetensors"}})");
  }
  void index(const std::string& text) { check::write_file(folder / "model.safetensors.index.json", text); }
  Checkpoint open() const { return Checkpoint::open(ModelFolder::find(folder.path().string())); }
  TemporaryFolder folder;
};

TEST(Checkpoint, ShardsAreOneCheckpoint) {
  const Shards shards;
  const Checkpoint c = shards.open();
  EXPECT_EQ(c.names(), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(c.take("c", {2}).values<float>(), (std::vector<float>{5, 6}));
  EXPECT_EQ(c.file_of("c").filename(), "s2.safetensors");
  EXPECT_EQ(c.bytes(), 24u);
  EXPECT_EQ(c.unused(), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(c.find("d"), nullptr);
  EXPECT_EQ(c.find_info("d"), nullptr);
}

TEST(Checkpoint, ASingleFileGoesBeforeAnIndex) {
  const Shards shards;
  write_safetensors(shards.folder / "model.safetensors", List{{"z", numbered(9)}});
  EXPECT_EQ(shards.open().names(), (std::vector<std::string>{"z"}));
}

TEST(Checkpoint, AMissingTensorNamesTheFileAndWhatComesNear) {
  const TemporaryFolder folder;
  write_safetensors(
      folder / "f.safetensors",
      List{{"encoder.wait", numbered(1)}, {"other", numbered(1)}, {std::string(4000, 'n'), numbered(1)}});
  const Checkpoint c = Checkpoint::open_file(folder / "f.safetensors");
  expect_error(Errc::kData, "'encoder.weight' is missing; the nearest names there are: 'encoder.wait'",
               [&] { c.take("encoder.weight", {2}); });
  expect_error(Errc::kData, "f.safetensors: tensor 'other' is [2], expected [3]",
               [&] { c.take("other", {3}); });
}

TEST(Checkpoint, AnIndexThatDoesNotFitItsShardsIsRefused) {
  Shards shards;
  const auto refused = [&](Errc code, const std::string& text, const std::string& part) {
    shards.index(text);
    expect_error(code, part, [&] { shards.open(); });
    expect_error(code, "model.safetensors.index.json", [&] { shards.open(); });
  };
  refused(Errc::kFormat, "", "not JSON");
  refused(Errc::kFormat, "[]", "JSON object");
  refused(Errc::kFormat, "{}", "'weight_map' is missing");
  refused(Errc::kFormat, R"({"weight_map":[]})", "JSON object");
  refused(Errc::kFormat, R"({"weight_map":{"a":1}})", "'a'");
  refused(Errc::kFormat, R"({"weight_map":{"a":null}})", "'a'");
  refused(Errc::kFormat, R"({"weight_map":{"a":"s1.safetensors","a":"s1.safetensors"}})", "twice");
  refused(Errc::kIo, R"({"weight_map":{"a":"s3.safetensors"}})", "'s3.safetensors' is missing");
  refused(Errc::kData, R"({"weight_map":{"a":"s2.safetensors"}})", "tensor 'a' is not in 's2.safetensors'");
  refused(Errc::kData, R"({"weight_map":{"d":"s1.safetensors"}})", "tensor 'd'");
  refused(Errc::kFormat, R"({"weight_map":)" + std::string(100, '[') + std::string(100, ']') + "}", "nested");
  // a key with a NUL is a key of its own
  refused(Errc::kFormat, R"({"weight_map":{"a":"s1.safetensors","a\u0000":{}}})", "expected a string");
}

TEST(Checkpoint, AShardIsAPlainNameInsideTheFolder) {
  Shards shards;
  std::filesystem::create_directory(shards.folder / "sub");
  write_safetensors(shards.folder / "sub/s.safetensors", List{{"a", numbered(1)}});
  for (const char* shard : {"../s1.safetensors", "/etc/passwd", "sub/s.safetensors", "sub\\\\s.safetensors",
                            ".", "..", "", "s1.safetensors\\u0000"}) {
    SCOPED_TRACE(shard);
    shards.index(R"({"weight_map":{"a":")" + std::string(shard) + R"("}})");
    expect_error(Errc::kFormat, "plain name", [&] { shards.open(); });
  }
}

TEST(Checkpoint, OneNameInTwoShardsIsRefused) {
  Shards shards;
  write_safetensors(shards.folder / "s2.safetensors", List{{"a", numbered(7)}, {"c", numbered(5)}});
  expect_error(Errc::kData, "tensor 'a' stands in", [&] { shards.open(); });
}

TEST(Checkpoint, FilesOfTorchAreChosenAfterSafetensors) {
  const TemporaryFolder folder;
  const auto names = [&] { return Checkpoint::open(ModelFolder::find(folder.path().string())).names(); };
  const auto torch = [&](const char* file, const char* name) {
    check::write_file(folder / file, check::torch_file_of({{name, numbered(1)}}));
  };
  torch("part.bin", "of the index");
  check::write_file(folder / "pytorch_model.bin.index.json", R"({"weight_map":{"of the index":"part.bin"}})");
  EXPECT_EQ(names(), (std::vector<std::string>{"of the index"}));
  torch("pytorch_model.bin", "of the file");
  EXPECT_EQ(names(), (std::vector<std::string>{"of the file"}));
  write_safetensors(folder / "s.safetensors", List{{"of safetensors", numbered(1)}});
  check::write_file(folder / "model.safetensors.index.json",
                    R"({"weight_map":{"of safetensors":"s.safetensors"}})");
  EXPECT_EQ(names(), (std::vector<std::string>{"of safetensors"}));
}

TEST(Checkpoint, AFileOfTorchIsACheckpoint) {
  const TemporaryFolder folder;
  check::write_file(folder / "m.pt", check::torch_file_of({{"a", numbered(1)}, {"b", numbered(3)}}));
  const Checkpoint c = Checkpoint::open_file(folder / "m.pt");
  EXPECT_EQ(c.take("b", {2}).values<float>(), (std::vector<float>{3, 4}));
  EXPECT_EQ(c.unused(), (std::vector<std::string>{"a"}));
  EXPECT_EQ(c.bytes(), 16u);
  EXPECT_EQ(c.read("a").values<float>(), (std::vector<float>{1, 2}));
  expect_error(Errc::kData, "m.pt: tensor 'a' is [2], expected [3]", [&] { c.take("a", {3}); });
}

TEST(Checkpoint, ASubfolderHasWeightsOfItsOwn) {
  Shards shards;
  const ModelFolder model = ModelFolder::find(shards.folder.path().string());
  EXPECT_FALSE(Checkpoint::is_in(model, "2_Dense"));
  check::write_file(shards.folder / "2_Dense/part.bin", check::torch_file_of({{"w", numbered(1)}}));
  check::write_file(shards.folder / "2_Dense/pytorch_model.bin.index.json",
                    R"({"weight_map":{"w":"part.bin"}})");
  EXPECT_TRUE(Checkpoint::is_in(model, "2_Dense"));
  EXPECT_EQ(Checkpoint::open(model, "2_Dense").names(), (std::vector<std::string>{"w"}));
  expect_error(Errc::kIo, "3_Dense: found no model.safetensors", [&] { Checkpoint::open(model, "3_Dense"); });
}

TEST(Checkpoint, AFolderWithoutWeightsSaysWhatIsThere) {
  const TemporaryFolder folder;
  const auto open = [&] { Checkpoint::open(ModelFolder::find(folder.path().string())); };
  expect_error(Errc::kIo, "found no model.safetensors", open);
  check::write_file(folder / "tf_model.h5", "HDF");
  expect_error(Errc::kUnsupported, "tf_model.h5", open);
}

}  // namespace
}  // namespace lyceum
