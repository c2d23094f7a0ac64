#include "tasks/search/search_index.h"

#include <mutex>

#include "base/error.h"
#include "tasks/search/index_search.h"
#include "tasks/search/index_update.h"

namespace lyceum {
namespace fs = std::filesystem;

struct SearchIndex::Impl {
  explicit Impl(std::unique_ptr<IndexStore> from) : store(std::move(from)), search(*store) {}
  std::unique_ptr<IndexStore> store;
  mutable std::mutex searching;
  mutable IndexSearch search;
};

SearchIndex::SearchIndex(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SearchIndex::SearchIndex(SearchIndex&&) noexcept = default;
SearchIndex::~SearchIndex() = default;

SearchIndex SearchIndex::open(const fs::path& path) {
  return SearchIndex(std::make_unique<Impl>(IndexStore::open_for_reading(path)));
}

SearchIndex SearchIndex::open_for_writing(const fs::path& path, const TextEncoder& encoder,
                                          const ChunkOptions& chunks) {
  return SearchIndex(std::make_unique<Impl>(IndexStore::open_for_writing(path, encoder, chunks)));
}

UpdateStats SearchIndex::update(std::span<const fs::path> roots, const TextEncoder& encoder,
                                const UpdateOptions& options) {
  impl_->search.forget();  // our own writes do not change data_version
  return update_index(*impl_->store, roots, encoder, options);
}

std::int64_t SearchIndex::remove(std::span<const fs::path> paths) {
  impl_->search.forget();
  return remove_from_index(*impl_->store, paths);
}

std::vector<SearchHit> SearchIndex::search(const std::string& query, const TextEncoder& encoder,
                                           const SearchOptions& options, SearchReport* report) const {
  impl_->store->check_encoder(encoder);
  const Tensor vector = encoder.encode({&query, 1}, TextRole::kQuery);
  const std::lock_guard one_at_a_time(impl_->searching);
  return impl_->search.run(
      {.text = query, .vector = vector.data<float>(), .is_normalized = encoder.is_normalized()}, options,
      report);
}

AnnSettings SearchIndex::approximate() const { return ann_settings(*impl_->store); }

void SearchIndex::set_approximate(const AnnSettings& settings) {
  check_ann_settings(settings, impl_->store->width(), Errc::kUsage, impl_->store->where());
  impl_->store->set_meta("ann", ann_text(settings));
}

AnnBuilt SearchIndex::build_approximate(const TextEncoder& encoder,
                                        const std::function<void(std::int64_t, std::int64_t)>& progress) {
  impl_->store->check_encoder(encoder);
  impl_->search.forget();  // memory for two copies of all vectors is not to be had
  return build_ann_cache(*impl_->store, encoder.is_normalized(), progress);
}

void SearchIndex::verify() const {
  const IndexStore& store = *impl_->store;
  const std::lock_guard one_at_a_time(impl_->searching);
  const bool query_only = store.number("PRAGMA query_only") != 0;
  store.run("PRAGMA query_only = OFF");  // the check of the word index is a write in form; it is taken back
  Transaction transaction = store.transaction(Transaction::Kind::kWrite);
  for (const char* sql : {"PRAGMA integrity_check(1)", "PRAGMA foreign_key_check"}) {
    Statement s = store.statement(sql);
    if (s.step() && s.text(0) != "ok")
      fail(Errc::kFormat, "{}: the file is damaged: {}. Fix: make the index anew.", store.where(), s.text(0));
  }
  VectorSum sum;
  store.each_vector([&](std::int64_t id, const float* vector) { sum.add(id, vector, store.width()); });
  if (const auto written = store.vector_sum(); written && *written != sum)
    fail(Errc::kFormat,
         "{}: its vectors are not those that were written (their sum differs). Fix: make the index anew.",
         store.where());
  verify_ann_cache(store);
  store.run("INSERT INTO words(words, rank) VALUES ('integrity-check', 1)");  // compares it with the texts
  if (query_only) store.run("PRAGMA query_only = ON");
}

std::int64_t SearchIndex::files() const { return impl_->store->number("SELECT count(*) FROM files"); }
std::int64_t SearchIndex::chunks() const { return impl_->store->number("SELECT count(*) FROM chunks"); }
std::string SearchIndex::model() const { return impl_->store->meta("model"); }
void SearchIndex::set_model(const std::string& name) { impl_->store->set_meta("model", name); }
std::string SearchIndex::identity() const { return impl_->store->meta("identity"); }
EmbedderOptions SearchIndex::options() const { return impl_->store->options(); }

}  // namespace lyceum
