// A search index over files: one SQLite file holds the texts, their vectors and the truth; a structure for
// approximate search may lie beside it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "tasks/embed/text_encoder.h"
#include "tasks/search/ann_build.h"
#include "tasks/search/chunker.h"

namespace lyceum {

struct IndexProgress {
  std::int64_t files = 0, all_files = 0, chunks = 0;  // chunks: embedded so far
  // Of the files, as large as they were when they were found; done: looked at and, where that was needed,
  // embedded.
  std::uint64_t bytes = 0, all_bytes = 0;
};

struct UpdateOptions {
  ChunkOptions chunks;                                     // of a new index; an old one keeps its own
  std::uint64_t max_file_bytes = std::uint64_t{16} << 20;  // larger files are left out
  std::function<void(const IndexProgress&)> progress;
  std::function<void(const std::filesystem::path&, const std::string& reason)>
      left_out;  // called for each of UpdateStats::skipped
};

struct UpdateStats {
  std::int64_t added = 0, updated = 0, unchanged = 0, deleted = 0;  // files
  std::int64_t skipped = 0;  // files that are not text or too large, files and folders that cannot be read
  std::int64_t embedded = 0,
               reused = 0;    // chunks; reused: of a changed file, with a vector that was there already
  std::int64_t repaired = 0;  // invalid UTF-8 sequences
};

struct SearchOptions {
  std::int64_t top = 10;
  bool hybrid = false;  // join with BM25 by reciprocal ranks (Cormack et al. 2009, k = 60)
  bool exact = false;   // look at every vector, whatever the index has for approximate search
  // How many passages an approximate search looks at closely: more is slower and misses less. As many as
  // there are passages is the exact search.
  std::int64_t effort = 200;
};

// How the answers were found.
struct SearchReport {
  bool approximate = false;
  std::string trouble;  // why the index's approximate search was not used, where it has one
};

struct SearchHit {
  double score = 0;  // cosine; with hybrid the sum of reciprocal ranks
  std::string file;  // relative to the working directory if it was indexed by a relative path, else absolute
  std::int64_t line = 1;
  std::string text;
};

class SearchIndex {
 public:
  // Creates the file or opens an index of ours for writing. Another writer, another model, another version or
  // another kind of file is an Error that says so. A writer that was killed leaves no lock and no half file.
  static SearchIndex open_for_writing(const std::filesystem::path& path, const TextEncoder& encoder,
                                      const ChunkOptions& chunks = {});
  static SearchIndex open(const std::filesystem::path& path);
  SearchIndex(SearchIndex&&) noexcept;
  ~SearchIndex();

  // Brings the index to the state of these files and folders. Only passages that stand nowhere in the index
  // yet are embedded; files that are gone from a folder given here are deleted (what cannot be read is kept
  // as it was). Commits batch by batch, each file whole. An interruption (Errc::kInterrupted) or a kill keeps
  // what is committed, and at most 128 passages are embedded again by the next update. Files that were named
  // relatively are found again from any working directory.
  UpdateStats update(std::span<const std::filesystem::path> roots, const TextEncoder& encoder,
                     const UpdateOptions& options = {});
  // Deletes files at or under these paths; returns how many.
  std::int64_t remove(std::span<const std::filesystem::path> paths);

  // Best first; equal scores in the order of the chunks. Exact, every vector is looked at, unless the index
  // has an approximate structure that is up to date: then some of the best may be missing, and those that are
  // there have the exact search's scores and order. Sees one committed state of the file, the newest, also
  // while another process writes. Safe from several threads.
  std::vector<SearchHit> search(const std::string& query, const TextEncoder& encoder,
                                const SearchOptions& options = {}, SearchReport* report = nullptr) const;

  // Approximate search: what the index should have beside it (kNone: nothing), and bringing that up to date
  // with the passages. An update of the index does not do so by itself. For the writer; see ann_build.h.
  AnnSettings approximate() const;
  void set_approximate(const AnnSettings& settings);
  AnnBuilt build_approximate(const TextEncoder& encoder,
                             const std::function<void(std::int64_t done, std::int64_t all)>& progress = {});

  // Reads everything: the database's own checks, the word index against the texts, every vector and their
  // sum, and the approximate structure if there is one that is up to date. Throws Errc::kFormat.
  void verify() const;

  std::int64_t files() const;
  std::int64_t chunks() const;
  std::string model() const;  // what the person called it when the index was made
  void set_model(const std::string& name);
  std::string identity() const;
  EmbedderOptions options() const;  // what its model must be loaded with

 private:
  struct Impl;
  explicit SearchIndex(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace lyceum
