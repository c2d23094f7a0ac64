// What every call of the library throws when something is wrong, and how a caller tells the cases apart.
#pragma once

#include <stdexcept>
#include <string>

namespace lyceum {

enum class Errc {
  kUsage,        // the caller asked for something that makes no sense: wrong option, wrong combination
  kFormat,       // a file or a text is not what its format says
  kData,         // the file is well formed, but its content does not fit: shapes, ids, missing tensors
  kIo,           // the system refused: no such file, no space, no permission
  kLimit,        // a limit that protects the machine was reached
  kUnsupported,  // a known format or family that this build lacks
  kInterrupted,  // Ctrl-C or SIGTERM
  kInternal,     // a defect of ours
};

// One sentence for people: what was found, what was expected, where, how to fix.
class Error : public std::runtime_error {
 public:
  Error(Errc code, const std::string& message) : std::runtime_error(message), code_(code) {}
  Errc code() const noexcept { return code_; }

 private:
  Errc code_;
};

}  // namespace lyceum
