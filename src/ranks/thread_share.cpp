#include "ranks/thread_share.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/parallel.h"

namespace lyceum {
namespace {

int count(const std::vector<std::uint64_t>& processors) {
  int bits = 0;
  for (const std::uint64_t word : processors) bits += std::popcount(word);
  return bits;
}

}  // namespace

RankPlace own_place() {
  RankPlace place;
  char name[256] = "";
  ::gethostname(name, sizeof name - 1);
  place.host = name;
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) {
    place.processors.resize(sizeof set / 8);
    std::memcpy(place.processors.data(), &set, sizeof set);
  }
  place.quota = cgroup_processors();
  return place;
}

int thread_share(std::span<const RankPlace> places, int rank) {
  const RankPlace& own = places[static_cast<std::size_t>(rank)];
  std::vector<std::uint64_t> all;
  int sum = 0, quota = 0, neighbours = 0, before = 0;  // before: neighbours of lower ranks
  for (std::size_t r = 0; r < places.size(); ++r) {
    const RankPlace& place = places[r];
    if (place.host != own.host) continue;
    ++neighbours;
    before += static_cast<int>(r) < rank;
    sum += count(place.processors);
    if (place.quota > 0) quota = quota > 0 ? std::min(quota, place.quota) : place.quota;
    all.resize(std::max(all.size(), place.processors.size()));
    for (std::size_t w = 0; w < place.processors.size(); ++w) all[w] |= place.processors[w];
  }
  const int processors = count(all), total = quota > 0 ? std::min(quota, processors) : processors;
  if (sum == processors && total == processors) return std::max(1, count(own.processors));
  const int share = total / neighbours + (before < total % neighbours);
  return std::max(1, std::min(share, count(own.processors)));
}

}  // namespace lyceum
