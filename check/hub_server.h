// A hub on 127.0.0.1 for tests: repositories in memory, served as huggingface.co serves them, and connections
// in a test's own hands where it is to misbehave.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace lyceum::check {

struct HubRequest {
  std::string method, target;                  // GET, /org/name/resolve/...
  std::map<std::string, std::string> headers;  // names in lower case
  bool has(const std::string& name) const { return headers.count(name) > 0; }
  bool asks(const std::string& part) const { return target.find(part) != std::string::npos; }
};

// One connection; it serves one request.
class HubConnection {
 public:
  HubConnection(int socket, const std::atomic<bool>& stop, std::atomic<std::uint64_t>& sent,
                std::uint64_t bytes_per_second)
      : socket_(socket), stop_(stop), sent_(sent), bytes_per_second_(bytes_per_second) {}
  // Bytes as they are. False when the client is gone.
  bool send(std::string_view bytes);
  // Status line, headers, Content-Length and the body. `lines`: more headers, each with \r\n.
  bool answer(int status, const std::string& lines, std::string_view body, bool head_only = false);
  // Says nothing until the client goes, or the server stops.
  void stall();
  // The client sees a reset connection instead of an end.
  void reset();

 private:
  int socket_;
  const std::atomic<bool>& stop_;
  std::atomic<std::uint64_t>& sent_;
  std::uint64_t bytes_per_second_;
};

class HubServer {
 public:
  // A port of the system's choice where `port` is 0. `bytes_per_second` 0: as fast as it goes.
  explicit HubServer(int port = 0, std::uint64_t bytes_per_second = 0);
  ~HubServer();
  HubServer(const HubServer&) = delete;
  HubServer& operator=(const HubServer&) = delete;

  std::string endpoint() const;
  // Adds a file to ORG/NAME at its only commit. As large file storage: by a redirect to `storage` (default:
  // this server) and named by its SHA-256, else by git's SHA-1.
  void add(const std::string& repository, const std::string& path, std::string bytes, bool is_large = false);
  void set_commit(const std::string& commit);
  void set_storage(const std::string& endpoint);
  static std::string etag_of(std::string_view bytes, bool is_large);
  const std::string& commit() const { return commit_; }

  // Asked first for every request, in a thread of the server: true when it has answered. Empty: the server
  // behaves. Connections that are open are cut off, so that nothing of the former behaviour is in use
  // afterwards.
  using Behaviour = std::function<bool(const HubRequest&, HubConnection&)>;
  void misbehave(Behaviour behaviour);

  std::vector<HubRequest> requests() const;
  // Requests whose target contains the part.
  std::size_t count(const std::string& method, const std::string& part) const;
  std::uint64_t sent_bytes() const { return sent_; }
  // The good answer to a request.
  void serve(const HubRequest& request, HubConnection& connection) const;

 private:
  struct File {
    std::string bytes, etag;
    bool is_large;
  };
  void accept_all();
  void serve_one(int socket);
  std::string info_of(const std::string& repository) const;
  std::string tree_of(const std::string& repository) const;
  void serve_content(const HubRequest& request, HubConnection& connection, const File& file,
                     const std::string& lines) const;

  int socket_ = -1, port_ = 0;
  std::uint64_t bytes_per_second_;
  std::string commit_ = std::string(40, 'c'), storage_;
  std::map<std::string, std::map<std::string, File>> repositories_;
  std::atomic<bool> stop_{false};
  std::atomic<std::uint64_t> sent_{0};
  mutable std::mutex mutex_;
  Behaviour behaviour_;
  std::vector<HubRequest> requests_;
  std::vector<std::thread> connections_;
  std::vector<int> open_;
  std::condition_variable closed_;
  std::thread acceptor_;
};

}  // namespace lyceum::check
