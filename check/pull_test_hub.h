// What the tests of pulling share: a hub, a cache of their own, and settings without patience.
#pragma once

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <string>

#include "base/file.h"
#include "base/interrupt.h"
#include "base/random.h"
#include "check/expect_error.h"
#include "check/hub_server.h"
#include "check/setting.h"
#include "check/temporary_folder.h"
#include "formats/model_folder.h"
#include "tasks/pull/pull.h"

namespace lyceum {

inline std::string random_bytes(std::size_t count, std::uint64_t seed = 1) {
  Random random(seed);
  std::string bytes(count, '\0');
  for (char& c : bytes) c = static_cast<char>(random.below(256));
  return bytes;
}

class PullTest : public testing::Test {
 protected:
  PullTest()
      : cache_setting_("HF_HUB_CACHE", folder / "hub"),
        home_setting_("LYCEUM_HOME", folder / "home"),
        no_proxy_("no_proxy", "127.0.0.1") {
    settings.endpoint = hub.endpoint();
    settings.first_wait_seconds = 0.001;
    settings.stall_seconds = 1;
    settings.metadata_seconds = 1;
    weights = random_bytes(300'000);
    hub.add("org/tiny", "config.json", R"({"model_type": "bert"})");
    hub.add("org/tiny", "README.md", "read me");
    hub.add("org/tiny", "model.safetensors", weights, true);
    hub.add("org/tiny", "1_Pooling/config.json", "{}");
  }
  ~PullTest() override {
    hub.misbehave({});  // what the server's threads use goes after them
    clear_interrupt();
  }

  std::filesystem::path cache() const { return folder / "hub/models--org--tiny"; }
  std::filesystem::path snapshot() const { return cache() / "snapshots" / hub.commit(); }
  std::filesystem::path blob() const { return cache() / "blobs" / check::HubServer::etag_of(weights, true); }
  std::string blob_incomplete() const { return blob().string() + ".incomplete"; }
  PullReport pull_tiny() { return pull("org/tiny", settings); }

  // Nothing that could be taken for the model or for its weights.
  void expect_nothing_published() const {
    EXPECT_FALSE(std::filesystem::exists(cache() / "refs/main"));
    EXPECT_FALSE(std::filesystem::exists(blob()));
    EXPECT_FALSE(ModelFolder::find_if_present("org/tiny"));
    std::error_code error;
    EXPECT_FALSE(std::filesystem::exists(snapshot() / "model.safetensors", error));
  }
  // After whatever happened before, a hub that behaves gives the right files.
  void expect_pull_completes() {
    hub.misbehave({});
    pull_tiny();
    expect_right_files();
  }
  void expect_right_files() const {
    EXPECT_EQ(read_text(cache() / "refs/main"), hub.commit());
    EXPECT_EQ(read_text(snapshot() / "config.json"), R"({"model_type": "bert"})");
    EXPECT_EQ(read_text(snapshot() / "1_Pooling/config.json"), "{}");
    EXPECT_TRUE(read_text(snapshot() / "model.safetensors") == weights);
    EXPECT_FALSE(std::filesystem::exists(blob_incomplete()));
  }

  check::TemporaryFolder folder;
  check::HubServer hub;
  HubSettings settings;
  std::string weights;
  std::atomic<int> times{0};  // for a misbehaving hub to count with: it outlives the server's threads

 private:
  check::Setting cache_setting_, home_setting_, no_proxy_;
};

}  // namespace lyceum
