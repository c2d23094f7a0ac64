// A search index over files: one SQLite file that holds the passages and their vectors.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "lyceum/embedding_model.h"

namespace lyceum {

class SearchIndex;  // of the library's inside

struct TextHit {
  double score = 0;       // cosine; for hybrid search the sum of reciprocal ranks
  std::string file;       // as it was found under the folder that was given
  std::int64_t line = 1;  // of the passage's first line
  std::string text;
};

struct TextIndexChange {
  std::int64_t added = 0, updated = 0, unchanged = 0, deleted = 0,
               skipped = 0;   // files; skipped: binary or too large
  std::int64_t embedded = 0;  // passages
};

class TextIndex {
 public:
  // What the model of this index was loaded with, for EmbeddingModel::load: an index remembers it. Throws as
  // open().
  static EmbeddingOptions embedding_options(const std::string& file);
  // Creates the file or opens one for writing. One writer at a time; readers may go on reading. Throws
  // Errc::kIo for a second writer, kData when the index was made with another model or with other options,
  // kFormat for files that are no index.
  static TextIndex open_for_writing(const std::string& file, const EmbeddingModel& model);
  // For searching only.
  static TextIndex open(const std::string& file, const EmbeddingModel& model);
  TextIndex(TextIndex&&) noexcept;
  ~TextIndex();

  // Brings the index to the state of these files and folders: only what changed is embedded, what is gone is
  // deleted.
  TextIndexChange update(std::span<const std::string> files_and_folders);
  std::int64_t remove(std::span<const std::string> files_and_folders);  // how many files

  // Approximate search for large indexes, in a file beside the index: "hnsw" (a graph), "ivfpq" (lists of
  // codes) or "none". Makes it, or brings it up to date after updates; until then searches are exact. Minutes
  // for a million passages. Throws Errc::kUnsupported in a build without Faiss.
  void build_approximate(const std::string& kind);

  // The best passages for a question, best first, by cosine; hybrid joins them with BM25 word matches by
  // reciprocal ranks. Where approximate search is up to date some of the best may be missing, unless `exact`;
  // scores are exact either way.
  std::vector<TextHit> search(const std::string& question, std::int64_t top = 10, bool hybrid = false,
                              bool exact = false) const;

 private:
  TextIndex(SearchIndex&& index, const EmbeddingModel& model);
  std::unique_ptr<SearchIndex> inside_;
  EmbeddingModel model_;
};

}  // namespace lyceum
