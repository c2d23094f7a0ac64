#include "apps/lyceum/processes.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <set>

#include "base/log.h"
#include "base/parallel.h"
#include "formats/content_digest.h"
#include "ranks/thread_share.h"

namespace lyceum::app {
namespace {

struct Run {
  Launch launch = launch_from_environment();
  Ranks ranks;
  bool is_connected = false;
  std::string command_line;
};

Run& run() {
  static Run all;
  return all;
}

using PackedPlace = std::pair<std::pair<std::string, std::vector<std::uint64_t>>, int>;

void share_threads(Ranks& ranks, const Common& common) {
  const RankPlace own = own_place();
  std::vector<RankPlace> places;
  std::set<std::string> hosts;
  for (const std::string& message :
       ranks.gather_everywhere(packed(PackedPlace{{own.host, own.processors}, own.quota}))) {
    auto [place, quota] = unpacked<PackedPlace>(message);
    hosts.insert(place.first);
    places.push_back({place.first, std::move(place.second), quota});
  }
  if (common.threads == 0) set_thread_count(thread_share(places, ranks.rank()));
  log(LogLevel::kDebug, "{} processes on {} machines, {} threads in the first", ranks.size(), hosts.size(),
      thread_count());
}

}  // namespace

void apply(const Common& common) {
  configure(common);
  if (!run().launch.is_alone())
    fail(Errc::kUsage,
         "found a launcher of several processes, which would all do the same: the verbs that share their "
         "work are embed, rerank, classify, index and train. Fix: without mpirun.");
}

Ranks& apply_shared(const Common& common) {
  configure(common);
  Run& all = run();
  if (all.launch.is_alone()) return all.ranks;
  if (all.launch.rank > 0) set_log_sink({});  // process 0 says it
  all.ranks = Ranks::connect(all.launch);
  all.is_connected = true;
  expect_same(all.ranks, "command line", std::string(LYCEUM_VERSION) + all.command_line);
  share_threads(all.ranks, common);
  return all.ranks;
}

ModelFolder find_model(Ranks& ranks, const std::string& model, const Common& common) {
  if (common.pull && !ranks.is_alone()) {
    if (ranks.is_root()) find_model(model, common);
    ranks.barrier();
  }
  return find_model(model, common);
}

std::string identity_of(const Ranks& ranks, const ModelFolder& model) {
  if (ranks.is_alone()) return {};
  ContentDigest digest;
  digest.add_tensors(Checkpoint::open(model));
  digest.add_settings(model);
  return std::to_string(digest.value());
}

std::size_t block_bytes(std::int64_t bytes_left, int processes) {
  // O: a block of 16 KiB for each thread keeps all of them busy with batches of their own
  const std::int64_t least = 2048, most = 16384 * std::min(16, thread_count());
  return static_cast<std::size_t>(bytes_left < 0 ? most
                                                 : std::clamp(bytes_left / (4 * processes), least, most));
}

bool is_left_to_first(Errc code, const char* message) {
  Run& all = run();
  if (all.launch.rank == 0) return false;
  if (all.is_connected && code != Errc::kInterrupted) all.ranks.give_up(code, message);
  return true;
}

int part(int status) {
  Run& all = run();
  if (!all.is_connected) return status;
  const bool is_root = all.ranks.is_root();
  // interrupted, or a message could not be sent: the launcher ends the others, and nobody is waited for
  const auto leave = [](int code) {
    std::fflush(stdout);
    std::_Exit(code);
  };
  constexpr int kInterrupted = 130;
  if (status == kInterrupted && !all.ranks.is_ended()) leave(kInterrupted);
  try {
    all.ranks.finish();
  } catch (const Error& error) {
    leave(kInterrupted);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "lyceum: %s\n", error.what());
    leave(1);
  }
  return is_root ? status : 0;
}

void remember_command_line(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) run().command_line += std::string("\n") + argv[i];
}

}  // namespace lyceum::app
