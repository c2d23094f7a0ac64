#include "check/hub_server.h"

#include <arpa/inet.h>
#include <fmt/core.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "base/digest.h"
#include "base/error.h"

namespace lyceum::check {
namespace {

using nlohmann::json;

std::string decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      out += static_cast<char>(std::stoi(std::string(text.substr(i + 1, 2)), nullptr, 16));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

// The headers of a request, up to the empty line.
std::string read_head(int socket) {
  std::string text;
  char part[4096];
  while (text.find("\r\n\r\n") == std::string::npos && text.size() < (1 << 16)) {
    const ssize_t got = ::recv(socket, part, sizeof part, 0);
    if (got <= 0) return "";
    text.append(part, static_cast<std::size_t>(got));
  }
  return text;
}

HubRequest parse_request(const std::string& text) {
  HubRequest request;
  const auto space = text.find(' '), end = text.find(' ', space + 1);
  request.method = text.substr(0, space);
  request.target = text.substr(space + 1, end - space - 1);
  for (std::size_t at = text.find("\r\n") + 2; at < text.size();) {
    const auto line_end = text.find("\r\n", at), colon = text.find(':', at);
    if (line_end == at || line_end == std::string::npos || colon > line_end) break;
    std::string name = text.substr(at, colon - at);
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    request.headers[name] = text.substr(colon + 2, line_end - colon - 2);
    at = line_end + 2;
  }
  return request;
}

}  // namespace

bool HubConnection::send(std::string_view bytes) {
  while (!bytes.empty()) {
    if (stop_) return false;
    const std::size_t most = bytes_per_second_ > 0 ? 16 << 10 : bytes.size();
    const ssize_t put = ::send(socket_, bytes.data(), std::min(most, bytes.size()), MSG_NOSIGNAL);
    if (put <= 0) return false;
    sent_ += static_cast<std::uint64_t>(put);
    bytes.remove_prefix(static_cast<std::size_t>(put));
    if (bytes_per_second_ > 0)
      std::this_thread::sleep_for(
          std::chrono::duration<double>(static_cast<double>(put) / static_cast<double>(bytes_per_second_)));
  }
  return true;
}

bool HubConnection::answer(int status, const std::string& lines, std::string_view body, bool head_only) {
  const std::string head = fmt::format(
      "HTTP/1.1 {} Answer\r\nConnection: close\r\n{}Content-Length: {}\r\n\r\n", status, lines, body.size());
  return send(head) && (head_only || send(body));
}

void HubConnection::stall() {
  pollfd wait{socket_, POLLIN, 0};
  char part[64];
  while (!stop_)
    if (::poll(&wait, 1, 20) > 0 && ::recv(socket_, part, sizeof part, 0) <= 0) return;
}

void HubConnection::reset() {
  const linger at_once{1, 0};
  ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

HubServer::HubServer(int port, std::uint64_t bytes_per_second) : bytes_per_second_(bytes_per_second) {
  socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int yes = 1;
  ::setsockopt(socket_, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(socket_, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(socket_, 64) != 0 ||
      ::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    fail(Errc::kIo, "cannot listen on 127.0.0.1:{}", port);
  port_ = ntohs(address.sin_port);
  storage_ = endpoint();
  acceptor_ = std::thread([this] { accept_all(); });
}

HubServer::~HubServer() {
  stop_ = true;
  ::shutdown(socket_, SHUT_RDWR);
  acceptor_.join();
  {
    const std::lock_guard lock(mutex_);
    for (const int socket : open_) ::shutdown(socket, SHUT_RDWR);
  }
  for (std::thread& connection : connections_) connection.join();
  ::close(socket_);
}

std::string HubServer::endpoint() const { return fmt::format("http://127.0.0.1:{}", port_); }

void HubServer::add(const std::string& repository, const std::string& path, std::string bytes,
                    bool is_large) {
  std::string etag = etag_of(bytes, is_large);
  const std::lock_guard lock(mutex_);
  repositories_[repository][path] = {std::move(bytes), std::move(etag), is_large};
}

void HubServer::set_commit(const std::string& commit) {
  const std::lock_guard lock(mutex_);
  commit_ = commit;
}

void HubServer::set_storage(const std::string& endpoint) {
  const std::lock_guard lock(mutex_);
  storage_ = endpoint;
}

std::string HubServer::etag_of(std::string_view bytes, bool is_large) {
  Digest digest = is_large ? Digest(Digest::Kind::kSha256) : git_blob_digest(bytes.size());
  digest.update(bytes.data(), bytes.size());
  return digest.hex();
}

void HubServer::misbehave(Behaviour behaviour) {
  std::unique_lock lock(mutex_);
  for (const int socket : open_) ::shutdown(socket, SHUT_RDWR);
  closed_.wait(lock, [this] { return open_.empty(); });
  behaviour_ = std::move(behaviour);
}

std::vector<HubRequest> HubServer::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

std::size_t HubServer::count(const std::string& method, const std::string& part) const {
  const auto all = requests();
  return static_cast<std::size_t>(std::count_if(
      all.begin(), all.end(), [&](const HubRequest& r) { return r.method == method && r.asks(part); }));
}

void HubServer::accept_all() {
  while (!stop_) {
    const int socket = ::accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC);
    if (socket < 0) continue;
    const std::lock_guard lock(mutex_);
    open_.push_back(socket);
    connections_.emplace_back([this, socket] { serve_one(socket); });
  }
}

void HubServer::serve_one(int socket) {
  const std::string head = read_head(socket);
  if (!head.empty()) {
    const HubRequest request = parse_request(head);
    Behaviour behaviour;
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(request);
      behaviour = behaviour_;
    }
    HubConnection connection(socket, stop_, sent_, bytes_per_second_);
    if (!behaviour || !behaviour(request, connection)) serve(request, connection);
  }
  const std::lock_guard lock(mutex_);
  open_.erase(std::find(open_.begin(), open_.end(), socket));
  ::close(socket);
  closed_.notify_all();
}

std::string HubServer::info_of(const std::string& repository) const {
  json siblings = json::array();
  for (const auto& [path, file] : repositories_.at(repository)) siblings.push_back({{"rfilename", path}});
  return json{{"id", repository}, {"sha", commit_}, {"siblings", siblings}}.dump();
}

std::string HubServer::tree_of(const std::string& repository) const {
  json tree = json::array();
  for (const auto& [path, file] : repositories_.at(repository)) {
    json entry{
        {"type", "file"}, {"path", path}, {"size", file.bytes.size()}, {"oid", etag_of(file.bytes, false)}};
    if (file.is_large) entry["lfs"] = {{"oid", file.etag}, {"size", file.bytes.size()}, {"pointerSize", 134}};
    tree.push_back(entry);
  }
  return tree.dump();
}

void HubServer::serve_content(const HubRequest& request, HubConnection& connection, const File& file,
                              const std::string& lines) const {
  std::string_view bytes = file.bytes;
  const auto range = request.headers.find("range");
  const bool head_only = request.method == "HEAD";
  if (range == request.headers.end()) {
    connection.answer(200, lines, bytes, head_only);
    return;
  }
  const std::size_t from = std::stoull(range->second.substr(6));
  if (from >= bytes.size()) {
    connection.answer(416, "", "");
    return;
  }
  connection.answer(
      206, lines + fmt::format("Content-Range: bytes {}-{}/{}\r\n", from, bytes.size() - 1, bytes.size()),
      bytes.substr(from), head_only);
}

void HubServer::serve(const HubRequest& request, HubConnection& connection) const {
  const bool head_only = request.method == "HEAD";
  std::unique_lock lock(mutex_);
  const std::string storage = storage_, commit = commit_;
  const std::string target = decoded(request.target.substr(0, request.target.find('?')));
  for (const auto& [name, files] : repositories_) {
    if (target.starts_with("/api/models/" + name + "/")) {
      const bool is_tree = target.find("/tree/") != std::string::npos;
      const std::string body = is_tree ? tree_of(name) : info_of(name);
      lock.unlock();
      connection.answer(200, "Content-Type: application/json\r\n", body, head_only);
      return;
    }
    for (const auto& [path, file] : files) {
      const File& content = file;  // files are added before requests come and stay
      const std::string etag = fmt::format("\"{}\"", content.etag);
      if (target == "/storage/" + content.etag) {
        lock.unlock();
        return serve_content(request, connection, content, "");
      }
      if (!target.starts_with("/" + name + "/resolve/") || !target.ends_with("/" + path) ||
          std::count(target.begin(), target.end(), '/') != 5 + std::count(path.begin(), path.end(), '/'))
        continue;
      lock.unlock();
      const std::string lines = fmt::format("X-Repo-Commit: {}\r\n", commit);
      if (!content.is_large)
        return serve_content(request, connection, content, lines + fmt::format("ETag: {}\r\n", etag));
      connection.answer(
          302,
          lines + fmt::format("X-Linked-Etag: {}\r\nX-Linked-Size: {}\r\nETag: \"0\"\r\nLocation: "
                              "{}/storage/{}\r\n",
                              etag, content.bytes.size(), storage, content.etag),
          "Found", head_only);
      return;
    }
  }
  lock.unlock();
  connection.answer(404, "X-Error-Code: RepoNotFound\r\nX-Error-Message: Repository not found\r\n", "{}",
                    head_only);
}

}  // namespace lyceum::check
