// The file of an approximate structure, beside the index it was made from: NAME.hnsw or NAME.ivfpq. It can be
// thrown away at any time, and is believed only as far as it was checked.
//
//   "LYCEANN\n", SHA-256 of all that follows, then (little-endian): u32 version, u32 kind, the truth (SHA-256
//   of the model's identity, the sum of the vectors, i64 passages, i64 width), i64[4] of AnnSettings, i64 ids
//   [passages] ascending, i32 FirstRows [passages], and the arrays of HnswGraph or IvfPq in the order of
//   ann_structures.h.
//
// The digest tells damage, not malice: who can write the file can write a digest. Therefore every number that
// anybody would follow is checked after it: sizes against the file's before anything is allocated, rows
// against the passages, links against the levels, values for being parts of unit vectors. What a well-made
// lie can do is to hide passages from an approximate search; scores, texts and places come from the index.
#pragma once

#include <filesystem>

#include "tasks/search/ann_structures.h"
#include "tasks/search/vector_sum.h"

namespace lyceum {

// What a structure was made from.
struct AnnTruth {
  std::string identity;  // of the model
  std::int64_t passages = 0, width = 0;
  VectorSum sum;
  bool operator==(const AnnTruth&) const = default;
};

struct AnnCache {
  AnnSettings settings;
  std::vector<std::int64_t> ids;  // of the rows, ascending
  FirstRows firsts;
  AnnStructure structure;
};

std::filesystem::path ann_cache_path(const std::filesystem::path& index, AnnKind kind);
// Whether `path` is a cache of this index, or one that somebody was writing when he was killed.
bool is_ann_cache_of(const std::string& index, const std::string& path);
// Removes all of these.
void remove_ann_caches(const std::filesystem::path& index, AnnKind except = AnnKind::kNone);

// The file appears whole or not at all.
void write_ann_cache(const std::filesystem::path& path, const AnnCache& cache, const AnnTruth& truth);

enum class AnnMatch {
  kSame,    // the cache is of this truth
  kPrefix,  // its rows are the first of it, as far as model and number tell; AnnCacheFile::sum says the rest
};
struct AnnCacheFile {
  AnnCache cache;
  VectorSum sum;  // of what it was made from
};
// Throws Errc::kIo where there is none, kFormat for a damaged file and kData for one that was made from
// something else or in another way.
AnnCacheFile read_ann_cache(const std::filesystem::path& path, const AnnSettings& settings,
                            const AnnTruth& truth, AnnMatch match = AnnMatch::kSame);

}  // namespace lyceum
