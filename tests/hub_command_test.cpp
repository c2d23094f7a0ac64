// pull, remove, list and --pull on the program itself, against a hub on 127.0.0.1.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "base/file.h"
#include "check/hub_server.h"
#include "check/run_command.h"
#include "check/setting.h"
#include "check/temporary_folder.h"
#include "check/tiny_bert.h"

namespace lyceum {
namespace {

namespace fs = std::filesystem;
using check::HubConnection;
using check::HubRequest;
using check::RunResult;
using check::Setting;
using nlohmann::json;

class HubCommand : public testing::Test {
 protected:
  HubCommand()
      : cache_("HF_HUB_CACHE", t / "hub"),
        home_("LYCEUM_HOME", t / "home"),
        models_("LYCEUM_MODELS_DIR", t / "none"),
        endpoint_("HF_ENDPOINT", hub.endpoint()),
        token_("HF_TOKEN", "hf_test"),
        offline_("HF_HUB_OFFLINE", ""),
        no_proxy_("no_proxy", "127.0.0.1") {
    check::write_tiny_bert(t / "model", {.shards = 2, .sentence = true});
    serve("acme/tiny", t / "model");
  }
  void serve(const std::string& name, const fs::path& folder) {
    for (const auto& entry : fs::recursive_directory_iterator(folder))
      if (entry.is_regular_file())
        hub.add(name, entry.path().lexically_relative(folder).string(), read_text(entry.path()),
                entry.path().extension() == ".safetensors");
  }
  static RunResult run(const std::vector<std::string>& arguments) {
    return check::run_command(LYCEUM_COMMAND, arguments);
  }
  static json object(const RunResult& r) {
    EXPECT_EQ(r.status, 0) << r.text();
    return json::parse(r.out.substr(0, r.out.find('\n')), nullptr, false);
  }
  static void expect_failure(const RunResult& r, int status, const std::string& part) {
    EXPECT_EQ(r.status, status) << r.text();
    EXPECT_EQ(r.out, "");
    EXPECT_NE(r.err.find(part), std::string::npos) << r.text();
  }
  check::TemporaryFolder t;
  check::HubServer hub;

 private:
  Setting cache_, home_, models_, endpoint_, token_, offline_, no_proxy_;
};

TEST_F(HubCommand, APulledModelIsListedUsedAndRemoved) {
  const std::string want = run({"embed", (t / "model").string(), "the cat", "--json"}).out;
  expect_failure(run({"embed", "acme/tiny", "the cat"}), 1, "`lyceum pull acme/tiny` fetches it");
  EXPECT_TRUE(hub.requests().empty()) << "nothing is fetched during another verb";
  const json pulled = object(run({"pull", "acme/tiny", "--json"}));
  EXPECT_EQ(pulled["name"], "acme/tiny");
  EXPECT_EQ(pulled["commit"], hub.commit());
  EXPECT_EQ(pulled["bytes"], pulled["fetched_bytes"]);
  EXPECT_EQ(run({"embed", "acme/tiny", "the cat", "--json"}).out, want);
  const json listed = object(run({"list", "--json"}));
  EXPECT_EQ(listed["name"], "acme/tiny");
  EXPECT_EQ(listed["revision"], hub.commit());
  EXPECT_EQ(listed["bytes"], pulled["bytes"]);
  EXPECT_EQ(listed["files"], pulled["files"].size());
  EXPECT_EQ(listed["path"], pulled["path"]);
  EXPECT_NE(run({"list"}).out.find("cccccccccccc main"), std::string::npos);

  const json plan = object(run({"remove", "acme/tiny", "--dry-run", "--json"}));
  EXPECT_EQ(plan["removed"], false);
  EXPECT_EQ(run({"embed", "acme/tiny", "the cat", "--json"}).out, want);
  const RunResult unasked = run({"remove", "acme/tiny"});
  EXPECT_EQ(unasked.status, 2) << unasked.text();
  EXPECT_NE(unasked.err.find("--yes"), std::string::npos);
  EXPECT_EQ(object(run({"remove", "acme/tiny", "--yes", "--json"}))["removed"], true);
  EXPECT_FALSE(fs::exists(t / "hub/models--acme--tiny"));
  expect_failure(run({"remove", "acme/tiny", "--yes"}), 1, "lyceum list");
  expect_failure(run({"remove", (t / "model").string(), "--yes"}), 2, "remove that folder yourself");
}

TEST_F(HubCommand, EveryVerbWithAModelPullsWhenAsked) {
  const std::string want = run({"embed", (t / "model").string(), "the cat", "--json"}).out;
  EXPECT_EQ(run({"embed", "acme/tiny", "the cat", "--json", "--pull"}).out, want);
  const auto asked = hub.requests().size();
  EXPECT_EQ(run({"embed", "acme/tiny", "the cat", "--json", "--pull"}).out, want);
  EXPECT_EQ(hub.requests().size(), asked) << "what is here is used";
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"show", "acme/tiny"},
        {"tokenize", "acme/tiny", "a"},
        {"detokenize", "acme/tiny", "5"},
        {"bench", "acme/tiny", "--batch", "1", "--tokens", "4", "--repeats", "1"},
        {"index", (t / "notes").string(), "--model", "acme/tiny", "--output", (t / "x.index").string()}}) {
    fs::remove_all(t / "hub");
    check::write_file(t / "notes/a.txt", "the cat sat");
    std::vector<std::string> all = words;
    all.push_back("--pull");
    const RunResult r = run(all);
    EXPECT_EQ(r.status, 0) << words[0] << "\n" << r.text();
    EXPECT_TRUE(fs::exists(t / "hub/models--acme--tiny/refs/main")) << words[0];
  }
}

TEST_F(HubCommand, VerbsOfHeadsPullWhenAskedAndSayTheSame) {
  for (std::vector<std::string> words : {std::vector<std::string>{"fill", "", "the [MASK] sat"},
                                         {"classify", "", "the cat"},
                                         {"tag", "", "the cat"},
                                         {"answer", "", "who sat", "--context", "the cat sat on the mat."},
                                         {"rerank", "", "the cat", (t / "passages.txt").string()}}) {
    const std::string verb = words[0], folder = LYCEUM_SOURCE_DIR "/src/tasks/" + verb + "/golden/model";
    check::write_file(t / "passages.txt", "the cat sat\nthe mat\n");
    words.push_back("--json");
    words[1] = folder;
    const RunResult want = run(words);
    ASSERT_EQ(want.status, 0) << verb << "\n" << want.text();
    serve("acme/" + verb, folder);
    words[1] = "acme/" + verb;
    expect_failure(run(words), 1, "`lyceum pull acme/" + verb + "` fetches it");
    words.push_back("--pull");
    EXPECT_EQ(run(words).out, want.out) << verb;
  }
  const RunResult r = run({"convert", "acme/tiny", "--output", (t / "converted").string(), "--pull"});
  EXPECT_EQ(r.status, 0) << r.text();
  EXPECT_TRUE(fs::exists(t / "converted/config.json"));
}

TEST_F(HubCommand, FailuresHaveTheirStatus) {
  expect_failure(run({"pull"}), 2, "model is required");
  expect_failure(run({"pull", "tiny"}), 2, "expected ORG/NAME");
  expect_failure(run({"pull", "acme/other"}), 1, "acme/other");
  expect_failure(run({"pull", "acme/tiny", "--all-files", "--include", "*"}), 2, "--include");
  EXPECT_EQ(object(run({"pull", "--include", "*.txt", "--include", "*/config.json", "acme/tiny",
                        "--json"}))["files"],
            json({"1_Pooling/config.json", "vocab.txt"}));
  const Setting offline("HF_HUB_OFFLINE", "1");
  expect_failure(run({"pull", "acme/tiny"}), 1, "HF_HUB_OFFLINE");
}

TEST_F(HubCommand, WithoutLibcurlOnlyPullingFails) {
  for (const char* name : {"libcurl.so.4", "libcurl-gnutls.so.4"})
    check::write_file(t / "lib" / name, "none");
  const Setting libraries("LD_LIBRARY_PATH", t / "lib");
  expect_failure(run({"pull", "acme/tiny"}), 3, "apt-get install libcurl4");
  EXPECT_EQ(run({"embed", (t / "model").string(), "the cat"}).status, 0);
}

TEST_F(HubCommand, TheTokenIsNotShown) {
  const RunResult r = run({"pull", "acme/other", "--verbose"});
  EXPECT_EQ(r.text().find("hf_test"), std::string::npos);
}

}  // namespace
}  // namespace lyceum
