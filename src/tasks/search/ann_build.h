// Makes the cache of approximate search from an index, or what of it is new.
#pragma once

#include <functional>

#include "tasks/search/ann_cache.h"
#include "tasks/search/index_store.h"

namespace lyceum {

AnnSettings ann_settings(const IndexStore& store);  // those that the index was last given
AnnTruth ann_truth(const IndexStore& store);        // inside a transaction

// Errc::kFormat for a damaged cache; one that is missing or of another state is no damage.
void verify_ann_cache(const IndexStore& store);

struct AnnBuilt {
  AnnKind kind = AnnKind::kNone;
  std::int64_t passages = 0, added = 0;  // added: put in now; 0: it was up to date
  std::uint64_t bytes = 0;               // of the file
};
// Brings the cache up to date; the caller is the index's writer. Not made for an index without passages. A
// graph whose passages are still the first ones of the index is only added to, and is then the graph that
// would be made at once; lists are made anew. Memory: a graph needs all vectors and its links (for 1,000,000
// of 384 values 1.5 GB and 0.3 GB); lists need 256 vectors for each list to train on, at most 262,144 (0.4
// GB), and their codes. Throws Errc::kUnsupported where there is no engine, kInterrupted (nothing is kept),
// kFormat when the vectors are not those that the index wrote.
AnnBuilt build_ann_cache(const IndexStore& store, bool is_normalized,
                         const std::function<void(std::int64_t done, std::int64_t all)>& progress);

}  // namespace lyceum
