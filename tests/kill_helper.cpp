// What kill_test.sh and the consumer test need besides the command: a model, texts, the content of an index
// as lines, and a hub.
#include <fmt/core.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/random.h"
#include "check/hub_server.h"
#include "check/tiny_bert.h"
#include "lyceum/embedding_model.h"

namespace {

namespace fs = std::filesystem;

// Slow enough to be killed at work.
void write_model(const fs::path& folder) {
  lyceum::check::write_tiny_bert(
      folder,
      {.width = 128, .heads = 4, .layers = 4, .inner_width = 512, .max_positions = 128, .sentence = true});
}

std::string sentence(lyceum::Random& random) {
  const auto& words = lyceum::check::tiny_vocabulary();
  std::string text;
  for (std::uint32_t n = 4 + random.below(20); n > 0; --n)
    text += (text.empty() ? "" : " ") + words[5 + random.below(11)];
  return text + ".";
}

// Files of all sizes, one of them longer than what is embedded at a time.
void write_notes(const fs::path& folder, int files) {
  lyceum::Random random(1);
  fs::create_directories(folder);
  for (int i = 0; i < files; ++i) {
    std::ofstream out(folder / fmt::format("{:04}.md", i));
    const std::uint32_t sentences = i == files / 2 ? 2000 : 1 + random.below(30);
    for (std::uint32_t n = sentences; n > 0; --n)
      out << sentence(random) << (random.below(4) == 0 ? "\n\n" : " ");
  }
}

void write_lines(const fs::path& file, int lines) {
  lyceum::Random random(2);
  std::ofstream out(file);
  for (int i = 0; i < lines; ++i) out << sentence(random) << "\n";
}

// What examples/embed_texts.c prints, by the C++ library.
void print_vectors(const std::string& model, const std::vector<std::string>& texts) {
  const std::vector<float> v = lyceum::EmbeddingModel::load(model).embed(texts);
  const std::size_t width = v.size() / texts.size();
  for (std::size_t i = 0; i < v.size(); ++i) fmt::print("{:.9g}{}", v[i], (i + 1) % width == 0 ? '\n' : ' ');
}

// Path, line, the vector's bits and the text of every passage; status 3 for a file without tables.
int dump(const char* file) {
  sqlite3* db = nullptr;
  if (sqlite3_open_v2(file, &db, SQLITE_OPEN_READWRITE, nullptr) != SQLITE_OK) return 1;
  sqlite3_busy_timeout(db, 10'000);
  sqlite3_stmt* s = nullptr;
  const char* const sql =
      "SELECT path, line, hex(vector), replace(text, char(10), ' ') FROM chunks JOIN files ON files.id = "
      "chunks.file";
  if (sqlite3_prepare_v2(db, sql, -1, &s, nullptr) != SQLITE_OK) {
    const bool no_tables = std::string(sqlite3_errmsg(db)).find("no such table") != std::string::npos;
    if (!no_tables) fmt::print(stderr, "{}: {}\n", file, sqlite3_errmsg(db));
    sqlite3_close(db);
    return no_tables ? 3 : 1;
  }
  int code;
  while ((code = sqlite3_step(s)) == SQLITE_ROW) {
    for (int c = 0; c < 4; ++c)
      fmt::print("{}{}", reinterpret_cast<const char*>(sqlite3_column_text(s, c)), c < 3 ? '\t' : '\n');
  }
  sqlite3_finalize(s);
  sqlite3_close(db);
  return code == SQLITE_DONE ? 0 : 1;
}

// The files of a folder as the repository NAME of a hub, until the process is ended. Its port goes to
// PORT_FILE; GET /sent answers how many bytes were sent so far.
void serve_hub(const std::string& name, const fs::path& folder, const fs::path& port_file,
               std::uint64_t bytes_per_second) {
  // large files are elsewhere, as the hub's are: huggingface_hub looks at the name of the host
  lyceum::check::HubServer hub(0, bytes_per_second), storage(0, bytes_per_second);
  hub.set_storage("http://localhost" + storage.endpoint().substr(storage.endpoint().rfind(':')));
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    std::string bytes = lyceum::read_text(entry.path());
    const bool is_large = bytes.size() > 10'000;
    const std::string path = entry.path().lexically_relative(folder).string();
    if (is_large) storage.add(name, path, bytes, true);
    hub.add(name, path, std::move(bytes), is_large);
  }
  hub.misbehave([&](const lyceum::check::HubRequest& r, lyceum::check::HubConnection& c) {
    return r.target == "/sent" &&
           c.answer(200, "", fmt::format("{}\n", hub.sent_bytes() + storage.sent_bytes()));
  });
  lyceum::AtomicFile port(port_file);
  port.write(hub.endpoint().substr(hub.endpoint().rfind(':') + 1));
  port.commit();
  while (true) ::pause();
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const std::string verb = argc > 2 ? argv[1] : "";
    if (verb == "model") return write_model(argv[2]), 0;
    if (verb == "notes" && argc > 3) return write_notes(argv[2], std::stoi(argv[3])), 0;
    if (verb == "lines" && argc > 3) return write_lines(argv[2], std::stoi(argv[3])), 0;
    if (verb == "embed" && argc > 3) return print_vectors(argv[2], {argv + 3, argv + argc}), 0;
    if (verb == "dump") return dump(argv[2]);
    if (verb == "hub" && argc > 5) return serve_hub(argv[2], argv[3], argv[4], std::stoull(argv[5])), 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "kill_helper: {}\n", error.what());
    return 1;
  }
  fmt::print(stderr,
             "usage: kill_helper model FOLDER | notes FOLDER FILES | lines FILE LINES | embed MODEL TEXT... "
             "| dump INDEX | hub NAME "
             "FOLDER PORT_FILE BYTES_PER_SECOND\n");
  return 2;
}
