// The SQLite file of an index: its tables, what it says of itself, and the only way in which passages change.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "base/file.h"
#include "base/function_ref.h"
#include "tasks/embed/embedder_options.h"
#include "tasks/embed/text_encoder.h"
#include "tasks/search/chunker.h"
#include "tasks/search/sqlite.h"
#include "tasks/search/vector_sum.h"

namespace lyceum {

class IndexStore {
 public:
  // Never makes a file, and changes nothing but the journal of a writer that was killed.
  static std::unique_ptr<IndexStore> open_for_reading(const std::filesystem::path& path);
  // Makes the file where there is none; brings one of an older version up to this one. Holds the writers'
  // lock until it goes.
  static std::unique_ptr<IndexStore> open_for_writing(const std::filesystem::path& path,
                                                      const TextEncoder& encoder, const ChunkOptions& chunks);
  ~IndexStore();
  IndexStore(const IndexStore&) = delete;
  IndexStore& operator=(const IndexStore&) = delete;

  const std::string& where() const noexcept { return where_; }
  std::int64_t width() const noexcept { return width_; }
  bool is_writer() const noexcept { return lock_.value >= 0; }

  Statement statement(const char* sql) const { return Statement(db_, where_, sql); }
  Transaction transaction(Transaction::Kind kind) const { return Transaction(db_, where_, kind); }
  void run(const char* sql) const { statement(sql).run(); }
  std::int64_t number(const char* sql) const;
  std::int64_t last_id() const noexcept { return sqlite3_last_insert_rowid(db_); }

  std::string meta(const char* key) const;
  void set_meta(const char* key, const std::string& value) const;
  std::int64_t meta_number(const char* key, std::int64_t low, std::int64_t high) const;
  // Of the vectors that are there, as the last change left it; none in a file of version 1.
  std::optional<VectorSum> vector_sum() const;
  // What the encoder was loaded with: as it said itself (nothing in a file from before it could), and the
  // number format that its identity ends in.
  EmbedderOptions options() const;

  // Errc::kData for an encoder that gives other vectors than those of the file.
  void check_encoder(const TextEncoder& encoder) const;
  // The vector of a passage, from a row of a query; Errc::kFormat unless it has `width` finite values.
  void copy_vector(const Statement& row, int column, std::int64_t id, float* to) const;
  // Every vector, checked as above, in the order of the ids. An interruption ends it.
  void each_vector(FunctionRef<void(std::int64_t id, const float* vector)> visit) const;

  // Paths. A file that was named by a relative path is stored relative to the index's folder (both can move
  // together) and shown relative to the working directory; an absolute path stays what it is.
  std::string stored(const std::filesystem::path& given) const;
  std::string absolute(const std::string& stored_path) const;
  std::string shown(const std::string& stored_path) const;

 private:
  explicit IndexStore(const std::filesystem::path& path);
  void make_tables(const TextEncoder& encoder, const ChunkOptions& chunks) const;
  void check_kind();
  void check_schema() const;
  void upgrade() const;
  std::string where_;
  std::filesystem::path folder_;  // where the index lies, absolute
  sqlite3* db_ = nullptr;
  Descriptor lock_;  // held by a writer; goes with the descriptor, also when the process is killed
  std::int64_t width_ = 0;
};

// One transaction that changes passages, and with them the word index and the sum of the vectors. (Triggers
// would need a trusted schema, and an index file is not trusted.) Without commit() nothing has happened.
class IndexChange {
 public:
  explicit IndexChange(const IndexStore& store);
  void delete_file(const std::string& stored_path);
  std::int64_t add_file(const std::string& stored_path, const std::string& hash);
  void add_chunk(std::int64_t file, std::int64_t line, const std::string& text, const std::string& hash,
                 const float* vector);
  void commit();

 private:
  const IndexStore& store_;
  Transaction transaction_;
  VectorSum sum_;
  Statement insert_, words_;
};

}  // namespace lyceum
