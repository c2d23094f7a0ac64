// How the processes of one run reach each other. The command knows this interface; MPI stands behind it in a
// module of its own (mpi_module.cpp), which is loaded when a launcher has started several processes.
#pragma once

#include <string>

namespace lyceum {

// One thread at a time makes these calls, whichever.
class RankTransport {
 public:
  virtual ~RankTransport() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;
  // Returns at once; `bytes` are kept until the receiver has taken them. Messages of one tag arrive in the
  // order in which they were sent.
  virtual void send(int to, int tag, std::string bytes) = 0;
  // The next message of this tag, from anybody; false: none is here.
  virtual bool receive(int tag, std::string& bytes, int& from) = 0;
  // Whether all that was sent has been taken.
  virtual bool is_sent() = 0;
  // The last call: everybody makes it.
  virtual void finish() = 0;
};

// What the module exports. Null, and a sentence in `problem`, when it was built with another version.
inline constexpr const char* kConnectFunction = "lyceum_mpi_connect";
using ConnectFunction = RankTransport*(const char* version, const char** problem);
inline constexpr const char* kLibraryFunction = "lyceum_mpi_library";
using LibraryFunction = const char*();  // what stands behind it: "Open MPI v4.1.4"

}  // namespace lyceum
