// How many threads each process of a run takes where several share a machine.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace lyceum {

struct RankPlace {
  std::string host;
  std::vector<std::uint64_t> processors;  // those that it may run on: a bit each
  int quota = 0;                          // processors that its control group allows; 0: no limit
};
RankPlace own_place();

// Processes that were bound to processors of their own take these; processes that share some divide them. At
// least 1.
int thread_share(std::span<const RankPlace> places, int rank);

}  // namespace lyceum
