// What runs have written about themselves.
#include "tests/hostile/hostile.h"

namespace lyceum {
namespace {

TEST_F(Hostile, MetricsOfARun) {
  const fs::path file = folder / "run/metrics.jsonl";
  const std::string good = "{\"step\":1,\"loss_nats\":2}\n";
  const auto refused = [&](const std::string& name, const std::string& bytes, const Words& says) {
    SCOPED_TRACE(name);
    write_file(file, bytes);
    expect_refused(run({"plot", (folder / "run").string(), "--output", (folder / "x.html").string()}), 1,
                   says);
    EXPECT_FALSE(fs::exists(folder / "x.html"));
  };
  const auto drawn = [&](const std::string& name, const std::string& bytes, const Words& more = {}) {
    SCOPED_TRACE(name);
    write_file(file, bytes);
    Words words{"plot", (folder / "run").string()};
    words.insert(words.end(), more.begin(), more.end());
    const RunResult r = run(words);
    EXPECT_EQ(r.status, 0) << r.text();
    EXPECT_LT(r.out.size(), 1'000'000u);
    return r.out;
  };
  refused("not text", std::string("\0\xff\n", 3) + good, {"metrics.jsonl", "line 1"});
  refused("not JSON", good + "loss 3\n" + good, {"line 2"});
  refused("nested", good + "{\"step\":1,\"a\":" + std::string(10000, '[') + "\n" + good, {"line 2"});
  refused("a list", "[1,2]\n" + good, {"line 1", "JSON object"});
  refused("no step", "{\"loss_nats\":2}\n" + good, {"line 1", "'step'"});
  refused("a step that is none", "{\"step\":1e999,\"loss_nats\":2}\n" + good, {"line 1"});
  refused("a step too large", "{\"step\":99999999999999999999,\"loss_nats\":2}\n" + good,
          {"line 1", "'step'"});
  refused("a number too large", "{\"step\":1,\"loss_nats\":1e999}\n" + good, {"line 1"});
  refused("a long line", "{\"step\":1,\"a\":\"" + std::string(std::size_t{1} << 21, 'x') + "\"}\n" + good,
          {"line 1"});
  std::string names = "{\"step\":1";
  for (int i = 0; i < 20000; ++i) names += ",\"n" + std::to_string(i) + "\":1";
  refused("many names", names + "}\n", {"10000 names"});
  refused("nothing", "", {"loss_nats"});
  refused("half a line", "{\"step\":1,\"lo", {"loss_nats"});
  fs::remove(file);
  fs::create_directories(file);
  expect_refused(run({"plot", (folder / "run").string()}), 1, {"metrics.jsonl", "folder"});
  fs::remove(file);
  expect_refused(run({"plot", "/dev/zero"}), 1, {"/dev/zero", "regular file"});

  drawn("one value", good);
  drawn("huge values",
        "{\"step\":1,\"loss_nats\":-1.7e308}\n{\"step\":9223372036854775807,\"loss_nats\":1.7e308}\n");
  drawn("tiny values", "{\"step\":1,\"loss_nats\":5e-324}\n{\"step\":2,\"loss_nats\":1e-323}\n", {"--log-y"});
  drawn("nothing but null", "{\"step\":1,\"loss_nats\":null}\n");
  drawn("rates of nothing", "{\"step\":1,\"loss_nats\":1,\"tokens\":1e308,\"tokens_per_s\":1e-308}\n",
        {"--x", "seconds"});
  const std::string out =
      drawn("a name of markup", "{\"step\":1,\"</svg><script>\":1}\n", {"--series", "</svg><script>"});
  EXPECT_EQ(out.find("<script"), std::string::npos);
  std::string jumps;
  for (int i = 0; i < 50000; ++i)
    jumps += "{\"step\":" + std::to_string(i % 2 * 1000 + i % 7) +
             ",\"loss_nats\":" + (i % 3 ? "1" : "null") + "}\n";
  drawn("steps that jump", jumps, {"--smooth", "0.5"});
}

}  // namespace
}  // namespace lyceum
