#include "tasks/remove/remove.h"

#include <gtest/gtest.h>

#include "base/file.h"
#include "check/expect_error.h"
#include "check/setting.h"
#include "check/temporary_folder.h"
#include "formats/model_folder.h"
#include "tasks/pull/cache_writer.h"

namespace lyceum {
namespace {

namespace fs = std::filesystem;
using check::expect_error;
using check::Setting;
using check::write_file;

class Remove : public testing::Test {
 protected:
  Remove() : cache_("HF_HUB_CACHE", folder / "hub"), home_("LYCEUM_HOME", folder / "home") {
    // two revisions: the configuration is theirs alone, the weights are both's
    for (const auto& [commit, ref] : {std::pair{first, "old"}, std::pair{second, "main"}}) {
      write_file(base() / "blobs" / (std::string("c") + ref), std::string(10, 'x'));
      write_file(base() / "blobs/weights", std::string(1000, 'w'));
      fs::create_directories(base() / "snapshots" / commit / "1_Pooling");
      fs::create_symlink(std::string("../../../blobs/c") + ref,
                         base() / "snapshots" / commit / "1_Pooling/config.json");
      fs::create_symlink("../../blobs/weights", base() / "snapshots" / commit / "model.safetensors");
      write_file(base() / "refs" / ref, commit);
    }
    write_file(base() / "refs/tags/v2", second);
    write_file(base() / "blobs/other.incomplete", "12345");
  }
  fs::path base() const { return folder / "hub/models--org--name"; }
  check::TemporaryFolder folder;
  const std::string first = std::string(40, '1'), second = std::string(40, '2');

 private:
  Setting cache_, home_;
};

TEST_F(Remove, ARevisionGoesWithWhatNothingElseUses) {
  const Removal removal = plan_removal("org/name@old");
  EXPECT_FALSE(removal.is_whole);
  EXPECT_EQ(removal.bytes, 10u);
  EXPECT_EQ(removal.files, 2u);
  EXPECT_EQ(removal.refs, (std::vector<std::string>{"old"}));
  EXPECT_TRUE(fs::exists(base() / "snapshots" / first)) << "a plan changes nothing";
  remove_cached(removal);
  EXPECT_FALSE(fs::exists(base() / "snapshots" / first));
  EXPECT_FALSE(fs::exists(base() / "refs/old"));
  EXPECT_FALSE(fs::exists(base() / "blobs/cold"));
  EXPECT_EQ(read_text(base() / "snapshots" / second / "model.safetensors").size(), 1000u);
  EXPECT_EQ(read_text(base() / "snapshots" / second / "1_Pooling/config.json").size(), 10u);
  EXPECT_TRUE(ModelFolder::find_if_present("org/name"));
  EXPECT_FALSE(ModelFolder::find_if_present("org/name@old"));
  // the last revision takes the repository with it
  const Removal last = plan_removal("org/name@" + second);
  EXPECT_TRUE(last.is_whole);
  remove_cached(last);
  EXPECT_FALSE(fs::exists(base()));
}

TEST_F(Remove, EveryRefOfARevisionGoes) {
  const Removal removal = plan_removal("org/name@" + second);
  EXPECT_EQ(removal.refs, (std::vector<std::string>{"main", "tags/v2"}));
  remove_cached(removal);
  EXPECT_FALSE(fs::exists(base() / "refs/tags/v2"));
  EXPECT_TRUE(ModelFolder::find_if_present("org/name@old"));
}

TEST_F(Remove, WithoutARevisionEverythingGoes) {
  const Removal removal = plan_removal("org/name");
  EXPECT_TRUE(removal.is_whole);
  EXPECT_EQ(removal.commits, (std::vector<std::string>{first, second}));
  EXPECT_GE(removal.bytes, 1025u);  // three contents, a part of a fourth, and the refs
  remove_cached(removal);
  EXPECT_FALSE(fs::exists(base()));
  expect_error(Errc::kIo, "lyceum list", [] { plan_removal("org/name"); });
}

TEST_F(Remove, WhatIsNotTheCachesIsRefused) {
  write_file(folder / "home/models/tiny/config.json", "{}");
  write_file(folder / "mine/config.json", "{}");
  expect_error(Errc::kUsage, "remove that folder yourself", [] { plan_removal("tiny"); });
  expect_error(Errc::kUsage, "remove that folder yourself", [] { plan_removal("org/tiny"); });
  expect_error(Errc::kUsage, "remove that folder yourself",
               [&] { plan_removal((folder / "mine").string()); });
  expect_error(Errc::kUsage, "expected a model of the cache", [] { plan_removal("../name"); });
  expect_error(Errc::kIo, "expected a model of the cache", [] { plan_removal("org/other"); });
  expect_error(Errc::kIo, "no revision 'v3'", [] { plan_removal("org/name@v3"); });
  EXPECT_TRUE(fs::exists(folder / "home/models/tiny/config.json"));
}

TEST_F(Remove, LinksAreRemovedAndNotFollowed) {
  write_file(folder / "outside/precious", "x");
  fs::create_directory_symlink(folder / "outside", base() / "snapshots" / std::string(40, '3'));
  fs::create_symlink(folder / "outside/precious", base() / "snapshots" / first / "vocab.txt");
  remove_cached(plan_removal("org/name@old"));
  remove_cached(plan_removal("org/name"));
  EXPECT_TRUE(fs::exists(folder / "outside/precious"));
  fs::create_directory_symlink(folder / "outside", folder / "hub/models--org--link");
  expect_error(Errc::kData, "is a link", [] { plan_removal("org/link"); });
}

TEST_F(Remove, APullAtWorkIsNotDisturbed) {
  const Removal removal = plan_removal("org/name");
  {
    const CacheLock pulling(repository_lock(base()), CacheLock::Kind::kShared);
    expect_error(Errc::kIo, "is being pulled", [&] { remove_cached(removal); });
    EXPECT_TRUE(fs::exists(base() / "refs/main"));
  }
  remove_cached(removal);
  EXPECT_FALSE(fs::exists(base()));
}

// A person may take a while to answer; a pull that ends meanwhile may have made use of what would go.
TEST_F(Remove, WhatARevisionThatCameMeanwhileUsesStays) {
  const std::string third(40, '4');
  const auto publish_third = [&] {
    write_file(base() / "refs/new", third);
    fs::create_directories(base() / "snapshots" / third);
    fs::create_symlink("../../blobs/cold", base() / "snapshots" / third / "config.json");
  };
  const Removal part = plan_removal("org/name@old");
  publish_third();
  expect_error(Errc::kIo, "changed since", [&] { remove_cached(part); });
  EXPECT_EQ(read_text(base() / "snapshots" / third / "config.json").size(), 10u);
  EXPECT_TRUE(ModelFolder::find_if_present("org/name@old")) << "nothing went";
  // the same for a repository that goes as a whole, with its last revision or by its name
  remove_cached(plan_removal("org/name@old"));
  remove_cached(plan_removal("org/name@" + third));
  write_file(base() / "blobs/cold", std::string(10, 'x'));
  const Removal last = plan_removal("org/name@" + second), whole = plan_removal("org/name");
  EXPECT_TRUE(last.is_whole);
  publish_third();
  expect_error(Errc::kIo, "changed since", [&] { remove_cached(last); });
  expect_error(Errc::kIo, "changed since", [&] { remove_cached(whole); });
  EXPECT_EQ(read_text(base() / "snapshots" / third / "config.json").size(), 10u);
}

TEST_F(Remove, ANameThatMeansAnotherRevisionMeanwhileStays) {
  const Removal removal = plan_removal("org/name@old");
  write_file(base() / "refs/old", second);
  expect_error(Errc::kIo, "changed since", [&] { remove_cached(removal); });
  EXPECT_EQ(read_text(base() / "refs/old"), second);
  EXPECT_TRUE(fs::exists(base() / "snapshots" / first));
}

TEST_F(Remove, CopiesAreCountedAndGo) {
  write_file(base() / "snapshots" / first / "copy.json", "123");
  const Removal removal = plan_removal("org/name@old");
  EXPECT_EQ(removal.bytes, 13u);
  EXPECT_EQ(removal.files, 3u);
}

}  // namespace
}  // namespace lyceum
