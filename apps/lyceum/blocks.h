// A verb's input, some at a time.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "apps/lyceum/app.h"
#include "base/interrupt.h"

namespace lyceum::app {

inline std::size_t bytes_of(const std::string& text) { return text.size(); }
inline std::size_t bytes_of(const TextPair& pair) { return pair.first.size() + pair.second.size(); }

// Calls work(items) for all that `reader` still gives, about 256 KiB of text at a time, and shows progress.
// `done` items were there before. Item: std::string or TextPair. Throws Errc::kInterrupted between two calls.
template <class Item, class Work>
void in_blocks(const char* what, LineReader& reader, const Common& common, std::int64_t done, Work work) {
  constexpr std::size_t kItems = 1024, kBytes = std::size_t{1} << 18;
  Progress progress(what, 0, common);
  std::vector<Item> items;
  Item item;
  for (bool more = true; more;) {
    check_interrupt();
    items.clear();
    for (std::size_t bytes = 0; items.size() < kItems && bytes < kBytes && (more = reader.next(item));
         bytes += bytes_of(item))
      items.push_back(item);
    if (items.empty()) return;
    work(std::span<const Item>(items));
    done += static_cast<std::int64_t>(items.size());
    progress.update(done, reader.share());
  }
}

}  // namespace lyceum::app
