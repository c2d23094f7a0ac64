#include "tasks/search/index_update.h"

#include <algorithm>
#include <map>
#include <optional>
#include <unordered_map>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/utf8.h"
#include "tasks/search/ann_cache.h"
#include "tasks/search/file_walk.h"

namespace lyceum {
namespace fs = std::filesystem;
namespace {

constexpr std::int64_t kBlockChunks = 128;  // embedded at a time: what a Ctrl-C waits for and a kill loses
constexpr std::size_t kBatchFiles = 1024;   // of one commit

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
  return std::any_of(roots.begin(), roots.end(),
                     [&](const std::string& root) { return lies_under(path, root); });
}

// What the model has room for, whatever the index was made with.
ChunkOptions chunking_of(const IndexStore& store, const TextEncoder& encoder) {
  constexpr std::int64_t kMostTokens = 1 << 24;
  ChunkOptions chunking{.tokens = store.meta_number("chunk_tokens", 8, kMostTokens),
                        .overlap = store.meta_number("chunk_overlap", 0, kMostTokens)};
  const std::int64_t room = encoder.text_tokens(TextRole::kDocument);
  if (room < 8)
    fail(Errc::kData, "{}: the model takes {} tokens of a passage, expected at least 8", store.where(), room);
  if (room < chunking.tokens) {
    chunking.tokens = room;
    chunking.overlap = std::min(chunking.overlap, (room - 1) / 2);
  }
  return chunking;
}

std::uint64_t bytes_of(const fs::path& path) {
  std::error_code error;
  const std::uintmax_t bytes = fs::file_size(path, error);
  return error ? 0 : bytes;
}

class Update {
 public:
  Update(const IndexStore& store, const TextEncoder& encoder, const UpdateOptions& options)
      : store_(store),
        encoder_(encoder),
        options_(options),
        chunking_(chunking_of(store, encoder)),
        save_(store.statement("INSERT INTO ready(hash, text, vector) VALUES (?, ?, ?)")),
        in_chunks_(store.statement("SELECT vector FROM chunks WHERE hash = ? AND text = ? LIMIT 1")),
        in_ready_(store.statement("SELECT vector FROM ready WHERE hash = ? AND text = ? LIMIT 1")) {}

  void run(std::span<const fs::path> roots) {
    Statement s = store_.statement("SELECT path, hash FROM files");
    while (s.step()) known_[store_.absolute(s.text(0))] = {s.text(0), s.text(1)};
    s.reset();
    find_files(roots);
    for (const auto& [absolute, path] : found_) {
      check_interrupt();
      ++progress.files;
      taken_bytes_ += bytes_of(path);
      take_in(absolute, path);
      if (texts_.empty()) progress.bytes = taken_bytes_;
      if (static_cast<std::int64_t>(texts_.size()) >= kBlockChunks || pending_.size() >= kBatchFiles)
        commit();
      if (options_.progress) options_.progress(progress);
    }
    if (!pending_.empty()) commit();
    delete_what_is_gone();
  }

  UpdateStats stats;
  IndexProgress progress;

 private:
  void leave_out(const fs::path& path, std::string_view reason) {
    ++stats.skipped;
    if (options_.left_out) options_.left_out(path, std::string(reason));
  }

  void find_files(std::span<const fs::path> roots) {
    for (const fs::path& root : roots) {
      const std::string absolute = absolute_path(root);
      roots_.push_back(absolute);
      std::error_code error;
      if (!fs::exists(root, error)) {
        const auto there = std::count_if(known_.begin(), known_.end(),
                                         [&](const auto& file) { return lies_under(file.first, absolute); });
        if (there > 0)
          fail(Errc::kIo,
               "{}: it is gone; {} files of the index lay there. Fix: --remove takes them out of the index",
               root.string(), there);
      }
      WalkedFiles walked = walk_files(root);
      for (fs::path& file : walked.files) found_.emplace(absolute_path(file), std::move(file));
      for (const auto& [folder, reason] : walked.unreadable) {
        kept_.push_back(absolute_path(folder));
        leave_out(folder, reason);
      }
    }
    const std::string own = absolute_path(store_.where());
    for (const char* ending : {"", ".lock", "-journal", "-wal", "-shm"}) found_.erase(own + ending);
    std::erase_if(found_, [&](const auto& file) { return is_ann_cache_of(own, file.first); });
    progress.all_files = static_cast<std::int64_t>(found_.size());
    for (const auto& [absolute, path] : found_) progress.all_bytes += bytes_of(path);
  }

  // Reads one file and cuts it, if it is new or changed.
  void take_in(const std::string& absolute, const fs::path& path) {
    std::string text;
    try {
      text = read_text(path, options_.max_file_bytes);
    } catch (const Error& error) {
      if (error.code() != Errc::kLimit && error.code() != Errc::kIo) throw;
      // what cannot be read today may be there tomorrow: the index keeps what it has of it
      if (error.code() == Errc::kIo) kept_.push_back(absolute);
      return leave_out(path, error.code() == Errc::kIo
                                 ? "cannot be read"
                                 : fmt::format("larger than {} bytes", options_.max_file_bytes));
    }
    if (const std::string_view reason = not_text(text); !reason.empty()) return leave_out(path, reason);
    kept_.push_back(absolute);
    const std::string hash = content_hash(text);
    const auto old = known_.find(absolute);
    if (old != known_.end() && old->second.hash == hash) {
      ++stats.unchanged;
      return;
    }
    stats.repaired += static_cast<std::int64_t>(repair_utf8(text));
    NewFile file{old != known_.end() ? old->second.path : store_.stored(path), hash, {}, old != known_.end()};
    for (const Chunk& c : chunk_text(text, encoder_.tokenizer(), chunking_)) {
      NewChunk chunk{c.line, text.substr(c.begin, c.end - c.begin), "", {}};
      chunk.hash = content_hash(chunk.text);
      find_or_queue(chunk);
      file.chunks.push_back(std::move(chunk));
    }
    pending_.push_back(std::move(file));
  }

  // A passage that stands anywhere in the index already, or was put aside, keeps its vector: files are
  // renamed and copied.
  void find_or_queue(NewChunk& chunk) {
    if (const auto same = row_of_hash_.find(chunk.hash);
        same != row_of_hash_.end() && texts_[static_cast<std::size_t>(same->second)] == chunk.text)
      chunk.row = same->second;
    for (Statement* s : {&in_chunks_, &in_ready_}) {
      if (chunk.row >= 0 || !chunk.vector.empty()) break;
      s->bind(1, std::string_view(chunk.hash)).bind(2, std::string_view(chunk.text));
      if (s->step() && s->blob(0).size() == static_cast<std::size_t>(store_.width()) * sizeof(float)) {
        chunk.vector.resize(static_cast<std::size_t>(store_.width()));
        store_.copy_vector(*s, 0, 0, chunk.vector.data());
      }
      s->reset();
    }
    if (chunk.row >= 0 || !chunk.vector.empty()) {
      ++stats.reused;
      return;
    }
    chunk.row = static_cast<std::int64_t>(texts_.size());
    row_of_hash_[chunk.hash] = chunk.row;
    texts_.push_back(chunk.text);
  }

  // Embeds what is queued block by block. All blocks but the last are put aside in the file, where the next
  // update finds them if this one does not live to commit: a huge file loses one block, and still enters the
  // index whole.
  Tensor embed() {
    const auto count = static_cast<std::int64_t>(texts_.size());
    const std::uint64_t before = progress.bytes;
    Tensor vectors = Tensor::empty({count, store_.width()});
    for (std::int64_t begin = 0; begin < count; begin += kBlockChunks) {
      check_interrupt();
      const std::int64_t size = std::min(kBlockChunks, count - begin);
      const std::span<const std::string> block(texts_.data() + begin, static_cast<std::size_t>(size));
      const Tensor part = encoder_.encode(block, TextRole::kDocument);
      std::copy_n(part.data<float>(), part.elements(), vectors.mutable_row<float>(begin));
      progress.chunks += size;
      progress.bytes =
          before + static_cast<std::uint64_t>(static_cast<double>(taken_bytes_ - before) *
                                              static_cast<double>(begin + size) / static_cast<double>(count));
      if (options_.progress) options_.progress(progress);
      if (begin + size == count) break;
      Transaction transaction = store_.transaction(Transaction::Kind::kWrite);
      for (std::int64_t i = 0; i < size; ++i) {
        const std::string& text = block[static_cast<std::size_t>(i)];
        save_.bind(1, std::string_view(content_hash(text))).bind(2, std::string_view(text));
        save_.bind_floats(3, part.row<float>(i), store_.width()).run();
      }
      transaction.commit();
    }
    stats.embedded += count;
    return vectors;
  }

  void commit() {
    const Tensor vectors = embed();
    IndexChange change(store_);
    for (const NewFile& file : pending_) {
      change.delete_file(file.path);
      const std::int64_t id = change.add_file(file.path, file.hash);
      for (const NewChunk& chunk : file.chunks)
        change.add_chunk(id, chunk.line, chunk.text, chunk.hash,
                         chunk.vector.empty() ? vectors.row<float>(chunk.row) : chunk.vector.data());
      ++(file.existed ? stats.updated : stats.added);
    }
    store_.run("DELETE FROM ready");
    change.commit();
    pending_.clear();
    texts_.clear();
    row_of_hash_.clear();
  }

  void delete_what_is_gone() {
    std::sort(kept_.begin(), kept_.end());
    IndexChange change(store_);
    for (const auto& [absolute, file] : known_) {
      if (!lies_under_any(absolute, roots_)) continue;
      // itself or a folder above it is kept
      bool kept = false;
      for (std::string at = absolute; !kept && !at.empty(); at.resize(at.rfind('/')))
        kept = std::binary_search(kept_.begin(), kept_.end(), at);
      if (kept) continue;
      change.delete_file(file.path);
      ++stats.deleted;
    }
    store_.run("DELETE FROM ready");
    change.commit();
  }

  const IndexStore& store_;
  const TextEncoder& encoder_;
  const UpdateOptions& options_;
  const ChunkOptions chunking_;
  std::map<std::string, KnownFile> known_;  // by absolute path
  std::map<std::string, fs::path> found_;   // by absolute path: as it was given
  std::vector<std::string> roots_, kept_;   // absolute
  std::uint64_t taken_bytes_ = 0;           // of the files up to the present one
  std::vector<NewFile> pending_;
  std::vector<std::string> texts_;  // to embed, for `pending_`
  std::unordered_map<std::string, std::int64_t> row_of_hash_;
  Statement save_, in_chunks_, in_ready_;
};

}  // namespace

UpdateStats update_index(const IndexStore& store, std::span<const fs::path> roots, const TextEncoder& encoder,
                         const UpdateOptions& options) {
  store.check_encoder(encoder);
  Update update(store, encoder, options);
  try {
    update.run(roots);
  } catch (const Error& error) {
    if (error.code() != Errc::kInterrupted) throw;
    fail(Errc::kInterrupted,
         "{}: interrupted at file {} of {}; what is embedded so far is kept. Fix: the same command goes on "
         "from there",
         store.where(), update.progress.files, update.progress.all_files);
  }
  return update.stats;
}

std::int64_t remove_from_index(const IndexStore& store, std::span<const fs::path> paths) {
  std::vector<std::string> roots, gone;
  for (const fs::path& path : paths) roots.push_back(absolute_path(path));
  IndexChange change(store);
  Statement s = store.statement("SELECT path FROM files");
  while (s.step())
    if (lies_under_any(store.absolute(s.text(0)), roots)) gone.push_back(s.text(0));
  s.reset();
  for (const std::string& path : gone) change.delete_file(path);
  change.commit();
  return static_cast<std::int64_t>(gone.size());
}

}  // namespace lyceum
