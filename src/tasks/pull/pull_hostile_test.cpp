// Pulling from a hub that misbehaves: the right files or a clear error, never a wrong file under a final
// name, and a good hub afterwards completes.
#include <atomic>

#include "check/pull_test_hub.h"
#include "tasks/pull/hub_client.h"

namespace lyceum {
namespace {

namespace fs = std::filesystem;
using check::expect_error;
using check::HubConnection;
using check::HubRequest;
using check::HubServer;

class HostileHub : public PullTest {
 protected:
  // What the weights' own address does; everything else stays good.
  void storage(std::function<void(const HubRequest&, HubConnection&)> answer) {
    hub.misbehave([answer = std::move(answer)](const HubRequest& r, HubConnection& c) {
      if (!r.asks("/storage/")) return false;
      answer(r, c);
      return true;
    });
  }
  // The same for the HEAD of the weights.
  void head_of_weights(const std::string& lines, int status = 200) {
    hub.misbehave([lines, status](const HubRequest& r, HubConnection& c) {
      if (!r.asks("/model.safetensors")) return false;
      c.send(fmt::format("HTTP/1.1 {} x\r\nConnection: close\r\n{}\r\n", status, lines));
      return true;
    });
  }
  void info(const std::string& text, int status = 200, const std::string& lines = "") {
    hub.misbehave([text, status, lines](const HubRequest& r, HubConnection& c) {
      return r.asks("/api/models/") && c.answer(status, lines, text);
    });
  }
  std::string info_with(const std::string& path) const {
    return fmt::format(R"({{"sha": "{}", "siblings": [{{"rfilename": "{}"}}]}})", hub.commit(), path);
  }
  void expect_refused(Errc code, const std::string& part) {
    expect_error(code, part, [&] { pull_tiny(); });
    expect_nothing_published();
    expect_pull_completes();
  }
  std::string ok(std::size_t bytes) const {
    return fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", bytes);
  }
  std::string part(std::size_t from) const {
    return fmt::format("HTTP/1.1 206 OK\r\nContent-Length: {0}\r\nContent-Range: bytes {1}-{2}/{3}\r\n\r\n",
                       weights.size() - from, from, weights.size() - 1, weights.size());
  }
  static std::size_t asked_from(const HubRequest& r) {
    return r.has("range") ? std::stoul(r.headers.at("range").substr(6)) : 0;
  }
};

// ---- connections

TEST_F(HostileHub, DroppedConnectionsGoOnWhereTheyBroke) {
  for (const bool reset : {false, true}) {
    fs::remove_all(folder / "hub");
    times = 0;
    storage([&, reset](const HubRequest& r, HubConnection& c) {
      const std::size_t from = asked_from(r);
      c.send(from == 0 ? ok(weights.size()) : part(from));
      c.send(weights.substr(from, ++times > 4 ? std::string::npos : 50'000));
      if (reset) c.reset();
    });
    const PullReport report = pull_tiny();
    expect_right_files();
    if (!reset) {
      EXPECT_EQ(report.fetched_bytes, weights.size() + 24) << "something came twice";
    }
    EXPECT_GE(times, 5);
  }
}

TEST_F(HostileHub, ConnectionsThatAlwaysDropAreGivenUp) {
  storage([&](const HubRequest&, HubConnection& c) { c.reset(); });
  expect_refused(Errc::kIo, "org/tiny/model.safetensors");
  EXPECT_EQ(hub.count("GET", "/storage/"), 7u);  // six attempts, and one of the good pull
}

TEST_F(HostileHub, APartThatCameIsKeptWhenTheHubIsGivenUp) {
  storage([&](const HubRequest& r, HubConnection& c) {
    if (asked_from(r) == 0) c.send(ok(weights.size()) + weights.substr(0, 123'456));
  });
  expect_error(Errc::kIo, "123.5 kB came and are kept", [&] { pull_tiny(); });
  expect_nothing_published();
  EXPECT_EQ(fs::file_size(blob_incomplete()), 123'456u);
  expect_pull_completes();
}

TEST_F(HostileHub, StallsAreBrokenConnections) {
  times = 0;
  storage([&](const HubRequest& r, HubConnection& c) {
    const std::size_t from = asked_from(r);
    c.send(from == 0 ? ok(weights.size()) : part(from));
    if (++times == 1) {
      c.send(weights.substr(0, 100'000));
      c.stall();
    } else {
      c.send(weights.substr(from));
    }
  });
  pull_tiny();
  expect_right_files();
  EXPECT_EQ(times, 2);
}

TEST_F(HostileHub, HeadersThatComeByteByByteAreAStall) {
  times = 0;
  hub.misbehave([&](const HubRequest& r, HubConnection& c) {
    if (!r.asks("/model.safetensors") || ++times > 1) return false;
    c.send("HTTP/1.1 200 OK\r\nX-Slow: ");
    while (c.send("x")) std::this_thread::sleep_for(std::chrono::milliseconds(100));
    return true;
  });
  pull_tiny();
  expect_right_files();
}

TEST_F(HostileHub, OverloadedHubsAreAskedAgainAndRetryAfterIsHonoured) {
  for (const int status : {429, 500, 503}) {
    fs::remove_all(folder / "hub");
    times = 0;
    hub.misbehave([&, status](const HubRequest& r, HubConnection& c) {
      return (r.asks("/api/") || r.asks("/storage/") || r.asks("/config.json")) && ++times % 3 != 0 &&
             c.answer(status, "", "busy", r.method == "HEAD");
    });
    pull_tiny();
    expect_right_files();
  }
  fs::remove_all(folder / "hub");
  times = 0;
  hub.misbehave([&](const HubRequest& r, HubConnection& c) {
    return r.asks("/api/") && ++times == 1 && c.answer(429, "Retry-After: 1\r\n", "busy");
  });
  const auto begin = std::chrono::steady_clock::now();
  pull_tiny();
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::seconds(1));
  info("busy", 503);
  expect_error(Errc::kIo, "503", [&] { pull_tiny(); });
}

// ---- sizes and contents

TEST_F(HostileHub, AWrongContentIsFetchedTwiceAndThrownAway) {
  std::string wrong = weights;
  wrong[wrong.size() / 2] = static_cast<char>(wrong[wrong.size() / 2] ^ 1);
  storage([&, wrong](const HubRequest&, HubConnection& c) { c.send(ok(wrong.size()) + wrong); });
  expect_error(Errc::kData, "SHA-256", [&] { pull_tiny(); });
  EXPECT_EQ(hub.count("GET", "/storage/"), 2u);
  EXPECT_FALSE(fs::exists(blob_incomplete()));
  expect_nothing_published();
  expect_pull_completes();
}

TEST_F(HostileHub, AContentThatIsWrongOnceIsMended) {
  times = 0;
  storage([&](const HubRequest&, HubConnection& c) {
    c.send(ok(weights.size()) + (++times == 1 ? std::string(weights.size(), 'x') : weights));
  });
  pull_tiny();
  expect_right_files();
}

TEST_F(HostileHub, SmallFilesAreVerifiedToo) {
  hub.misbehave([](const HubRequest& r, HubConnection& c) {
    return r.method == "GET" && r.asks("/config.json") && !r.asks("1_") &&
           c.answer(200, "", R"({"model_type": "evil"})");
  });
  expect_refused(Errc::kData, "git SHA-1");
}

TEST_F(HostileHub, LengthsThatLie) {
  const auto sent = [&](const std::string& head, const std::string& body) {
    fs::remove_all(folder / "hub");
    storage([head, body](const HubRequest&, HubConnection& c) { c.send(head + body); });
  };
  sent(ok(weights.size() + 1), weights + "x");
  expect_refused(Errc::kData, "found 300001 bytes, expected 300000");
  sent(ok(weights.size() - 1), weights.substr(1));
  expect_refused(Errc::kData, "found 299999 bytes");
  sent("HTTP/1.1 200 OK\r\n\r\n", weights + "more than was promised");  // until the connection ends
  expect_refused(Errc::kData, "found more than 300000 bytes");
  sent("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n", weights);
  pull_tiny();  // libcurl does not believe it either, and the content is right
  expect_right_files();
  sent("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
       fmt::format("{:x}\r\n{}\r\n0\r\n\r\n", weights.size(), weights));
  pull_tiny();
  expect_right_files();
  sent("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
       fmt::format("5\r\n{}\r\n0\r\n\r\n", weights.substr(0, 5)));
  expect_refused(Errc::kIo, "the answer ended after 5 of 300000 bytes");
  sent("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "zz\r\nnot a chunk");
  expect_refused(Errc::kIo, "model.safetensors");
}

TEST_F(HostileHub, AnEndlessAnswerEndsAtTheSize) {
  storage([&](const HubRequest&, HubConnection& c) {
    c.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    const std::string chunk = fmt::format("10000\r\n{}\r\n", std::string(0x10000, 'x'));
    while (c.send(chunk)) {
    }
  });
  expect_refused(Errc::kData, "found more than 300000 bytes");
}

TEST_F(HostileHub, AServerThatIgnoresRangeSendsEverything) {
  check::write_file(blob_incomplete(), weights.substr(0, 1000));
  storage([&](const HubRequest&, HubConnection& c) { c.send(ok(weights.size()) + weights); });
  pull_tiny();
  expect_right_files();
}

TEST_F(HostileHub, PartsThatDoNotFit) {
  for (const char* range : {"bytes 0-298999/300000", "bytes 1001-299999/300000", "bytes 1000-299999/400000",
                            "bytes 5-4/3", "bytes */300000", "", "bytes 1000-99999999999999999999/300000"}) {
    fs::remove_all(folder / "hub");
    check::write_file(blob_incomplete(), weights.substr(0, 1000));
    times = 0;
    storage([&, range](const HubRequest& r, HubConnection& c) {
      if (++times > 1) return hub.serve(r, c);
      c.send(fmt::format("HTTP/1.1 206 OK\r\nContent-Length: 299000\r\nContent-Range: {}\r\n\r\n", range) +
             weights.substr(1000));
    });
    pull_tiny();  // begins anew
    expect_right_files();
    EXPECT_EQ(times, 2) << range;
  }
  fs::remove_all(folder / "hub");
  storage([&](const HubRequest&, HubConnection& c) { c.send(part(5) + weights.substr(5)); });
  expect_refused(Errc::kData, "found the part 'bytes 5-299999/300000', expected one from byte 0");
  fs::remove_all(folder / "hub");
  check::write_file(blob_incomplete(), weights.substr(0, 1000));
  storage([&](const HubRequest& r, HubConnection& c) {
    r.has("range") ? void(c.answer(416, "", "")) : hub.serve(r, c);
  });
  pull_tiny();
  expect_right_files();
}

TEST_F(HostileHub, PartsThatAreShorterThanAskedForAddUp) {
  check::write_file(blob_incomplete(), weights.substr(0, 1000));
  storage([&](const HubRequest& r, HubConnection& c) {
    const std::size_t from = asked_from(r), bytes = std::min<std::size_t>(100'000, weights.size() - from);
    c.send(fmt::format("HTTP/1.1 206 OK\r\nContent-Length: {}\r\nContent-Range: bytes {}-{}/{}\r\n\r\n",
                       bytes, from, from + bytes - 1, weights.size()) +
           weights.substr(from, bytes));
  });
  EXPECT_EQ(pull_tiny().fetched_bytes, weights.size() - 1000 + 24);
  expect_right_files();
}

TEST_F(HostileHub, ACompressedAnswerIsRefused) {
  storage([&](const HubRequest&, HubConnection& c) {
    c.send(fmt::format("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
                       weights.size()) +
           weights);
  });
  expect_refused(Errc::kData, "coding 'gzip'");
}

TEST_F(HostileHub, ASizeThatTheDiskCannotHold) {
  head_of_weights(
      fmt::format("ETag: \"{}\"\r\nContent-Length: 9007199254740992\r\n", blob().filename().string()));
  expect_refused(Errc::kIo, "Fix: make room");
}

// ---- metadata

TEST_F(HostileHub, MetadataThatCannotBe) {
  const std::string etag = "ETag: \"" + blob().filename().string() + "\"\r\n";
  for (const auto& [lines, part_of_message] : std::initializer_list<std::pair<std::string, std::string>>{
           {"ETag: \"../../../../evil\"\r\n", "found the ETag"},
           {"ETag: \"a/b\"\r\n", "found the ETag"},
           {"ETag: \"\"\r\n", "found the ETag"},
           {"ETag: \"..\"\r\n", "found the ETag"},
           {"ETag: \"" + std::string(300, 'a') + "\"\r\n", "found the ETag"},
           {"Content-Length: 5\r\n", "sends no ETag"},
           {etag + "X-Linked-Size: -1\r\n", "found the size '-1'"},
           {etag + "X-Linked-Size: 1e9\r\n", "found the size"},
           {etag + "X-Linked-Size: 99999999999999999999\r\n", "found the size"},
           {etag + "X-Repo-Commit: " + std::string(40, 'a') + "\r\n", "found the commit"}}) {
    fs::remove_all(folder / "hub");
    head_of_weights(lines);
    expect_refused(Errc::kData, part_of_message);
  }
  EXPECT_FALSE(fs::exists(folder / "evil"));
}

TEST_F(HostileHub, AnEtagThatIsNoHashIsComparedByLength) {
  hub.misbehave([&](const HubRequest& r, HubConnection& c) {
    return r.asks("/model.safetensors") &&
           c.answer(200, "ETag: W/\"mirror-17\"\r\n", weights, r.method == "HEAD");
  });
  const PullReport report = pull_tiny();
  EXPECT_EQ(report.unverified, (std::vector<std::string>{"model.safetensors"}));
  EXPECT_EQ(fs::read_symlink(snapshot() / "model.safetensors").string(), "../../blobs/mirror-17");
}

TEST_F(HostileHub, HeadersWithoutEnd) {
  hub.misbehave([&](const HubRequest& r, HubConnection& c) {
    if (!r.asks("/model.safetensors")) return false;
    c.send("HTTP/1.1 200 OK\r\n");
    while (c.send("X-Filler: " + std::string(1000, 'x') + "\r\n")) {
    }
    return true;
  });
  expect_refused(Errc::kIo, "model.safetensors");
}

// ---- redirects

TEST_F(HostileHub, RedirectsThatAreNotFollowed) {
  for (const auto& [target, part_of_message] : std::initializer_list<std::pair<std::string, std::string>>{
           {"file:///etc/passwd", "file:///etc/passwd"},
           {"ftp://127.0.0.1/x", "ftp://"},
           {"http://user:password@127.0.0.1/x", "user name"},
           {"gopher://127.0.0.1/x", "gopher"},
           {"/storage/loop", "more than 10 redirects"}}) {
    fs::remove_all(folder / "hub");
    storage([target = target](const HubRequest&, HubConnection& c) {
      c.answer(302, "Location: " + target + "\r\n", "");
    });
    expect_refused(Errc::kData, part_of_message);
  }
}

TEST(HubClient, NoRedirectLeavesHttps) {
  EXPECT_EQ(redirect_target("https://h/a", "https://cdn/b"), "https://cdn/b");
  EXPECT_EQ(redirect_target("https://h/a", "/b"), "https://h/b");
  EXPECT_EQ(redirect_target("http://h/a", "https://cdn/b"), "https://cdn/b");
  EXPECT_EQ(redirect_target("http://h/a", "http://cdn/b"), "http://cdn/b");
  for (const char* bad : {"http://cdn/b", "HTTP://h/b"})
    expect_error(Errc::kData, "not protected", [&] { redirect_target("https://h/a", bad); });
  for (const char* bad : {"file:///etc/passwd", "ftp://h/b", "https://u@h/b", "https://u:p@h/", ""})
    expect_error(Errc::kData, "expected an http(s) address", [&] { redirect_target("https://h/a", bad); });
}

// ---- what the hub says of the repository

TEST_F(HostileHub, FileNamesThatLeaveTheFolder) {
  for (const char* path : {"../evil", "a/../../evil", "/etc/evil", "a//b", "", ".", "a/.", "C:\\\\evil",
                           "a\\\\b", "a\\u0000b", "a\\nb", "a\\u007f", "a/", "./a"}) {
    info(info_with(path));
    expect_error(Errc::kData, "found the file name", [&] { pull_tiny(); });
  }
  info(info_with(std::string(256, 'a')));
  expect_error(Errc::kData, "found the file name", [&] { pull_tiny(); });
  std::string deep = "a";
  for (int i = 0; i < 40; ++i) deep += "/a";
  info(info_with(deep));
  expect_error(Errc::kData, "found the file name", [&] { pull_tiny(); });
  info(fmt::format(
      R"({{"sha": "{}", "siblings": [{{"rfilename": "config.json"}}, {{"rfilename": "config.json/x"}}]}})",
      hub.commit()));
  expect_refused(Errc::kData, "as a file and as the folder of");
}

TEST_F(HostileHub, CommitsAndAnswersThatAreNone) {
  for (const char* sha : {"../../../evil", "main", "", "CCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCC"}) {
    info(fmt::format(R"({{"sha": "{}", "siblings": []}})", sha));
    expect_error(Errc::kData, "found the commit", [&] { pull_tiny(); });
  }
  for (const char* text : {"", "<html>", "[]", "{}", R"({"sha": 7})",
                           R"({"sha": "cccccccccccccccccccccccccccccccccccccccc"})"}) {
    info(text);
    expect_error(Errc::kFormat, hub.endpoint(), [&] { pull_tiny(); });
  }
  info("[" + std::string(100, '[') + "]");
  expect_refused(Errc::kFormat, "deep");
}

TEST_F(HostileHub, AnEndlessListOfFilesIsCutOff) {
  hub.misbehave([](const HubRequest& r, HubConnection& c) {
    if (!r.asks("/api/")) return false;
    c.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n{\"siblings\": [");
    while (c.send(std::string(1 << 16, ' '))) {
    }
    return true;
  });
  expect_refused(Errc::kLimit, "33554432 bytes");
  EXPECT_LT(hub.sent_bytes(), 64u << 20);
}

TEST_F(HostileHub, RefusalsSayWhatToDo) {
  info("", 401, "X-Error-Code: GatedRepo\r\n");
  expect_error(Errc::kIo, "accept its conditions at " + hub.endpoint() + "/org/tiny", [&] { pull_tiny(); });
  info("", 403, "X-Error-Message: no \x1b[31mway\r\n");
  expect_error(Errc::kIo, "access is denied (the server answers 403: no  [31mway)", [&] { pull_tiny(); });
  info("", 404, "X-Error-Code: RevisionNotFound\r\n");
  expect_error(Errc::kIo, "has no revision 'v9'", [&] { pull("org/tiny@v9", settings); });
  hub.misbehave({});
  expect_error(Errc::kIo, "Did you mean sentence-transformers/all-MiniLM-L6-v2",
               [&] { pull("sentence-transformer/all-MiniLM-L6-v2", settings); });
  expect_error(Errc::kIo, "set HF_TOKEN", [&] { pull("org/other", settings); });
  settings.token = "hf_x";
  expect_error(Errc::kIo, "check that the token", [&] { pull("org/other", settings); });
  settings.endpoint = "http://127.0.0.1:1";
  expect_error(Errc::kIo, "check the connection", [&] { pull_tiny(); });
  // a name that no resolver takes: tried again as others, and the reason stays the reason
  settings.endpoint = "http://" + std::string(70, 'a');
  expect_error(Errc::kIo, "resolve host", [&] { pull_tiny(); });
}

// ---- a cache that somebody prepared

TEST_F(HostileHub, LinksInTheCacheDoNotLeadOut) {
  fs::create_directories(folder / "outside");
  check::write_file(folder / "victim", "precious");
  fs::create_directories(snapshot());
  fs::create_directory_symlink(folder / "outside", snapshot() / "1_Pooling");
  expect_error(Errc::kData, "expected a folder", [&] { pull_tiny(); });
  EXPECT_TRUE(fs::is_empty(folder / "outside"));
  fs::remove(snapshot() / "1_Pooling");
  fs::create_symlink(folder / "victim", blob_incomplete());
  fs::remove(blob());
  expect_error(Errc::kIo, "open it", [&] { pull_tiny(); });
  EXPECT_EQ(read_text(folder / "victim"), "precious");
  fs::remove(blob_incomplete());
  fs::create_symlink(folder / "victim", snapshot() / "config.json");  // a link out of the cache is replaced
  expect_pull_completes();
  EXPECT_EQ(read_text(folder / "victim"), "precious");
}

}  // namespace
}  // namespace lyceum
