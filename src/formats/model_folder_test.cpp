#include "formats/model_folder.h"

#include <gtest/gtest.h>

#include "check/expect_error.h"
#include "check/setting.h"
#include "check/temporary_folder.h"

namespace lyceum {
namespace {

using check::expect_error;
using check::Setting;
using check::TemporaryFolder;
namespace fs = std::filesystem;

TEST(ModelFolder, FilesInsideAreFoundAndOthersAreNot) {
  const TemporaryFolder folder;
  check::write_file(folder / "config.json", "{}");
  check::write_file(folder / "1_Pooling/config.json", "{}");
  const ModelFolder m = ModelFolder::find(folder.path().string());
  EXPECT_TRUE(m.file("config.json"));
  EXPECT_TRUE(m.file("1_Pooling/config.json"));
  EXPECT_TRUE(m.file("1_Pooling/../config.json"));
  EXPECT_FALSE(m.file("vocab.txt"));
  EXPECT_FALSE(m.file("config.json/x"));
  expect_error(Errc::kIo, "vocab.txt is missing", [&] { m.require("vocab.txt"); });
}

TEST(ModelFolder, APathOutOfTheFolderIsRefused) {
  const TemporaryFolder folder;
  check::write_file(folder / "secret", "x");
  fs::create_directory(folder / "model");
  const ModelFolder m = ModelFolder::find((folder / "model").string());
  for (const char* path : {"../secret", "a/../../secret", "/etc/passwd", "..", "", "a/../.."})
    expect_error(Errc::kFormat, "inside the model's folder", [&] { m.file(path); });
  expect_error(Errc::kFormat, "inside the model's folder", [&] { m.file(std::string("x\0y", 3)); });
}

TEST(ModelFolder, LinksAreFollowedInsideTheFolderOnly) {
  const TemporaryFolder folder;
  check::write_file(folder / "outside/config.json", "{}");
  check::write_file(folder / "model/data/real.json", "{}");
  check::write_file(folder / "model-2/config.json", "{}");
  fs::create_symlink("data/real.json", folder / "model/inside.json");
  fs::create_symlink(folder / "outside/config.json", folder / "model/config.json");
  fs::create_symlink("../model-2/config.json",
                     folder / "model/neighbour.json");  // its name begins like the folder's
  fs::create_symlink(folder / "outside", folder / "model/1_Pooling");
  fs::create_symlink("nowhere", folder / "model/dangling.json");
  fs::create_symlink("loop.json", folder / "model/loop.json");
  const ModelFolder m = ModelFolder::find((folder / "model").string());
  EXPECT_TRUE(m.file("inside.json"));
  expect_error(Errc::kData, "outside/config.json", [&] { m.file("config.json"); });
  expect_error(Errc::kData, "outside of the model's folder", [&] { m.file("neighbour.json"); });
  expect_error(Errc::kData, "outside of the model's folder", [&] { m.file("1_Pooling/config.json"); });
  EXPECT_FALSE(m.file("dangling.json"));
  expect_error(Errc::kIo, "loop.json", [&] { m.file("loop.json"); });
}

TEST(ModelFolder, ALinkToTheWholeFolderIsAFolder) {
  const TemporaryFolder folder;
  check::write_file(folder / "real/config.json", "{}");
  fs::create_directory_symlink("real", folder / "alias");
  EXPECT_TRUE(ModelFolder::find((folder / "alias").string()).file("config.json"));
}

TEST(ModelFolder, ASnapshotOfTheHubCacheMayLinkToItsBlobs) {
  const TemporaryFolder folder;
  const Setting cache("HF_HUB_CACHE", folder / "hub");
  const Setting bundled("LYCEUM_HOME", folder / "home");
  const fs::path base = folder / "hub/models--org--name";
  check::write_file(base / "blobs/abc", "{}");
  check::write_file(base / "refs/main", "c0ffee\n");
  check::write_file(folder / "secret", "x");
  fs::create_directories(base / "snapshots/c0ffee");
  fs::create_symlink("../../blobs/abc", base / "snapshots/c0ffee/config.json");
  fs::create_symlink(folder / "secret", base / "snapshots/c0ffee/vocab.txt");
  for (const std::string& name : {std::string("org/name"), std::string("org/name@main"),
                                  std::string("org/name@c0ffee"), (base / "snapshots/c0ffee").string()}) {
    const ModelFolder m = ModelFolder::find(name);
    EXPECT_TRUE(m.file("config.json")) << name;
    expect_error(Errc::kData, "outside", [&] { m.file("vocab.txt"); });
  }
  expect_error(Errc::kIo, "org/name@other", [&] { ModelFolder::find("org/name@other"); });
  // what a ref says is a name, not a path
  check::write_file(base / "refs/evil", "../../../home");
  fs::create_directories(folder / "home");
  expect_error(Errc::kIo, "org/name@evil", [&] { ModelFolder::find("org/name@evil"); });
  for (const char* name : {"../name", "org/..", "org/", "/name", "..", "."})
    if (!fs::is_directory(name)) expect_error(Errc::kIo, name, [&] { ModelFolder::find(name); });
}

TEST(ModelFolder, ABundledModelIsFoundByItsShortAndItsFullName) {
  const TemporaryFolder folder;
  const Setting cache("HF_HUB_CACHE", folder / "hub");
  const Setting bundled("LYCEUM_HOME", folder.path()), own("LYCEUM_MODELS_DIR", folder / "none");
  check::write_file(folder / "models/all-MiniLM-L6-v2/config.json", "{}");
  for (const char* name : {"all-MiniLM-L6-v2", "sentence-transformers/all-MiniLM-L6-v2"})
    EXPECT_TRUE(ModelFolder::find(name).file("config.json")) << name;
  const auto stored = stored_models();
  ASSERT_EQ(stored.size(), 1u);
  EXPECT_EQ(stored[0].name, "all-MiniLM-L6-v2");
  EXPECT_EQ(stored[0].bytes, 2u);
}

TEST(ModelFolder, ABareFileNeedsItsConfigurationBesideIt) {
  const TemporaryFolder folder;
  check::write_file(folder / "w.safetensors", "x");
  expect_error(Errc::kIo, "config.json is missing",
               [&] { ModelFolder::find((folder / "w.safetensors").string()); });
  check::write_file(folder / "config.json", "{}");
  EXPECT_EQ(ModelFolder::find((folder / "w.safetensors").string()).weights(), folder / "w.safetensors");
  check::write_file(folder / "w.gguf", "x");
  expect_error(Errc::kUnsupported, ".gguf", [&] { ModelFolder::find((folder / "w.gguf").string()); });
}

TEST(ModelFolder, NamesThatAreNoneAreUsageErrors) {
  expect_error(Errc::kUsage, "empty name", [] { ModelFolder::find(""); });
  expect_error(Errc::kUsage, "NUL", [] { ModelFolder::find(std::string("a\0b", 3)); });
  expect_error(Errc::kIo, "Fix: give the path", [] { ModelFolder::find(std::string(5000, 'a')); });
}

}  // namespace
}  // namespace lyceum
