#include "tasks/search/search_index.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>
#include <map>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "base/error.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "base/parallel.h"
#include "base/utf8.h"
#include "kernels/dot.h"
#include "tasks/search/file_walk.h"

namespace lyceum {
namespace fs = std::filesystem;
namespace {

constexpr int kApplicationId = 0x4C594345;  // "LYCE"
constexpr int kVersion = 1;

struct SchemaObject {
  const char* name;
  const char* sql;
};
constexpr SchemaObject kSchema[] = {
    {"meta", "CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL)"},
    {"files", "CREATE TABLE files(id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, hash TEXT NOT NULL)"},
    {"chunks",
     "CREATE TABLE chunks(id INTEGER PRIMARY KEY, file INTEGER NOT NULL REFERENCES files(id) ON DELETE CASCADE, line INTEGER NOT NULL,\n"
     "  text TEXT NOT NULL, hash TEXT NOT NULL, vector BLOB NOT NULL)"},
    {"chunks_of_file", "CREATE INDEX chunks_of_file ON chunks(file)"},
    {"chunks_by_hash", "CREATE INDEX chunks_by_hash ON chunks(hash)"},
    // vectors of a file that is not whole yet
    {"ready", "CREATE TABLE ready(hash TEXT NOT NULL, text TEXT NOT NULL, vector BLOB NOT NULL)"},
    {"ready_by_hash", "CREATE INDEX ready_by_hash ON ready(hash)"},
    {"words", "CREATE VIRTUAL TABLE words USING fts5(text, content='chunks', content_rowid='id')"}};

// 128 bits of a text, as hexadecimal digits: tells whether it changed.
std::string content_hash(std::string_view text) {
  std::uint64_t a = 0xCBF29CE484222325u, b = 0x9E3779B97F4A7C15u;
  for (const char c : text) {
    a = (a ^ static_cast<unsigned char>(c)) * 0x100000001B3u;
    b = (b + static_cast<unsigned char>(c) + 1) * 0xD6E8FEB86659FD93u;
    b ^= b >> 32;
  }
  return fmt::format("{:016x}{:016x}", a, b);
}

class Statement {
 public:
  Statement(sqlite3* db, const std::string& where, const char* sql) : db_(db), where_(&where) {
    if (sqlite3_prepare_v2(db, sql, -1, &statement_, nullptr) != SQLITE_OK) wrong();
  }
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;
  Statement& bind(int i, std::string_view text) {
    if (sqlite3_bind_text64(statement_, i, text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8) != SQLITE_OK) wrong();
    return *this;
  }
  Statement& bind(int i, std::int64_t value) {
    if (sqlite3_bind_int64(statement_, i, value) != SQLITE_OK) wrong();
    return *this;
  }
  Statement& bind_blob(int i, const void* data, std::size_t bytes) {
    if (sqlite3_bind_blob64(statement_, i, data, bytes, SQLITE_TRANSIENT) != SQLITE_OK) wrong();
    return *this;
  }
  bool step() {
    const int code = sqlite3_step(statement_);
    if (code != SQLITE_ROW && code != SQLITE_DONE) wrong();
    return code == SQLITE_ROW;
  }
  void run() {
    while (step()) {
    }
    sqlite3_reset(statement_);
  }
  void reset() { sqlite3_reset(statement_); }
  std::int64_t integer(int column) const { return sqlite3_column_int64(statement_, column); }
  double number(int column) const { return sqlite3_column_double(statement_, column); }
  std::string text(int column) const {
    const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
    return data == nullptr ? std::string() : std::string(data, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column)));
  }
  std::span<const std::byte> blob(int column) const {
    const void* data = sqlite3_column_blob(statement_, column);
    return {static_cast<const std::byte*>(data), data == nullptr ? 0 : static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
  }

 private:
  [[noreturn]] void wrong() const {
    const int code = sqlite3_errcode(db_);
    const Errc kind = code == SQLITE_CORRUPT || code == SQLITE_NOTADB || code == SQLITE_ERROR ? Errc::kFormat : Errc::kIo;
    fail(kind, "{}: {}", *where_, code == SQLITE_NOTADB ? "this is not a search index" : sqlite3_errmsg(db_));
  }
  sqlite3* db_;
  const std::string* where_;
  sqlite3_stmt* statement_ = nullptr;
};

}  // namespace

struct SearchIndex::Impl {
  std::string where;
  fs::path folder;  // where the index lies, absolute
  sqlite3* db = nullptr;
  int lock = -1;  // held by a writer
  std::int64_t width = 0;
  // All vectors, as of one state of the file: read on the first search and again when somebody wrote to it.
  mutable std::mutex searching;
  mutable std::int64_t loaded_version = -1;  // -1: nothing is loaded
  mutable Tensor vectors;                    // [chunks, width]
  mutable std::vector<std::int64_t> ids;

  // Paths. A file that was named by a relative path is stored relative to the index's folder (both can move together) and
  // shown relative to the working directory; an absolute path stays what it is.
  std::string stored(const fs::path& given) const {
    if (given.is_absolute()) return given.lexically_normal().generic_string();
    return fs::absolute(given).lexically_normal().lexically_relative(folder).generic_string();
  }
  std::string absolute(const std::string& stored_path) const {
    const fs::path path(stored_path);
    return (path.is_absolute() ? path : (folder / path).lexically_normal()).generic_string();
  }
  std::string shown(const std::string& stored_path) const {
    if (fs::path(stored_path).is_absolute()) return stored_path;
    std::error_code error;
    const fs::path here = fs::current_path(error);
    return error ? absolute(stored_path) : fs::path(absolute(stored_path)).lexically_relative(here).generic_string();
  }

  ~Impl() {
    sqlite3_close_v2(db);
    if (lock >= 0) ::close(lock);  // the lock goes with the descriptor, also when the process is killed
  }
  void run(const char* sql) const { Statement(db, where, sql).run(); }
  std::int64_t number(const char* sql) const {
    Statement s(db, where, sql);
    return s.step() ? s.integer(0) : 0;
  }
  std::string meta(const char* key) const {
    Statement s(db, where, "SELECT value FROM meta WHERE key = ?");
    s.bind(1, std::string_view(key));
    return s.step() ? s.text(0) : std::string();
  }
  void set_meta(const char* key, const std::string& value) const {
    Statement(db, where, "INSERT INTO meta(key, value) VALUES (?, ?) ON CONFLICT(key) DO UPDATE SET value = excluded.value")
        .bind(1, std::string_view(key)).bind(2, std::string_view(value)).run();
  }

  // The word index is kept up by hand: triggers on virtual tables would need a trusted schema, and an index file is not trusted.
  void delete_file(const std::string& path) const {
    Statement(db, where,
              "INSERT INTO words(words, rowid, text) SELECT 'delete', chunks.id, chunks.text FROM chunks JOIN files ON files.id = chunks.file WHERE path = ?")
        .bind(1, std::string_view(path)).run();
    Statement(db, where, "DELETE FROM files WHERE path = ?").bind(1, std::string_view(path)).run();  // its chunks go with it
  }

  // A file from elsewhere could hold views that never end and triggers under our names: only what we made is read.
  void check_schema() const {
    std::size_t ours = 0;
    Statement s(db, where, "SELECT type, name, sql FROM sqlite_schema");
    while (s.step()) {
      const std::string type = s.text(0), name = s.text(1), sql = s.text(2);
      const auto known = std::find_if(std::begin(kSchema), std::end(kSchema), [&](const SchemaObject& o) { return name == o.name; });
      const bool of_words = type == "table" && name.starts_with("words_") && sql.starts_with("CREATE TABLE");  // FTS5's own
      const bool automatic = type == "index" && sql.empty();
      const bool as_made = known != std::end(kSchema) && sql == known->sql;
      if (!as_made && !of_words && !automatic) fail(Errc::kFormat, "{}: found the {} '{}', which is not of a search index", where, type, name);
      ours += as_made;
    }
    if (ours != std::size(kSchema)) fail(Errc::kFormat, "{}: some tables of a search index are missing", where);
  }

  std::int64_t meta_number(const char* key, std::int64_t low, std::int64_t high) const {
    const std::string text = meta(key);
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || value < low || value > high)
      fail(Errc::kFormat, "{}: '{}': found '{}', expected a number from {} to {}", where, key, text, low, high);
    return value;
  }

  void check_kind() {
    const std::int64_t id = number("PRAGMA application_id"), version = number("PRAGMA user_version");
    if (number("SELECT count(*) FROM sqlite_schema") == 0)
      fail(Errc::kFormat, "{}: nothing is in it yet: it is being made, or was stopped before it began. Fix: run `lyceum index` to the end.", where);
    if (id != kApplicationId) fail(Errc::kFormat, "{}: this is an SQLite file, but not a search index", where);
    if (version != kVersion)
      fail(Errc::kFormat, "{}: found version {} of the index, expected {}. Fix: make it anew with `lyceum index`.", where, version, kVersion);
    check_schema();
    width = meta_number("width", 1, 1 << 20);
  }

  void check_encoder(const TextEncoder& encoder) const {
    if (meta("identity") != encoder.identity())
      fail(Errc::kData, "{}: was made with the model '{}' ({}), found {}. Fix: use that model, or make the index anew.", where, meta("model"),
           meta("identity"), encoder.identity());
    if (width != encoder.width()) fail(Errc::kData, "{}: holds vectors of {} values, the model gives {}", where, width, encoder.width());
  }

  // Inside a transaction, so that what is read belongs to one state.
  void load_vectors() const {
    // the first query of a transaction takes the lock; the version is that of what the lock protects
    const std::int64_t count = number("SELECT count(*) FROM chunks");
    const std::int64_t version = number("PRAGMA data_version");
    if (version == loaded_version) return;
    loaded_version = -1;
    vectors = Tensor::empty({count, width});
    ids.clear();
    Statement s(db, where, "SELECT id, vector FROM chunks ORDER BY id");
    while (s.step()) {
      const auto blob = s.blob(1);
      if (blob.size() != static_cast<std::size_t>(width) * sizeof(float) || static_cast<std::int64_t>(ids.size()) >= count)
        fail(Errc::kFormat, "{}: the vector of passage {} has {} bytes, expected {}", where, s.integer(0), blob.size(), static_cast<std::size_t>(width) * sizeof(float));
      std::memcpy(vectors.mutable_row<float>(static_cast<std::int64_t>(ids.size())), blob.data(), blob.size());
      const float* row = vectors.row<float>(static_cast<std::int64_t>(ids.size()));
      if (!std::all_of(row, row + width, [](float v) { return std::isfinite(v); }))
        fail(Errc::kFormat, "{}: the vector of passage {} holds values that are not finite", where, s.integer(0));
      ids.push_back(s.integer(0));
    }
    loaded_version = version;
  }
};

namespace {

// Taken back unless it is committed.
class Transaction {
 public:
  Transaction(sqlite3* db, const std::string& where, const char* begin) : db_(db), where_(&where) { Statement(db, where, begin).run(); }
  ~Transaction() {
    if (!done_) sqlite3_exec(db_, "ROLLBACK", nullptr, nullptr, nullptr);
  }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit() {
    Statement(db_, *where_, "COMMIT").run();
    done_ = true;
  }

 private:
  sqlite3* db_;
  const std::string* where_;
  bool done_ = false;
};

constexpr const char *kRead = "BEGIN", *kWrite = "BEGIN IMMEDIATE";

}  // namespace

SearchIndex::SearchIndex(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SearchIndex::SearchIndex(SearchIndex&&) noexcept = default;
SearchIndex::~SearchIndex() = default;

namespace {

fs::path folder_of(const fs::path& index) { return fs::weakly_canonical(fs::absolute(index)).parent_path(); }

sqlite3* open_database(const fs::path& path, int flags) {
  sqlite3* db = nullptr;
  if (sqlite3_open_v2(path.c_str(), &db, flags, nullptr) != SQLITE_OK) {
    const std::string reason = db == nullptr ? "no memory" : sqlite3_errmsg(db);
    sqlite3_close_v2(db);
    fail(Errc::kIo, "{}: {}", path.string(), reason);
  }
  sqlite3_busy_timeout(db, 10'000);
  sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  return db;
}

}  // namespace

SearchIndex SearchIndex::open(const fs::path& path) {
  std::error_code error;
  if (!fs::is_regular_file(path, error)) fail(Errc::kIo, "{}: found no search index there. Fix: make one with `lyceum index`.", path.string());
  auto impl = std::make_unique<Impl>();
  impl->where = path.string();
  impl->folder = folder_of(path);
  // Not SQLITE_OPEN_READONLY: the journal of a writer that was killed must be rolled back before anything can be read.
  impl->db = open_database(path, SQLITE_OPEN_READWRITE);
  impl->run("PRAGMA query_only = ON");
  impl->check_kind();
  return SearchIndex(std::move(impl));
}

SearchIndex SearchIndex::open_for_writing(const fs::path& path, const TextEncoder& encoder, const ChunkOptions& chunks) {
  std::error_code error;
  if (fs::exists(path, error) && !fs::is_regular_file(path, error)) fail(Errc::kIo, "{}: found no regular file there, expected a search index", path.string());
  auto impl = std::make_unique<Impl>();
  impl->where = path.string();
  impl->folder = folder_of(path);
  fs::path lock = path;
  lock += ".lock";
  impl->lock = ::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (impl->lock < 0) fail(Errc::kIo, "{}: cannot open it: {}", lock.string(), std::strerror(errno));
  if (::flock(impl->lock, LOCK_EX | LOCK_NB) != 0)
    fail(Errc::kIo, "{}: another process is writing to this index. Fix: wait for it to end.", path.string());
  impl->db = open_database(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  impl->run("PRAGMA foreign_keys = ON");
  // No tables: a new file, or one whose first writer was killed before it got anywhere.
  if (impl->number("SELECT count(*) FROM sqlite_schema") == 0) {
    Transaction transaction(impl->db, impl->where, kWrite);
    for (const SchemaObject& object : kSchema) impl->run(object.sql);
    impl->set_meta("width", std::to_string(encoder.width()));
    impl->set_meta("identity", encoder.identity());
    impl->set_meta("chunk_tokens", std::to_string(chunks.tokens));
    impl->set_meta("chunk_overlap", std::to_string(chunks.overlap));
    impl->run(fmt::format("PRAGMA application_id = {}", kApplicationId).c_str());
    impl->run(fmt::format("PRAGMA user_version = {}", kVersion).c_str());
    transaction.commit();
  }
  impl->check_kind();
  impl->check_encoder(encoder);
  return SearchIndex(std::move(impl));
}

namespace {

struct NewChunk {
  std::int64_t line;
  std::string text, hash;
  std::vector<float> vector;  // empty: text number `row` of those to be embedded
  std::int64_t row = -1;
};
struct NewFile {
  std::string path, hash;  // the path as it is stored
  std::vector<NewChunk> chunks;
  bool existed;
};
struct KnownFile {
  std::string path, hash;
};

constexpr std::int64_t kBlockChunks = 128;  // embedded at a time: what a Ctrl-C waits for and a kill loses

// Why a file is no text that can be searched; empty when it is.
std::string_view not_text(std::string_view bytes) {
  if (bytes.starts_with("%PDF-")) return "a PDF; its text must be taken out first";
  if (bytes.starts_with("\xFF\xFE") || bytes.starts_with("\xFE\xFF")) return "UTF-16; expected UTF-8";
  if (bytes.find('\0') < 8192) return "binary";
  return {};
}

std::string absolute_path(const fs::path& given) {
  std::string text = fs::absolute(given).lexically_normal().generic_string();
  while (text.size() > 1 && text.back() == '/') text.pop_back();
  return text;
}

// Both absolute.
bool lies_under(const std::string& path, const std::string& root) {
  return path.starts_with(root) && (path.size() == root.size() || root == "/" || path[root.size()] == '/');
}

bool lies_under_any(const std::string& path, const std::vector<std::string>& roots) {
  return std::any_of(roots.begin(), roots.end(), [&](const std::string& root) { return lies_under(path, root); });
}

}  // namespace

UpdateStats SearchIndex::update(std::span<const fs::path> roots, const TextEncoder& encoder, const UpdateOptions& options) {
  Impl& p = *impl_;
  p.check_encoder(encoder);
  p.loaded_version = -1;  // our own writes do not change data_version
  UpdateStats stats;
  IndexProgress progress;
  try {
    update(roots, encoder, options, stats, progress);
  } catch (const Error& error) {
    if (error.code() != Errc::kInterrupted) throw;
    fail(Errc::kInterrupted, "{}: interrupted at file {} of {}; what is embedded so far is kept. Fix: the same command goes on from there", p.where,
         progress.files, progress.all_files);
  }
  return stats;
}

void SearchIndex::update(std::span<const fs::path> roots, const TextEncoder& encoder, const UpdateOptions& options, UpdateStats& stats,
                         IndexProgress& progress) {
  const Impl& p = *impl_;
  ChunkOptions chunking = options.chunks;
  constexpr std::int64_t kMostTokens = 1 << 24;
  chunking.tokens = p.meta_number("chunk_tokens", 8, kMostTokens);
  chunking.overlap = p.meta_number("chunk_overlap", 0, kMostTokens);
  const std::int64_t room = encoder.max_tokens() - encoder.tokenizer().special_tokens_around_one();
  if (room < 8) fail(Errc::kData, "{}: the model takes {} tokens of a passage, expected at least 8", p.where, room);
  if (room < chunking.tokens) {
    chunking.tokens = room;
    chunking.overlap = std::min(chunking.overlap, (room - 1) / 2);
  }

  std::map<std::string, KnownFile> known;  // by absolute path
  {
    Statement s(p.db, p.where, "SELECT path, hash FROM files");
    while (s.step()) known[p.absolute(s.text(0))] = {s.text(0), s.text(1)};
  }
  std::map<std::string, fs::path> found;  // by absolute path: as it was given
  std::vector<std::string> root_paths, kept_paths;
  const auto leave_out = [&](const fs::path& path, std::string_view reason) {
    ++stats.skipped;
    if (options.left_out) options.left_out(path, std::string(reason));
  };
  for (const fs::path& root : roots) {
    const std::string absolute = absolute_path(root);
    root_paths.push_back(absolute);
    std::error_code error;
    if (!fs::exists(root, error)) {
      const auto there = std::count_if(known.begin(), known.end(), [&](const auto& file) { return lies_under(file.first, absolute); });
      if (there > 0)
        fail(Errc::kIo, "{}: it is gone; {} files of the index lay there. Fix: --remove takes them out of the index", root.string(), there);
    }
    WalkedFiles walked = walk_files(root);
    for (fs::path& file : walked.files) found.emplace(absolute_path(file), std::move(file));
    for (const auto& [folder, reason] : walked.unreadable) {
      kept_paths.push_back(absolute_path(folder));
      leave_out(folder, reason);
    }
  }
  const std::string own = absolute_path(p.where);
  for (const char* ending : {"", ".lock", "-journal", "-wal", "-shm"}) found.erase(own + ending);
  progress.all_files = static_cast<std::int64_t>(found.size());

  std::vector<NewFile> pending;
  std::vector<std::string> texts;  // to embed, for `pending`
  std::unordered_map<std::string, std::int64_t> row_of_hash;
  Statement save(p.db, p.where, "INSERT INTO ready(hash, text, vector) VALUES (?, ?, ?)");
  // Embeds `texts` block by block. All blocks but the last are put aside in the file, where the next update finds them if this one
  // does not live to commit: a huge file loses one block, and still enters the index whole.
  const auto embed = [&] {
    const auto count = static_cast<std::int64_t>(texts.size());
    Tensor vectors = Tensor::empty({count, p.width});
    std::vector<std::string> hashes;
    for (std::int64_t begin = 0; begin < count; begin += kBlockChunks) {
      check_interrupt();
      const std::int64_t size = std::min(kBlockChunks, count - begin);
      const std::span<const std::string> block(texts.data() + begin, static_cast<std::size_t>(size));
      const Tensor part = encoder.encode(block, TextRole::kDocument);
      std::copy_n(part.data<float>(), part.elements(), vectors.mutable_row<float>(begin));
      progress.chunks += size;
      if (options.progress) options.progress(progress);
      if (begin + size == count) break;
      Transaction transaction(p.db, p.where, kWrite);
      for (std::int64_t i = 0; i < size; ++i) {
        const std::string& text = block[static_cast<std::size_t>(i)];
        save.bind(1, std::string_view(content_hash(text))).bind(2, std::string_view(text));
        save.bind_blob(3, part.row<float>(i), static_cast<std::size_t>(p.width) * sizeof(float)).run();
      }
      transaction.commit();
    }
    stats.embedded += count;
    return vectors;
  };
  const auto commit = [&] {
    const Tensor vectors = embed();
    Transaction transaction(p.db, p.where, kWrite);
    for (const NewFile& file : pending) {
      p.delete_file(file.path);
      Statement(p.db, p.where, "INSERT INTO files(path, hash) VALUES (?, ?)").bind(1, std::string_view(file.path)).bind(2, std::string_view(file.hash)).run();
      const std::int64_t id = sqlite3_last_insert_rowid(p.db);
      Statement insert(p.db, p.where, "INSERT INTO chunks(file, line, text, hash, vector) VALUES (?, ?, ?, ?, ?)");
      Statement words(p.db, p.where, "INSERT INTO words(rowid, text) VALUES (?, ?)");
      for (const NewChunk& chunk : file.chunks) {
        const float* vector = chunk.vector.empty() ? vectors.row<float>(chunk.row) : chunk.vector.data();
        insert.bind(1, id).bind(2, chunk.line).bind(3, std::string_view(chunk.text)).bind(4, std::string_view(chunk.hash));
        insert.bind_blob(5, vector, static_cast<std::size_t>(p.width) * sizeof(float)).run();
        words.bind(1, sqlite3_last_insert_rowid(p.db)).bind(2, std::string_view(chunk.text)).run();
      }
      ++(file.existed ? stats.updated : stats.added);
    }
    p.run("DELETE FROM ready");
    transaction.commit();
    pending.clear();
    texts.clear();
    row_of_hash.clear();
  };

  // A passage that stands anywhere in the index already, or was put aside, keeps its vector: files are renamed and copied.
  std::optional<Statement> look_up[2];
  look_up[0].emplace(p.db, p.where, "SELECT vector FROM chunks WHERE hash = ? AND text = ? LIMIT 1");
  look_up[1].emplace(p.db, p.where, "SELECT vector FROM ready WHERE hash = ? AND text = ? LIMIT 1");
  const auto find_vector = [&](NewChunk& chunk) {
    for (std::optional<Statement>& s : look_up) {
      s->bind(1, std::string_view(chunk.hash)).bind(2, std::string_view(chunk.text));
      if (s->step()) {
        const auto blob = s->blob(0);
        if (blob.size() == static_cast<std::size_t>(p.width) * sizeof(float)) {
          chunk.vector.resize(static_cast<std::size_t>(p.width));
          std::memcpy(chunk.vector.data(), blob.data(), blob.size());
        }
      }
      s->reset();
      if (!chunk.vector.empty()) return;
    }
  };

  for (const auto& [absolute, path] : found) {
    check_interrupt();
    ++progress.files;
    std::string text;
    try {
      text = read_text(path, options.max_file_bytes);
    } catch (const Error& error) {
      if (error.code() != Errc::kLimit && error.code() != Errc::kIo) throw;
      // what cannot be read today may be there tomorrow: the index keeps what it has of it
      if (error.code() == Errc::kIo) kept_paths.push_back(absolute);
      leave_out(path, error.code() == Errc::kIo ? "cannot be read" : fmt::format("larger than {} bytes", options.max_file_bytes));
      continue;
    }
    if (const std::string_view reason = not_text(text); !reason.empty()) {
      leave_out(path, reason);
      continue;
    }
    kept_paths.push_back(absolute);
    const std::string hash = content_hash(text);
    const auto old = known.find(absolute);
    if (old != known.end() && old->second.hash == hash) {
      ++stats.unchanged;
      continue;
    }
    stats.repaired += static_cast<std::int64_t>(repair_utf8(text));
    NewFile file{old != known.end() ? old->second.path : p.stored(path), hash, {}, old != known.end()};
    for (const Chunk& c : chunk_text(text, encoder.tokenizer(), chunking)) {
      NewChunk chunk{c.line, text.substr(c.begin, c.end - c.begin), "", {}};
      chunk.hash = content_hash(chunk.text);
      if (const auto same = row_of_hash.find(chunk.hash); same != row_of_hash.end() && texts[static_cast<std::size_t>(same->second)] == chunk.text)
        chunk.row = same->second;
      else
        find_vector(chunk);
      if (chunk.row >= 0 || !chunk.vector.empty()) {
        ++stats.reused;
      } else {
        chunk.row = static_cast<std::int64_t>(texts.size());
        row_of_hash[chunk.hash] = chunk.row;
        texts.push_back(chunk.text);
      }
      file.chunks.push_back(std::move(chunk));
    }
    pending.push_back(std::move(file));
    constexpr std::size_t kBatchFiles = 1024;
    if (static_cast<std::int64_t>(texts.size()) >= kBlockChunks || pending.size() >= kBatchFiles) commit();
    if (options.progress) options.progress(progress);
  }
  if (!pending.empty()) commit();
  std::sort(kept_paths.begin(), kept_paths.end());
  Transaction transaction(p.db, p.where, kWrite);
  for (const auto& [absolute, file] : known) {
    if (!lies_under_any(absolute, root_paths)) continue;
    // itself or a folder above it is kept
    bool kept = false;
    for (std::string at = absolute; !kept && !at.empty(); at.resize(at.rfind('/'))) kept = std::binary_search(kept_paths.begin(), kept_paths.end(), at);
    if (kept) continue;
    p.delete_file(file.path);
    ++stats.deleted;
  }
  p.run("DELETE FROM ready");
  transaction.commit();
}

std::int64_t SearchIndex::remove(std::span<const fs::path> paths) {
  Impl& p = *impl_;
  p.loaded_version = -1;
  std::vector<std::string> roots, gone;
  for (const fs::path& path : paths) roots.push_back(absolute_path(path));
  Transaction transaction(p.db, p.where, kWrite);
  {
    Statement s(p.db, p.where, "SELECT path FROM files");
    while (s.step())
      if (lies_under_any(p.absolute(s.text(0)), roots)) gone.push_back(s.text(0));
  }
  for (const std::string& path : gone) p.delete_file(path);
  transaction.commit();
  return static_cast<std::int64_t>(gone.size());
}

namespace {

struct Scored {
  double score;
  std::int64_t row;
  bool operator<(const Scored& other) const { return score != other.score ? score > other.score : row < other.row; }
};

// The words of a question as an FTS5 query: each quoted, any of them.
std::string word_query(std::string_view text) {
  std::string out, word;
  const auto flush = [&] {
    if (!word.empty()) out += (out.empty() ? "\"" : " OR \"") + word + "\"";
    word.clear();
  };
  for (const char c : text) {
    const bool part = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || static_cast<unsigned char>(c) >= 0x80;
    part ? word.push_back(c) : flush();
  }
  flush();
  return out;
}

}  // namespace

std::vector<SearchHit> SearchIndex::search(const std::string& query, const TextEncoder& encoder, const SearchOptions& options) const {
  const Impl& p = *impl_;
  p.check_encoder(encoder);
  const Tensor vector = encoder.encode({&query, 1}, TextRole::kQuery);
  // One state of the file from here on, while another process may be writing.
  const std::lock_guard one_at_a_time(p.searching);
  Transaction transaction(p.db, p.where, kRead);
  p.load_vectors();
  const auto count = static_cast<std::int64_t>(p.ids.size());
  std::vector<Scored> scored(static_cast<std::size_t>(count));
  const float* q = vector.data<float>();
  const float own = encoder.is_normalized() ? 1.0f : std::sqrt(kernels::dot(q, q, p.width));
  parallel_for(count, 2048, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      const float* v = p.vectors.row<float>(r);
      float score = kernels::dot(q, v, p.width);
      if (!encoder.is_normalized()) score /= std::max(1e-12f, own * std::sqrt(kernels::dot(v, v, p.width)));
      scored[static_cast<std::size_t>(r)] = {static_cast<double>(score), r};
    }
  });
  const auto keep = [&](std::int64_t most) {
    const auto n = static_cast<std::ptrdiff_t>(std::clamp<std::int64_t>(most, 0, static_cast<std::int64_t>(scored.size())));
    std::partial_sort(scored.begin(), scored.begin() + n, scored.end());
    scored.resize(static_cast<std::size_t>(n));
  };
  if (options.hybrid) {
    constexpr std::int64_t kDepth = 200;  // of each list
    constexpr double kRankOffset = 60;
    keep(std::max(kDepth, options.top));
    std::map<std::int64_t, double> fused;  // by row
    for (std::size_t rank = 0; rank < scored.size(); ++rank) fused[scored[rank].row] += 1 / (kRankOffset + static_cast<double>(rank) + 1);
    if (const std::string words = word_query(query); !words.empty()) {
      Statement s(p.db, p.where, "SELECT rowid FROM words WHERE words MATCH ? ORDER BY bm25(words), rowid LIMIT ?");
      s.bind(1, std::string_view(words)).bind(2, std::max(kDepth, options.top));
      for (double rank = 1; s.step(); ++rank) {
        const auto it = std::lower_bound(p.ids.begin(), p.ids.end(), s.integer(0));
        if (it != p.ids.end() && *it == s.integer(0)) fused[it - p.ids.begin()] += 1 / (kRankOffset + rank);
      }
    }
    scored.clear();
    for (const auto& [row, score] : fused) scored.push_back({score, row});
  }
  keep(options.top);
  std::vector<SearchHit> hits;
  Statement s(p.db, p.where, "SELECT path, line, text FROM chunks JOIN files ON files.id = chunks.file WHERE chunks.id = ?");
  for (const Scored& hit : scored) {
    s.bind(1, p.ids[static_cast<std::size_t>(hit.row)]);
    if (s.step()) hits.push_back({hit.score, p.shown(s.text(0)), s.integer(1), s.text(2)});
    s.reset();
  }
  return hits;
}

void SearchIndex::verify() const {
  const Impl& p = *impl_;
  const std::lock_guard one_at_a_time(p.searching);
  const bool query_only = p.number("PRAGMA query_only") != 0;
  p.run("PRAGMA query_only = OFF");  // the check of the word index is a write in form; it is taken back
  Transaction transaction(p.db, p.where, kWrite);
  for (const char* sql : {"PRAGMA integrity_check(1)", "PRAGMA foreign_key_check"}) {
    Statement s(p.db, p.where, sql);
    if (s.step() && s.text(0) != "ok") fail(Errc::kFormat, "{}: the file is damaged: {}. Fix: make the index anew.", p.where, s.text(0));
  }
  p.loaded_version = -1;
  p.load_vectors();
  p.run("INSERT INTO words(words, rank) VALUES ('integrity-check', 1)");  // compares it with the texts
  if (query_only) p.run("PRAGMA query_only = ON");
}

std::int64_t SearchIndex::files() const { return impl_->number("SELECT count(*) FROM files"); }
std::int64_t SearchIndex::chunks() const { return impl_->number("SELECT count(*) FROM chunks"); }
std::string SearchIndex::model() const { return impl_->meta("model"); }
void SearchIndex::set_model(const std::string& name) { impl_->set_meta("model", name); }
std::string SearchIndex::identity() const { return impl_->meta("identity"); }

}  // namespace lyceum
