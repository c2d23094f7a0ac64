#include "tasks/search/index_store.h"

#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>
#include <vector>

#include "base/error.h"
#include "base/interrupt.h"

namespace lyceum {
namespace fs = std::filesystem;
namespace {

constexpr int kApplicationId = 0x4C594345;  // "LYCE"
// 2: 'vectors' (the sum) in meta. A program that knows version 1 only would let the sum go stale, so it must
// not write here; reading version 1 is no trouble.
constexpr int kSchemaVersion = 2;

// The key of the encoder's settings in meta. A program that does not know it has other vectors, and so
// another identity: it refuses.
constexpr const char* kOptions = "embedding_options";

struct SchemaObject {
  const char* name;
  const char* sql;
};
constexpr SchemaObject kSchema[] = {
    {"meta", "CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL)"},
    {"files", "CREATE TABLE files(id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, hash TEXT NOT NULL)"},
    {"chunks",
     "CREATE TABLE chunks(id INTEGER PRIMARY KEY, file INTEGER NOT NULL REFERENCES files(id) ON DELETE "
     "CASCADE, line INTEGER NOT NULL,\n"
     "  text TEXT NOT NULL, hash TEXT NOT NULL, vector BLOB NOT NULL)"},
    {"chunks_of_file", "CREATE INDEX chunks_of_file ON chunks(file)"},
    {"chunks_by_hash", "CREATE INDEX chunks_by_hash ON chunks(hash)"},
    // vectors of a file that is not whole yet
    {"ready", "CREATE TABLE ready(hash TEXT NOT NULL, text TEXT NOT NULL, vector BLOB NOT NULL)"},
    {"ready_by_hash", "CREATE INDEX ready_by_hash ON ready(hash)"},
    {"words", "CREATE VIRTUAL TABLE words USING fts5(text, content='chunks', content_rowid='id')"}};

// The format that an identity ends in: "0123456789abcdef-256-int8" (Embedder::identity).
std::string dtype_of(const std::string& identity) {
  for (const char* dtype : {"f32", "bf16", "int8"})
    if (identity.ends_with(std::string("-") + dtype)) return dtype;
  return {};
}
std::string without_dtype(const std::string& identity) {
  const std::string dtype = dtype_of(identity);
  return dtype.empty() ? identity : identity.substr(0, identity.size() - dtype.size() - 1);
}

// Of options_text(), for a message: prompts may be long.
std::string cut_short(const std::string& options) {
  constexpr std::size_t kMost = 300;
  if (options.empty()) return "none";
  return options.size() <= kMost ? options : options.substr(0, kMost) + "...";
}

}  // namespace

IndexStore::IndexStore(const fs::path& path)
    : where_(path.string()), folder_(fs::weakly_canonical(fs::absolute(path)).parent_path()) {}

IndexStore::~IndexStore() { sqlite3_close_v2(db_); }

std::unique_ptr<IndexStore> IndexStore::open_for_reading(const fs::path& path) {
  std::error_code error;
  if (!fs::is_regular_file(path, error))
    fail(Errc::kIo, "{}: found no search index there. Fix: make one with `lyceum index`.", path.string());
  std::unique_ptr<IndexStore> store(new IndexStore(path));
  // Not SQLITE_OPEN_READONLY: the journal of a writer that was killed must be rolled back before anything can
  // be read.
  store->db_ = open_database(path, SQLITE_OPEN_READWRITE);
  store->run("PRAGMA query_only = ON");
  store->check_kind();
  return store;
}

std::unique_ptr<IndexStore> IndexStore::open_for_writing(const fs::path& path, const TextEncoder& encoder,
                                                         const ChunkOptions& chunks) {
  std::error_code error;
  if (fs::exists(path, error) && !fs::is_regular_file(path, error))
    fail(Errc::kIo, "{}: found no regular file there, expected a search index", path.string());
  std::unique_ptr<IndexStore> store(new IndexStore(path));
  fs::path lock = path;
  lock += ".lock";
  store->lock_.value = ::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (store->lock_.value < 0) fail(Errc::kIo, "{}: cannot open it: {}", lock.string(), std::strerror(errno));
  if (::flock(store->lock_.value, LOCK_EX | LOCK_NB) != 0)
    fail(Errc::kIo, "{}: another process is writing to this index. Fix: wait for it to end.", path.string());
  store->db_ = open_database(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  store->run("PRAGMA foreign_keys = ON");
  // No tables: a new file, or one whose first writer was killed before it got anywhere.
  if (store->number("SELECT count(*) FROM sqlite_schema") == 0) store->make_tables(encoder, chunks);
  store->check_kind();
  store->check_encoder(encoder);
  // made by a program that did not keep them
  if (const std::string given = encoder.settings(); !given.empty() && store->meta(kOptions).empty())
    store->set_meta(kOptions, given);
  if (!store->vector_sum()) store->upgrade();
  return store;
}

void IndexStore::make_tables(const TextEncoder& encoder, const ChunkOptions& chunks) const {
  Transaction transaction(db_, where_, Transaction::Kind::kWrite);
  for (const SchemaObject& object : kSchema) run(object.sql);
  set_meta("width", std::to_string(encoder.width()));
  set_meta("identity", encoder.identity());
  if (const std::string settings = encoder.settings(); !settings.empty()) set_meta(kOptions, settings);
  set_meta("chunk_tokens", std::to_string(chunks.tokens));
  set_meta("chunk_overlap", std::to_string(chunks.overlap));
  set_meta("vectors", VectorSum().text());
  run(fmt::format("PRAGMA application_id = {}", kApplicationId).c_str());
  run(fmt::format("PRAGMA user_version = {}", kSchemaVersion).c_str());
  transaction.commit();
}

// From version 1: what it knew stays, what is new is counted from it.
void IndexStore::upgrade() const {
  Transaction transaction(db_, where_, Transaction::Kind::kWrite);
  VectorSum sum;
  each_vector([&](std::int64_t vector_id, const float* vector) { sum.add(vector_id, vector, width_); });
  set_meta("vectors", sum.text());
  run(fmt::format("PRAGMA user_version = {}", kSchemaVersion).c_str());
  transaction.commit();
}

// A file from elsewhere could hold views that never end and triggers under our names: only what we made is
// read.
void IndexStore::check_schema() const {
  std::size_t ours = 0;
  Statement s = statement("SELECT type, name, sql FROM sqlite_schema");
  while (s.step()) {
    const std::string type = s.text(0), name = s.text(1), sql = s.text(2);
    const auto known = std::find_if(std::begin(kSchema), std::end(kSchema),
                                    [&](const SchemaObject& o) { return name == o.name; });
    const bool of_words =
        type == "table" && name.starts_with("words_") && sql.starts_with("CREATE TABLE");  // FTS5's own
    const bool automatic = type == "index" && sql.empty();
    const bool as_made = known != std::end(kSchema) && sql == known->sql;
    if (!as_made && !of_words && !automatic)
      fail(Errc::kFormat, "{}: found the {} '{}', which is not of a search index", where_, type, name);
    ours += as_made;
  }
  if (ours != std::size(kSchema))
    fail(Errc::kFormat, "{}: some tables of a search index are missing", where_);
}

void IndexStore::check_kind() {
  const std::int64_t id = number("PRAGMA application_id"), version = number("PRAGMA user_version");
  if (number("SELECT count(*) FROM sqlite_schema") == 0)
    fail(Errc::kFormat,
         "{}: nothing is in it yet: it is being made, or was stopped before it began. Fix: run `lyceum "
         "index` to the end.",
         where_);
  if (id != kApplicationId) fail(Errc::kFormat, "{}: this is an SQLite file, but not a search index", where_);
  if (version < 1 || version > kSchemaVersion)
    fail(Errc::kFormat,
         "{}: found version {} of the index, expected {}. Fix: make it anew with `lyceum index`.", where_,
         version, kSchemaVersion);
  check_schema();
  width_ = meta_number("width", 1, 1 << 20);
  if (version >= 2) static_cast<void>(vector_sum());
  static_cast<void>(options());
}

void IndexStore::check_encoder(const TextEncoder& encoder) const {
  const std::string ours = meta("identity"), given = encoder.identity();
  if (ours != given && without_dtype(ours) == without_dtype(given)) {
    const auto named = [](const std::string& dtype) { return dtype.empty() ? "that of its files" : dtype; };
    fail(Errc::kData,
         "{}: was made with the model's products in the number format {}, found {}. Fix: leave out --dtype "
         "(the "
         "index remembers its own), or make the index anew.",
         where_, named(dtype_of(ours)), named(dtype_of(given)));
  }
  if (ours == given) {
    // then the vectors are the same, whatever was said
  } else if (const std::string kept = options_text(options()), now = encoder.settings(); kept != now) {
    fail(Errc::kData,
         "{}: was made with the embedding options {}, found {}. Fix: leave them out (the index remembers its "
         "own), or make the index anew.",
         where_, cut_short(kept), cut_short(now));
  } else {
    fail(Errc::kData,
         "{}: was made with the model '{}' ({}), found {}. Fix: use that model, or make the index anew.",
         where_, meta("model"), ours, given);
  }
  if (width_ != encoder.width())
    fail(Errc::kData, "{}: holds vectors of {} values, the model gives {}", where_, width_, encoder.width());
}

std::int64_t IndexStore::number(const char* sql) const {
  Statement s = statement(sql);
  return s.step() ? s.integer(0) : 0;
}

std::string IndexStore::meta(const char* key) const {
  Statement s = statement("SELECT value FROM meta WHERE key = ?");
  s.bind(1, std::string_view(key));
  return s.step() ? s.text(0) : std::string();
}

void IndexStore::set_meta(const char* key, const std::string& value) const {
  statement(
      "INSERT INTO meta(key, value) VALUES (?, ?) ON CONFLICT(key) DO UPDATE SET value = excluded.value")
      .bind(1, std::string_view(key))
      .bind(2, std::string_view(value))
      .run();
}

std::int64_t IndexStore::meta_number(const char* key, std::int64_t low, std::int64_t high) const {
  const std::string text = meta(key);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < low || value > high)
    fail(Errc::kFormat, "{}: '{}': found '{}', expected a number from {} to {}", where_, key, text, low,
         high);
  return value;
}

std::optional<VectorSum> IndexStore::vector_sum() const {
  const std::string text = meta("vectors");
  if (text.empty() && number("PRAGMA user_version") == 1) return std::nullopt;
  const auto sum = VectorSum::parse(text);
  if (!sum) fail(Errc::kFormat, "{}: 'vectors': found '{}', expected 64 hexadecimal digits", where_, text);
  return sum;
}

EmbedderOptions IndexStore::options() const {
  const std::string where = where_ + ": '" + kOptions + "'";
  EmbedderOptions options = options_from_text(meta(kOptions), where);
  if (options.truncate_dim > 0 && options.truncate_dim != width_)
    fail(Errc::kFormat, "{}: 'truncate_dim': found {}, expected {}, the width of the vectors", where,
         options.truncate_dim, width_);
  if (const std::string dtype = dtype_of(meta("identity")); !dtype.empty())
    options.compute = compute_from_name(dtype);
  return options;
}

void IndexStore::copy_vector(const Statement& row, int column, std::int64_t id, float* to) const {
  const auto blob = row.blob(column);
  if (blob.size() != static_cast<std::size_t>(width_) * sizeof(float))
    fail(Errc::kFormat, "{}: the vector of passage {} has {} bytes, expected {}", where_, id, blob.size(),
         static_cast<std::size_t>(width_) * sizeof(float));
  std::memcpy(to, blob.data(), blob.size());
  if (!std::all_of(to, to + width_, [](float v) { return std::isfinite(v); }))
    fail(Errc::kFormat, "{}: the vector of passage {} holds values that are not finite", where_, id);
}

void IndexStore::each_vector(FunctionRef<void(std::int64_t, const float*)> visit) const {
  std::vector<float> vector(static_cast<std::size_t>(width_));
  Statement s = statement("SELECT id, vector FROM chunks ORDER BY id");
  for (std::int64_t row = 0; s.step(); ++row) {
    if (row % 4096 == 0) check_interrupt();
    copy_vector(s, 1, s.integer(0), vector.data());
    visit(s.integer(0), vector.data());
  }
}

std::string IndexStore::stored(const fs::path& given) const {
  if (given.is_absolute()) return given.lexically_normal().generic_string();
  return fs::absolute(given).lexically_normal().lexically_relative(folder_).generic_string();
}

std::string IndexStore::absolute(const std::string& stored_path) const {
  const fs::path path(stored_path);
  return (path.is_absolute() ? path : (folder_ / path).lexically_normal()).generic_string();
}

std::string IndexStore::shown(const std::string& stored_path) const {
  if (fs::path(stored_path).is_absolute()) return stored_path;
  std::error_code error;
  const fs::path here = fs::current_path(error);
  return error ? absolute(stored_path)
               : fs::path(absolute(stored_path)).lexically_relative(here).generic_string();
}

namespace {

// The sum as of the transaction that has just begun.
VectorSum sum_of(const IndexStore& store) {
  const auto sum = store.vector_sum();
  if (!sum) fail(Errc::kInternal, "{}: changed before it was brought up to date", store.where());
  return *sum;
}

}  // namespace

IndexChange::IndexChange(const IndexStore& store)
    : store_(store),
      transaction_(store.transaction(Transaction::Kind::kWrite)),
      sum_(sum_of(store)),
      insert_(store.statement("INSERT INTO chunks(file, line, text, hash, vector) VALUES (?, ?, ?, ?, ?)")),
      words_(store.statement("INSERT INTO words(rowid, text) VALUES (?, ?)")) {}

void IndexChange::delete_file(const std::string& stored_path) {
  std::vector<float> vector(static_cast<std::size_t>(store_.width()));
  Statement gone = store_.statement(
      "SELECT chunks.id, vector FROM chunks JOIN files ON files.id = chunks.file WHERE path = ?");
  gone.bind(1, std::string_view(stored_path));
  while (gone.step()) {
    store_.copy_vector(gone, 1, gone.integer(0), vector.data());
    sum_.remove(gone.integer(0), vector.data(), store_.width());
  }
  store_
      .statement(
          "INSERT INTO words(words, rowid, text) SELECT 'delete', chunks.id, chunks.text FROM chunks JOIN "
          "files ON files.id = chunks.file WHERE path = ?")
      .bind(1, std::string_view(stored_path))
      .run();
  store_.statement("DELETE FROM files WHERE path = ?")
      .bind(1, std::string_view(stored_path))
      .run();  // its chunks go with it
}

std::int64_t IndexChange::add_file(const std::string& stored_path, const std::string& hash) {
  store_.statement("INSERT INTO files(path, hash) VALUES (?, ?)")
      .bind(1, std::string_view(stored_path))
      .bind(2, std::string_view(hash))
      .run();
  return store_.last_id();
}

void IndexChange::add_chunk(std::int64_t file, std::int64_t line, const std::string& text,
                            const std::string& hash, const float* vector) {
  insert_.bind(1, file).bind(2, line).bind(3, std::string_view(text)).bind(4, std::string_view(hash));
  insert_.bind_floats(5, vector, store_.width()).run();
  const std::int64_t id = store_.last_id();
  words_.bind(1, id).bind(2, std::string_view(text)).run();
  sum_.add(id, vector, store_.width());
}

void IndexChange::commit() {
  store_.set_meta("vectors", sum_.text());
  transaction_.commit();
}

}  // namespace lyceum
