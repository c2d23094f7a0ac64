// Several processes of one run: `mpirun -n 4 lyceum embed ...`. Process 0 reads the input, hands it out,
// writes and speaks; the others work. The verbs that can are embed, rerank, classify and index; train, where
// all processes read and process 0 writes and speaks.
#pragma once

#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "apps/lyceum/app.h"
#include "apps/lyceum/blocks.h"
#include "base/error.h"
#include "ranks/message.h"
#include "ranks/shared_work.h"

namespace lyceum::app {

// apply() of a verb whose work can be shared: meets the other processes, which must have been given the same
// command line, and takes this one's share of the machine's threads where --threads does not say.
Ranks& apply_shared(const Common& common);
// With --pull process 0 fetches; on other machines with a cache of their own each one does, afterwards.
ModelFolder find_model(Ranks& ranks, const std::string& model, const Common& common);
// Of a model's files, for expect_same(). Reads them all where there are several processes.
std::string identity_of(const Ranks& ranks, const ModelFolder& model);

// For main(). Whether this process leaves an error of its own to process 0, so that it is said once.
bool is_left_to_first(Errc code, const char* message);
// Parts from the others, and gives the exit status of this process.
int part(int status);
void remember_command_line(int argc, char** argv);

// How much text a block has: towards the end of the input less, so that all processes end together.
std::size_t block_bytes(std::int64_t bytes_left, int processes);

// in_blocks() over all processes: work(items) gives a Result, on whichever; use(items, result) gets them in
// the order of the input, on process 0. `reader` is null on the others, which return when process 0 has ended
// the run. Results pass through pack() and unpack() of ranks/message.h.
constexpr std::size_t kItemBytes = 64;  // what an item costs beside its text

template <class Item, class Work, class Use>
void share_blocks(Ranks& ranks, const char* what, LineReader* reader, const Common& common, std::int64_t done,
                  Work work, Use use) {
  using Result = decltype(work(std::span<const Item>()));
  const auto work_packed = [&](std::string_view job) {
    const auto items = unpacked<std::vector<Item>>(job);
    return packed(work(std::span<const Item>(items)));
  };
  if (reader == nullptr) return serve(ranks, work_packed);
  if (ranks.is_alone())
    return in_blocks<Item>(what, *reader, common, done,
                           [&](std::span<const Item> items) { use(items, work(items)); });
  Progress progress(what, 0, common);
  std::deque<std::vector<Item>> given;  // blocks without a result so far
  Item item;
  share_work(
      ranks,
      [&](std::string& job) {
        const std::size_t most = block_bytes(reader->bytes_left(), ranks.size());
        std::vector<Item> items;
        for (std::size_t bytes = 0; bytes < most && reader->next(item); bytes += kItemBytes + bytes_of(item))
          items.push_back(item);
        if (items.empty()) return false;
        job = packed(items);
        given.push_back(std::move(items));
        return true;
      },
      work_packed,
      [&](const std::string& result) {
        const std::vector<Item> items = std::move(given.front());
        given.pop_front();
        use(std::span<const Item>(items), unpacked<Result>(result));
        done += static_cast<std::int64_t>(items.size());
        progress.update(done, reader->share());
      });
}

}  // namespace lyceum::app
