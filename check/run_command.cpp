#include "check/run_command.h"

#include <fmt/core.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>

#include "base/error.h"
#include "check/sanitized.h"

namespace lyceum::check {
namespace {

// Of RunOptions::seconds: under sanitizers a case of tests/hostile took more than ten seconds beside another
// test.
constexpr double kPatience = unless_sanitized(1, 6);

// A nameless file: the child writes as much as it likes, and nobody waits for a reader.
class Scratch {
 public:
  Scratch() : file_(::tmpfile()) {
    if (file_ == nullptr) fail(Errc::kIo, "cannot make a temporary file: {}", std::strerror(errno));
  }
  ~Scratch() { ::fclose(file_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  int descriptor() const { return ::fileno(file_); }
  void write(const std::string& text) {
    ::fwrite(text.data(), 1, text.size(), file_);
    ::fflush(file_);
    ::rewind(file_);
  }
  std::string read() {
    std::string text;
    ::rewind(file_);
    char part[4096];
    for (std::size_t got; (got = ::fread(part, 1, sizeof part, file_)) > 0;) text.append(part, got);
    return text;
  }

 private:
  FILE* file_;
};

void limit(int what, std::uint64_t value) {
  const rlimit both{value, value};
  ::setrlimit(static_cast<__rlimit_resource>(what), &both);
}

}  // namespace

std::string RunResult::text() const {
  return fmt::format("status {}, signal {}{}, {:.1f} s\nstandard output: {}\nstandard error: {}", status,
                     signal, timed_out ? ", killed because it took too long" : "", seconds,
                     out.substr(0, 2000), err.substr(0, 4000));
}

RunResult run_command(const std::string& program, const std::vector<std::string>& arguments,
                      const RunOptions& options) {
  Scratch in, out, err;
  in.write(options.input);
  std::vector<std::string> words{program};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const auto begin = std::chrono::steady_clock::now();
  const pid_t child = ::fork();
  if (child < 0) fail(Errc::kIo, "cannot start {}: {}", program, std::strerror(errno));
  if (child == 0) {
    ::dup2(in.descriptor(), 0);
    ::dup2(out.descriptor(), 1);
    ::dup2(err.descriptor(), 2);
    limit(RLIMIT_CORE, 0);
    if (options.address_bytes > 0 && !kSanitized) limit(RLIMIT_AS, options.address_bytes);
    if (options.as_nobody && ::geteuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0)) ::_exit(127);
    ::execv(program.c_str(), argv.data());
    ::_exit(127);
  }
  RunResult result;
  int state = 0;
  while (::waitpid(child, &state, WNOHANG) == 0) {
    const timespec pause{0, 2'000'000};
    ::nanosleep(&pause, nullptr);
    if (!result.timed_out && std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count() >
                                 kPatience * options.seconds) {
      result.timed_out = true;
      ::kill(child, SIGKILL);
    }
  }
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  if (WIFEXITED(state)) result.status = WEXITSTATUS(state);
  if (WIFSIGNALED(state)) result.signal = WTERMSIG(state);
  result.out = out.read();
  result.err = err.read();
  return result;
}

}  // namespace lyceum::check
