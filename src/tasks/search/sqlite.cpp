#include "tasks/search/sqlite.h"

#include "base/error.h"

namespace lyceum {

Statement::Statement(sqlite3* db, const std::string& where, const char* sql) : db_(db), where_(&where) {
  if (sqlite3_prepare_v2(db, sql, -1, &statement_, nullptr) != SQLITE_OK) wrong();
}
Statement::~Statement() { sqlite3_finalize(statement_); }

Statement& Statement::bind(int i, std::string_view text) {
  if (sqlite3_bind_text64(statement_, i, text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8) !=
      SQLITE_OK)
    wrong();
  return *this;
}
Statement& Statement::bind(int i, std::int64_t value) {
  if (sqlite3_bind_int64(statement_, i, value) != SQLITE_OK) wrong();
  return *this;
}
Statement& Statement::bind_floats(int i, const float* values, std::int64_t count) {
  if (sqlite3_bind_blob64(statement_, i, values, static_cast<std::size_t>(count) * sizeof(float),
                          SQLITE_TRANSIENT) != SQLITE_OK)
    wrong();
  return *this;
}

bool Statement::step() {
  const int code = sqlite3_step(statement_);
  if (code != SQLITE_ROW && code != SQLITE_DONE) wrong();
  return code == SQLITE_ROW;
}
void Statement::run() {
  while (step()) {
  }
  reset();
}
void Statement::reset() { sqlite3_reset(statement_); }

std::int64_t Statement::integer(int column) const { return sqlite3_column_int64(statement_, column); }
std::string Statement::text(int column) const {
  const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  return data == nullptr
             ? std::string()
             : std::string(data, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column)));
}
std::span<const std::byte> Statement::blob(int column) const {
  const void* data = sqlite3_column_blob(statement_, column);
  return {static_cast<const std::byte*>(data),
          data == nullptr ? 0 : static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

void Statement::wrong() const {
  const int code = sqlite3_errcode(db_);
  const Errc kind =
      code == SQLITE_CORRUPT || code == SQLITE_NOTADB || code == SQLITE_ERROR ? Errc::kFormat : Errc::kIo;
  fail(kind, "{}: {}", *where_, code == SQLITE_NOTADB ? "this is not a search index" : sqlite3_errmsg(db_));
}

Transaction::Transaction(sqlite3* db, const std::string& where, Kind kind) : db_(db), where_(&where) {
  Statement(db, where, kind == Kind::kRead ? "BEGIN" : "BEGIN IMMEDIATE").run();
}
Transaction::~Transaction() {
  if (!done_) sqlite3_exec(db_, "ROLLBACK", nullptr, nullptr, nullptr);
}
void Transaction::commit() {
  Statement(db_, *where_, "COMMIT").run();
  done_ = true;
}

sqlite3* open_database(const std::filesystem::path& path, int flags) {
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

}  // namespace lyceum
