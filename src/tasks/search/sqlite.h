// SQLite as the index uses it: statements, transactions and files that are not trusted.
#pragma once

#include <sqlite3.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace lyceum {

// A prepared statement; `where` (the file's name, kept by the caller) begins every message. What is bound is
// copied. Errc::kFormat for a damaged file, kIo for the rest.
class Statement {
 public:
  Statement(sqlite3* db, const std::string& where, const char* sql);
  ~Statement();
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  Statement& bind(int i, std::string_view text);
  Statement& bind(int i, std::int64_t value);
  Statement& bind_floats(int i, const float* values, std::int64_t count);
  bool step();  // false: no row is left
  void run();   // all steps, then reset
  void reset();

  std::int64_t integer(int column) const;
  std::string text(int column) const;
  std::span<const std::byte> blob(int column) const;  // until the next step

 private:
  [[noreturn]] void wrong() const;
  sqlite3* db_;
  const std::string* where_;
  sqlite3_stmt* statement_ = nullptr;
};

// Taken back unless it is committed.
class Transaction {
 public:
  enum class Kind { kRead, kWrite };
  Transaction(sqlite3* db, const std::string& where, Kind kind);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit();

 private:
  sqlite3* db_;
  const std::string* where_;
  bool done_ = false;
};

// Waits up to ten seconds for another process's lock. Triggers and views of the file are not obeyed.
sqlite3* open_database(const std::filesystem::path& path, int flags);

}  // namespace lyceum
