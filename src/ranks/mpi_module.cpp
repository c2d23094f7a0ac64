// RankTransport over MPI: the one file that knows MPI, built as liblyceum_mpi.so.
// MPI's C functions alone: its old C++ classes are a library more
#define OMPI_SKIP_MPICXX 1
#define MPICH_SKIP_MPICXX 1
#include <mpi.h>

#include <climits>
#include <cstring>
#include <list>
#include <map>
#include <stdexcept>
#include <utility>

#include "ranks/transport.h"

namespace lyceum {
namespace {

void check(int code) {
  if (code == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING] = "";
  int length = 0;
  MPI_Error_string(code, text, &length);
  throw std::runtime_error(std::string("MPI: ") + text);
}

class MpiTransport final : public RankTransport {
 public:
  MpiTransport() {
    int provided = 0;
    check(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &provided));
    if (provided < MPI_THREAD_SERIALIZED)
      throw std::runtime_error("MPI: found a library without threads, expected MPI_THREAD_SERIALIZED");
    check(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN));
    check(MPI_Comm_rank(MPI_COMM_WORLD, &rank_));
    check(MPI_Comm_size(MPI_COMM_WORLD, &size_));
  }
  int rank() const override { return rank_; }
  int size() const override { return size_; }

  void send(int to, int tag, std::string bytes) override {
    if (bytes.size() > INT_MAX)
      throw std::runtime_error("MPI: found a message of " + std::to_string(bytes.size()) +
                               " bytes, expected at most 2 GB");
    pending_.push_back({std::move(bytes), MPI_REQUEST_NULL});
    auto& [data, request] = pending_.back();
    // synchronous: it is done when the receiver has begun to take it, whatever MPI could keep on the way
    check(
        MPI_Issend(data.data(), static_cast<int>(data.size()), MPI_BYTE, to, tag, MPI_COMM_WORLD, &request));
  }

  // Nothing here waits: a sender that dies in the middle would keep a receive that does for ever.
  bool receive(int tag, std::string& bytes, int& from) override {
    auto it = arriving_.find(tag);
    if (it == arriving_.end()) {
      int there = 0, size = 0;
      MPI_Message message = MPI_MESSAGE_NULL;
      MPI_Status status{};
      check(MPI_Improbe(MPI_ANY_SOURCE, tag, MPI_COMM_WORLD, &there, &message, &status));
      if (there == 0) return false;
      check(MPI_Get_count(&status, MPI_BYTE, &size));
      it = arriving_.try_emplace(tag).first;
      it->second.from = status.MPI_SOURCE;
      it->second.bytes.resize(static_cast<std::size_t>(size));
      check(MPI_Imrecv(it->second.bytes.data(), size, MPI_BYTE, &message, &it->second.request));
    }
    int done = 0;
    check(MPI_Test(&it->second.request, &done, MPI_STATUS_IGNORE));
    if (done == 0) return false;
    bytes = std::move(it->second.bytes);
    from = it->second.from;
    arriving_.erase(it);
    return true;
  }

  bool is_sent() override {
    for (auto it = pending_.begin(); it != pending_.end();) {
      int done = 0;
      check(MPI_Test(&it->second, &done, MPI_STATUS_IGNORE));
      it = done != 0 ? pending_.erase(it) : std::next(it);
    }
    return pending_.empty();
  }

  void finish() override { check(MPI_Finalize()); }

 private:
  struct Arriving {
    std::string bytes;
    int from = 0;
    MPI_Request request = MPI_REQUEST_NULL;
  };
  int rank_ = 0, size_ = 1;
  std::map<int, Arriving> arriving_;  // one a tag, so that messages keep their order
  std::list<std::pair<std::string, MPI_Request>> pending_;
};

}  // namespace
}  // namespace lyceum

extern "C" __attribute__((visibility("default"))) lyceum::RankTransport* lyceum_mpi_connect(
    const char* version, const char** problem) {
  if (std::strcmp(version, LYCEUM_VERSION) != 0) {
    *problem = "was built with Lyceum " LYCEUM_VERSION;
    return nullptr;
  }
  return new lyceum::MpiTransport;
}

extern "C" __attribute__((visibility("default"))) const char* lyceum_mpi_library() {
  static char text[MPI_MAX_LIBRARY_VERSION_STRING] = "";
  int length = 0;
  MPI_Get_library_version(text, &length);
  if (char* const more = std::strchr(text, ',')) *more = '\0';  // who packaged it, and when
  return text;
}
