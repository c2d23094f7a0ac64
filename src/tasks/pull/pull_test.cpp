// Pulling from a hub that behaves.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <atomic>
#include <thread>

#include "check/pull_test_hub.h"
#include "tasks/pull/cache_writer.h"

namespace lyceum {
namespace {

namespace fs = std::filesystem;
using check::expect_error;
using check::HubConnection;
using check::HubRequest;

TEST_F(PullTest, TheCacheHasTheLayoutOfHuggingFaceHub) {
  const PullReport report = pull_tiny();
  expect_right_files();
  EXPECT_EQ(report.files,
            (std::vector<std::string>{"1_Pooling/config.json", "config.json", "model.safetensors"}));
  EXPECT_EQ(report.commit, hub.commit());
  EXPECT_EQ(report.path, snapshot());
  EXPECT_EQ(report.bytes, weights.size() + 22 + 2);
  EXPECT_EQ(report.fetched_bytes, report.bytes);
  EXPECT_TRUE(report.unverified.empty());
  EXPECT_EQ(fs::read_symlink(snapshot() / "model.safetensors").string(),
            "../../blobs/" + blob().filename().string());
  EXPECT_EQ(fs::read_symlink(snapshot() / "1_Pooling/config.json").string(),
            "../../../blobs/" + check::HubServer::etag_of("{}", false));
  EXPECT_FALSE(fs::exists(snapshot() / "README.md"));
  EXPECT_TRUE(fs::exists(folder / "hub/CACHEDIR.TAG"));
  EXPECT_TRUE(fs::exists(folder / ("hub/.locks/models--org--tiny/" + blob().filename().string() + ".lock")));
  const ModelFolder found = ModelFolder::find("org/tiny");
  EXPECT_TRUE(found.file("1_Pooling/config.json"));
  EXPECT_TRUE(found.file("model.safetensors"));
}

TEST_F(PullTest, WhatIsHereIsNotFetchedAgain) {
  pull_tiny();
  const auto before = hub.requests().size();
  EXPECT_EQ(pull_tiny().fetched_bytes, 0u);
  EXPECT_EQ(hub.requests().size(), before + 1);  // what the hub says of the revision
  // another commit with the same contents: one question a file, no content
  hub.set_commit(std::string(40, 'd'));
  const PullReport report = pull_tiny();
  EXPECT_EQ(report.fetched_bytes, 0u);
  EXPECT_EQ(read_text(cache() / "refs/main"), std::string(40, 'd'));
  EXPECT_TRUE(fs::exists(cache() / "snapshots" / std::string(40, 'd') / "model.safetensors"));
}

TEST_F(PullTest, ARevisionIsACommitABranchOrATag) {
  pull("org/tiny@" + hub.commit(), settings);
  EXPECT_TRUE(fs::is_empty(cache() / "refs"));  // a commit needs no ref
  EXPECT_TRUE(ModelFolder::find_if_present("org/tiny@" + hub.commit()));
  pull("org/tiny@refs/pr/1", settings);
  EXPECT_EQ(read_text(cache() / "refs/refs/pr/1"), hub.commit());
  EXPECT_EQ(hub.count("GET", "/revision/refs%2Fpr%2F1"), 1u);
  EXPECT_TRUE(ModelFolder::find_if_present("org/tiny@refs/pr/1"));
}

TEST_F(PullTest, IncludeExcludeAndAllFilesChoose) {
  const auto files = [&](Selection selection) {
    return pull("org/tiny", settings, {std::move(selection)}).files;
  };
  EXPECT_EQ(files({.include = {"*.md"}}), (std::vector<std::string>{"README.md"}));
  EXPECT_EQ(files({.exclude = {"*.safetensors", "1_*"}}), (std::vector<std::string>{"config.json"}));
  EXPECT_EQ(files({.all_files = true}).size(), 4u);
  expect_error(Errc::kData, "--include", [&] { files({.include = {"*.gguf"}}); });
}

TEST_F(PullTest, ShardsAreThoseThatTheIndexNames) {
  hub.add("org/big", "config.json", "{}");
  hub.add(
      "org/big", "model.safetensors.index.json",
      R"({"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}})");
  for (const char* name :
       {"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "extra.safetensors"})
    hub.add("org/big", name, random_bytes(1000), true);
  const PullReport report = pull("org/big", settings);
  EXPECT_EQ(report.files.size(), 4u);
  EXPECT_TRUE(fs::exists(report.path / "model-00002-of-00002.safetensors"));
  EXPECT_FALSE(fs::exists(report.path / "extra.safetensors"));
  hub.add("org/bad", "model.safetensors.index.json", R"({"weight_map": {"a": "../../../../etc/passwd"}})");
  expect_error(Errc::kData, "does not have", [&] { pull("org/bad", settings); });
}

TEST_F(PullTest, AKilledPullGoesOnWhereItWas) {
  check::write_file(blob_incomplete(), weights.substr(0, 200'000));
  const PullReport report = pull_tiny();
  expect_right_files();
  EXPECT_EQ(report.fetched_bytes, 100'000u + 22 + 2);
  bool asked = false;
  for (const HubRequest& r : hub.requests())
    asked |= r.asks("/storage/") && r.has("range") && r.headers.at("range") == "bytes=200000-";
  EXPECT_TRUE(asked);
}

TEST_F(PullTest, AWholePartNeedsNoTransfer) {
  check::write_file(blob_incomplete(), weights);
  EXPECT_EQ(pull_tiny().fetched_bytes, 24u);
  expect_right_files();
}

TEST_F(PullTest, APartThatIsLongerOrWrongIsFetchedAnew) {
  check::write_file(blob_incomplete(), weights + "more");
  pull_tiny();
  expect_right_files();
  fs::remove_all(folder / "hub");
  std::string wrong = weights.substr(0, 1000);
  wrong[500] = static_cast<char>(wrong[500] ^ 1);
  check::write_file(blob_incomplete(), wrong);
  EXPECT_GT(pull_tiny().fetched_bytes, weights.size());
  expect_right_files();
}

TEST_F(PullTest, TwoPullsAtOnceDoTheWorkOnce) {
  hub.misbehave([](const HubRequest& r, HubConnection&) {
    if (r.asks("/storage/")) std::this_thread::sleep_for(std::chrono::milliseconds(300));
    return false;
  });
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) threads.emplace_back([&] { pull_tiny(); });
  for (std::thread& t : threads) t.join();
  expect_right_files();
  EXPECT_EQ(hub.count("GET", "/storage/"), 1u);
}

TEST_F(PullTest, AProgramThatHoldsTheLockIsWaitedFor) {
  const fs::path lock = folder / ("hub/.locks/models--org--tiny/" + blob().filename().string() + ".lock");
  fs::create_directories(lock.parent_path());
  const Descriptor theirs{::open(lock.c_str(), O_RDWR | O_CREAT, 0664)};
  ASSERT_EQ(::flock(theirs.value, LOCK_EX), 0);
  std::thread puller([&] { pull_tiny(); });
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  EXPECT_EQ(hub.count("GET", "/storage/"), 0u);
  check::write_file(blob(), weights);  // the other program did the work,
  fs::remove(lock);                    // and filelock removes its file
  ::flock(theirs.value, LOCK_UN);
  puller.join();
  EXPECT_EQ(hub.count("GET", "/storage/"), 0u);
  expect_right_files();
}

// filelock removes a lock's file while others wait with it open: whoever gets the lock of a file without a
// name must not believe it.
TEST_F(PullTest, ALockWhoseFileWasRemovedIsNone) {
  std::atomic<int> holders{0}, most{0}, turns{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      while (turns < 500) {
        const auto lock = CacheLock::try_lock(folder / "locks/x.lock", CacheLock::Kind::kExclusive);
        if (!lock) continue;
        most = std::max<int>(most, ++holders);
        std::this_thread::yield();
        --holders;
        ++turns;
        fs::remove(folder / "locks/x.lock");  // while it is held still, as filelock does
      }
    });
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(most, 1);
}

TEST_F(PullTest, CopiesWhereLinksAreNotWanted) {
  settings.use_links = false;
  hub.add("org/tiny", "2_Dense/config.json", "{}");  // a content that two names share
  pull_tiny();
  expect_right_files();
  EXPECT_EQ(read_text(snapshot() / "2_Dense/config.json"), "{}");
  EXPECT_FALSE(fs::is_symlink(snapshot() / "model.safetensors"));
  EXPECT_TRUE(fs::is_empty(cache() / "blobs"));  // as huggingface_hub: moved, not doubled
  EXPECT_EQ(pull_tiny().fetched_bytes, 0u);
}

TEST_F(PullTest, TheTokenGoesToTheEndpointAlone) {
  check::HubServer storage;
  storage.add("org/tiny", "model.safetensors", weights, true);
  hub.set_storage(storage.endpoint());
  settings.token = "hf_secret";
  pull_tiny();
  expect_right_files();
  for (const HubRequest& r : hub.requests()) EXPECT_EQ(r.headers.at("authorization"), "Bearer hf_secret");
  ASSERT_EQ(storage.requests().size(), 1u);
  EXPECT_FALSE(storage.requests()[0].has("authorization"));
}

TEST_F(PullTest, ARenamedRepositoryAndAnotherHostAreFollowed) {
  check::HubServer other;  // a hub that a mirror sends us to
  other.add("org/tiny", "config.json", "{}");
  other.add("org/tiny", "model.safetensors", weights, true);
  settings.token = "hf_secret";
  for (const std::string& host : {std::string(), hub.endpoint(), other.endpoint()}) {
    fs::remove_all(folder / "hub");
    hub.misbehave([host](const HubRequest& r, HubConnection& c) {
      const auto at = r.target.find("/old/name/");
      if (at == std::string::npos) return false;
      std::string target = r.target;
      target.replace(at, 10, "/org/tiny/");
      c.answer(307, "Location: " + host + target + "\r\n", "", r.method == "HEAD");
      return true;
    });
    const PullReport report = pull("old/name", settings);
    EXPECT_TRUE(read_text(report.path / "model.safetensors") == weights) << host;
    EXPECT_TRUE(ModelFolder::find_if_present("old/name"));
  }
  EXPECT_FALSE(other.requests().empty());
  for (const HubRequest& r : other.requests()) EXPECT_FALSE(r.has("authorization"));
}

TEST_F(PullTest, AnInterruptionKeepsWhatCame) {
  hub.misbehave([&](const HubRequest& r, HubConnection& c) {
    if (!r.asks("/storage/")) return false;
    c.send(fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", weights.size()));
    c.send(weights.substr(0, 100'000));
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    request_interrupt();
    c.stall();
    return true;
  });
  expect_error(Errc::kInterrupted, "the same command again goes on", [&] { pull_tiny(); });
  clear_interrupt();
  expect_nothing_published();
  EXPECT_EQ(fs::file_size(blob_incomplete()), 100'000u);
  hub.misbehave({});
  EXPECT_EQ(pull_tiny().fetched_bytes, weights.size() - 100'000);
  expect_right_files();
}

TEST_F(PullTest, ProgressEndsAtTheTotal) {
  PullProgress last;
  pull("org/tiny", settings, {.progress = [&](const PullProgress& p) {
         EXPECT_LE(p.done_bytes, p.total_bytes);
         last = p;
       }});
  EXPECT_EQ(last.done_bytes, weights.size() + 22 + 2);
  EXPECT_EQ(last.total_bytes, last.done_bytes);
}

TEST_F(PullTest, OfflineAndNamesThatAreNone) {
  settings.offline = true;
  expect_error(Errc::kIo, "HF_HUB_OFFLINE", [&] { pull_tiny(); });
  settings.offline = false;
  for (const char* name :
       {"", "tiny", "a/b/c", "../x", "org/..", "org/a b", "org/tiny@../../x", "org/tiny@", "/x", "x/"})
    expect_error(Errc::kUsage, "expected ORG/NAME", [&] { pull(name, settings); });
  expect_error(Errc::kUsage, "Did you mean sentence-transformers/all-MiniLM-L6-v2",
               [&] { pull("all-minilm-l6-v2", settings); });
  EXPECT_TRUE(hub.requests().empty());
}

TEST_F(PullTest, SettingsComeFromTheEnvironment) {
  const check::Setting home("HF_HOME", folder / "hf"), endpoint("HF_ENDPOINT", "http://mirror.example/hub/"),
      offline("HF_HUB_OFFLINE", "yes"), links("HF_HUB_DISABLE_SYMLINKS", "1"),
      etag("HF_HUB_ETAG_TIMEOUT", "3"), token("HF_TOKEN", " hf_a \n");
  HubSettings s = HubSettings::from_environment();
  EXPECT_EQ(s.endpoint, "http://mirror.example/hub");
  EXPECT_EQ(s.token, "hf_a");
  EXPECT_TRUE(s.offline);
  EXPECT_FALSE(s.use_links);
  EXPECT_EQ(s.metadata_seconds, 3);
  EXPECT_EQ(s.stall_seconds, 10);
  {
    const check::Setting none("HF_TOKEN", "");
    EXPECT_EQ(HubSettings::from_environment().token, "");
    check::write_file(folder / "hf/token", "hf_b\n");
    EXPECT_EQ(HubSettings::from_environment().token, "hf_b");
    check::write_file(folder / "other", "hf_c");
    const check::Setting path("HF_TOKEN_PATH", folder / "other");
    EXPECT_EQ(HubSettings::from_environment().token, "hf_c");
  }
  const check::Setting split("HF_TOKEN", "a\r\nX-Evil: 1");
  expect_error(Errc::kUsage, "token", [] { HubSettings::from_environment(); });
  const check::Setting plain("HF_TOKEN", "a"), file("HF_ENDPOINT", "file:///etc");
  expect_error(Errc::kUsage, "HF_ENDPOINT", [] { HubSettings::from_environment(); });
  const check::Setting good("HF_ENDPOINT", "https://x"), never("HF_HUB_DOWNLOAD_TIMEOUT", "0");
  expect_error(Errc::kUsage, "HF_HUB_DOWNLOAD_TIMEOUT", [] { HubSettings::from_environment(); });
}

}  // namespace
}  // namespace lyceum
