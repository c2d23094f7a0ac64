#include "ranks/ranks.h"

#include <time.h>

#include <utility>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/module.h"
#include "ranks/message.h"
#include "ranks/thread_share.h"

namespace lyceum {
namespace {

enum Tag : int { kCollectiveTag = 1, kErrorTag, kEndTag, kByeTag, kRestTag, kFirstMessageTag };

int tag_of(Ranks::Message kind) { return kFirstMessageTag + static_cast<int>(kind); }
constexpr int kTagsEnd = kFirstMessageTag + static_cast<int>(Ranks::Message::kState) + 1;

// O: how long a process that waits sleeps: well below what a job takes, and 1 % of a processor.
void rest() {
  const timespec moment{0, 300'000};
  ::nanosleep(&moment, nullptr);
}

[[noreturn]] void fail_without_module(const Launch& launch, const std::string& why) {
  fail(
      Errc::kUnsupported,
      "found {} started by a launcher such as mpirun, expected one: the part of this program that speaks MPI "
      "is not there ({}). Fix: install the package lyceum-mpi, or build where Debian's libopenmpi-dev is "
      "installed, or start one process without the launcher.",
      launch.is_size_unknown ? "several processes" : fmt::format("{} processes", launch.size), why);
}

}  // namespace

Ranks::Ranks(std::unique_ptr<RankTransport> transport)
    : transport_(std::move(transport)),
      sent_(static_cast<std::size_t>(transport_->size())),
      received_(sent_.size()),
      collective_(sent_.size()) {}
Ranks::Ranks(Ranks&&) noexcept = default;
Ranks& Ranks::operator=(Ranks&&) noexcept = default;
Ranks::~Ranks() = default;

Ranks Ranks::connect(const Launch& launch) {
  if (launch.is_alone()) return {};
  std::string trouble;
  void* const entry = load_module(LYCEUM_MPI_MODULE, kConnectFunction, ModuleSymbols::kGlobal, trouble);
  if (entry == nullptr) fail_without_module(launch, trouble);
  const char* problem = nullptr;
  RankTransport* transport = reinterpret_cast<ConnectFunction*>(entry)(LYCEUM_VERSION, &problem);
  if (transport == nullptr) fail_without_module(launch, fmt::format("{} {}", LYCEUM_MPI_MODULE, problem));
  Ranks ranks{std::unique_ptr<RankTransport>(transport)};
  if (!launch.is_size_unknown && (ranks.size() != launch.size || ranks.rank() != launch.rank))
    fail(Errc::kUnsupported,
         "the launcher speaks of process {} of {}, MPI of {} of {}: they do not belong together. Fix: start "
         "it "
         "with the mpirun of Open MPI.",
         launch.rank, launch.size, ranks.rank(), ranks.size());
  return ranks;
}

std::string mpi_library() {
  std::string trouble;
  void* const entry = load_module(LYCEUM_MPI_MODULE, kLibraryFunction, ModuleSymbols::kGlobal, trouble);
  return entry == nullptr ? "none (" + trouble + ")" : reinterpret_cast<LibraryFunction*>(entry)();
}

int Ranks::rank() const { return transport_ ? transport_->rank() : 0; }
int Ranks::size() const { return transport_ ? transport_->size() : 1; }

void Ranks::put(int to, int tag, std::string bytes) {
  ++sent_[static_cast<std::size_t>(to)];
  transport_->send(to, tag, std::move(bytes));
}

bool Ranks::get(int tag, std::string& bytes, int& from) {
  if (!transport_->receive(tag, bytes, from)) return false;
  ++received_[static_cast<std::size_t>(from)];
  return true;
}

void Ranks::send(int to, Message kind, std::string bytes) { put(to, tag_of(kind), std::move(bytes)); }
bool Ranks::receive(Message kind, std::string& bytes, int& from) {
  return transport_ && get(tag_of(kind), bytes, from);
}

Ranks::Steady::Steady(Ranks& ranks, std::string warning)
    : ranks_(&ranks), outer_(std::exchange(ranks.steady_, this)), warning_(std::move(warning)) {}

void Ranks::Steady::waits() {
  // O: longer than a rank needs to notice that it was interrupted; Open MPI kills all of them after a second
  constexpr std::chrono::milliseconds kPatience{500};
  if (!interrupted() || warning_.empty()) return;
  const auto now = std::chrono::steady_clock::now();
  if (!since_) since_ = now;
  if (now - *since_ < kPatience) return;
  log(LogLevel::kWarning, "{}", std::exchange(warning_, {}));
}

bool Ranks::wait() {
  if (steady_ != nullptr) {
    steady_->waits();
  } else {
    check_interrupt();
  }
  std::string bytes;
  int from = 0;
  if (is_root() && get(kErrorTag, bytes, from)) {
    const auto [code, message] = unpacked<std::pair<Errc, std::string>>(bytes);
    throw Error(code, message);
  }
  if (is_ended_) return false;
  if (!is_root() && get(kEndTag, bytes, from)) {
    is_ended_ = true;
    return true;  // what was sent before the end may have come since the caller looked
  }
  transport_->is_sent();  // what was taken is forgotten
  rest();
  return true;
}

// The next collective message of that rank.
std::string Ranks::next_of(int from) {
  std::deque<std::string>& own = collective_[static_cast<std::size_t>(from)];
  std::string bytes;
  for (int other = 0; own.empty();) {
    if (get(kCollectiveTag, bytes, other)) {
      collective_[static_cast<std::size_t>(other)].push_back(std::move(bytes));
    } else if (!wait()) {
      fail(Errc::kInterrupted, "process 0 has ended the run");
    }
  }
  bytes = std::move(own.front());
  own.pop_front();
  return bytes;
}

std::vector<std::string> Ranks::gather(std::string own) {
  std::vector<std::string> all;
  if (!is_root()) {
    put(0, kCollectiveTag, std::move(own));
    return all;
  }
  all.push_back(std::move(own));
  for (int other = 1; other < size(); ++other) all.push_back(next_of(other));
  return all;
}

std::string Ranks::broadcast(std::string bytes) {
  if (!is_root()) return next_of(0);
  for (int other = 1; other < size(); ++other) put(other, kCollectiveTag, bytes);
  return bytes;
}

std::vector<std::string> Ranks::gather_everywhere(std::string own) {
  return unpacked<std::vector<std::string>>(broadcast(packed(gather(std::move(own)))));
}

void Ranks::barrier() { gather_everywhere(""); }

void Ranks::give_up(Errc code, const std::string& message) {
  if (is_root()) return;
  put(0, kErrorTag,
      packed(std::pair(
          code, fmt::format("process {} of {}, on {}: {}", rank(), size(), own_place().host, message))));
}

// Nobody leaves while a message to or from it is on its way: each rank says how many it has sent to whom, and
// rank 0 tells each how many it will have received.
void Ranks::finish() {
  if (!transport_) return;
  using Counts = std::vector<std::uint64_t>;
  std::string bytes;
  int from = 0;
  Counts expected(sent_.size(), 0);  // of each rank, before what says so
  const auto drop_until = [&](auto&& is_done) {
    while (!is_done()) {
      for (const int tag : {+kCollectiveTag, +kErrorTag})
        while (get(tag, bytes, from)) {
        }
      for (int tag = kFirstMessageTag; tag < kTagsEnd; ++tag)
        while (get(tag, bytes, from)) {
        }
      if (is_done()) break;
      check_interrupt();
      transport_->is_sent();
      rest();
    }
  };
  const auto has_all = [&] {
    for (std::size_t other = 0; other < expected.size(); ++other)
      if (received_[other] < expected[other]) return false;
    return true;
  };
  if (is_root()) {
    for (int other = 1; other < size(); ++other) put(other, kEndTag, "");
    std::vector<Counts> byes(sent_.size());
    std::size_t missing = byes.size() - 1;
    drop_until([&] {
      for (; get(kByeTag, bytes, from); --missing)
        byes[static_cast<std::size_t>(from)] = unpacked<Counts>(bytes);
      return missing == 0;
    });
    byes[0] = sent_;
    for (std::size_t other = 1; other < byes.size(); ++other) {
      Counts to(byes.size());
      for (std::size_t r = 0; r < byes.size(); ++r) to[r] = byes[r][other];
      put(static_cast<int>(other), kRestTag, packed(to));
      expected[other] = byes[other][0] + 1;  // and the bye itself
    }
  } else {
    while (wait()) {
    }
    put(0, kByeTag, packed(sent_));
    drop_until([&] {
      if (!get(kRestTag, bytes, from)) return false;
      expected = unpacked<Counts>(bytes);
      expected[0] += 1;
      return true;
    });
  }
  drop_until(has_all);
  drop_until([&] { return transport_->is_sent(); });
  transport_->finish();
  transport_.reset();
}

void expect_same(Ranks& ranks, const char* what, const std::string& own) {
  const std::vector<std::string> all = ranks.gather(own);
  for (std::size_t rank = 1; rank < all.size(); ++rank)
    if (all[rank] != own)
      fail(Errc::kData, "process {} of {} has another {} than process 0. Fix: give all processes the same.",
           rank, ranks.size(), what);
}

}  // namespace lyceum
