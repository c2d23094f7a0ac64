#include "lyceum/text_index.h"

#include <filesystem>
#include <utility>

#include "base/utf8.h"
#include "tasks/embed/embedder.h"
#include "tasks/search/search_index.h"

namespace lyceum {

TextIndex::TextIndex(SearchIndex&& index, const EmbeddingModel& model)
    : inside_(std::make_unique<SearchIndex>(std::move(index))), model_(model) {}
TextIndex::TextIndex(TextIndex&&) noexcept = default;
TextIndex::~TextIndex() = default;

EmbeddingOptions TextIndex::embedding_options(const std::string& file) {
  EmbedderOptions inside = SearchIndex::open(file).options();
  return {.prompt_name = std::move(inside.prompt_name),
          .prompt = std::move(inside.prompt),
          .query_prompt_name = std::move(inside.query_prompt_name),
          .query_prompt = std::move(inside.query_prompt),
          .max_tokens = inside.max_tokens,
          .pooling = std::move(inside.pooling),
          .truncate_dim = inside.truncate_dim,
          .normalize = inside.normalize,
          .dtype = inside.compute ? compute_name(*inside.compute) : ""};
}

TextIndex TextIndex::open_for_writing(const std::string& file, const EmbeddingModel& model) {
  return {SearchIndex::open_for_writing(file, *model.inside_), model};
}
TextIndex TextIndex::open(const std::string& file, const EmbeddingModel& model) {
  return {SearchIndex::open(file), model};
}

TextIndexChange TextIndex::update(std::span<const std::string> files_and_folders) {
  const std::vector<std::filesystem::path> roots(files_and_folders.begin(), files_and_folders.end());
  const UpdateStats s = inside_->update(roots, *model_.inside_);
  return {s.added, s.updated, s.unchanged, s.deleted, s.skipped, s.embedded};
}

std::int64_t TextIndex::remove(std::span<const std::string> files_and_folders) {
  return inside_->remove(
      std::vector<std::filesystem::path>(files_and_folders.begin(), files_and_folders.end()));
}

void TextIndex::build_approximate(const std::string& kind) {
  AnnSettings settings = inside_->approximate();
  settings.kind = ann_kind(kind);
  inside_->set_approximate(settings);
  inside_->build_approximate(*model_.inside_);
}

std::vector<TextHit> TextIndex::search(const std::string& question, std::int64_t top, bool hybrid,
                                       bool exact) const {
  std::string query = question;
  repair_utf8(query);
  std::vector<TextHit> hits;
  for (SearchHit& hit :
       inside_->search(query, *model_.inside_, {.top = top, .hybrid = hybrid, .exact = exact}))
    hits.push_back({hit.score, std::move(hit.file), hit.line, std::move(hit.text)});
  return hits;
}

}  // namespace lyceum
