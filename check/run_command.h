// A program run as a user runs it, within limits of time and memory.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace lyceum::check {

struct RunOptions {
  std::string input;                // standard input; empty: nothing to read
  double seconds = 60;              // killed after that, under a sanitizer after six times as many
  std::uint64_t address_bytes = 0;  // RLIMIT_AS; 0: none. Not set under a sanitizer, which maps terabytes
  bool as_nobody = false;           // without the rights of root, when the test runs as root
};

struct RunResult {
  int status = -1;         // exit status; -1: a signal ended it
  int signal = 0;          // the signal that ended it
  bool timed_out = false;  // it had to be killed
  double seconds = 0;
  std::string out, err;
  std::string text() const;  // all of it, for messages of tests
};

RunResult run_command(const std::string& program, const std::vector<std::string>& arguments,
                      const RunOptions& options = {});

}  // namespace lyceum::check
