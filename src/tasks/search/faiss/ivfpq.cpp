// IVF-PQ by Faiss: k-means, product quantizer and scanner; "which is nearest" is always ours (AnnNearest).
#include <faiss/Clustering.h>
#include <faiss/IndexIVFPQ.h>
#include <faiss/impl/ProductQuantizer.h>
#include <faiss/invlists/InvertedLists.h>

#include <algorithm>
#include <cstring>

#include "tasks/search/faiss/module.h"

namespace lyceum::faiss_module {
namespace {

constexpr int kBook = 256;  // vectors of a book: a code is a byte
constexpr int kIterations = 16;

// Centroids that Faiss asks for the nearest of. Inner products for the lists (vectors have length 1), squared
// distances inside the books, as the product quantizer's error wants it.
class Centroids final : public faiss::Index {
 public:
  Centroids(std::int64_t width, AnnNearest& nearest, faiss::MetricType metric)
      : faiss::Index(width, metric), nearest_(nearest) {}
  void add(idx_t count, const float* x) override {
    vectors_.insert(vectors_.end(), x, x + count * d);
    ntotal += count;
    nearest_.set(vectors_.data(), ntotal, d);
  }
  void reset() override {
    vectors_.clear();
    ntotal = 0;
  }
  void search(idx_t rows, const float* x, idx_t most, float* values, idx_t* which,
              const faiss::SearchParameters* = nullptr) const override {
    nearest_.search(x, rows, most, metric_type == faiss::METRIC_L2, which, values);
  }
  void reconstruct(idx_t row, float* to) const override { std::copy_n(vectors_.data() + row * d, d, to); }

 private:
  AnnNearest& nearest_;
  std::vector<float> vectors_;
};

faiss::ClusteringParameters clustering(std::int64_t most_per_centroid) {
  faiss::ClusteringParameters p;
  p.niter = kIterations;
  p.min_points_per_centroid = 1;  // a small index has few, and needs no warning
  p.max_points_per_centroid = static_cast<int>(most_per_centroid);
  return p;
}

void subtract_centroids(const IvfPq& trained, const std::int64_t* lists, std::int64_t rows, float* vectors) {
  for (std::int64_t r = 0; r < rows; ++r) {
    const float* centroid = trained.centroids.data() + lists[r] * trained.width;
    for (std::int64_t c = 0; c < trained.width; ++c) vectors[r * trained.width + c] -= centroid[c];
  }
}

faiss::ProductQuantizer quantizer_of(const IvfPq& trained) {
  faiss::ProductQuantizer pq(static_cast<std::size_t>(trained.width), static_cast<std::size_t>(trained.bytes),
                             8);
  pq.centroids = trained.books;
  return pq;
}

class ListSearcher final : public AnnSearcher {
 public:
  ListSearcher(IvfPq from, AnnNearest& nearest)
      : centroids_(from.width, nearest, faiss::METRIC_INNER_PRODUCT),
        index_(&centroids_, static_cast<std::size_t>(from.width), static_cast<std::size_t>(from.lists),
               static_cast<std::size_t>(from.bytes), 8, faiss::METRIC_INNER_PRODUCT) {
    centroids_.add(from.lists, from.centroids.data());
    index_.pq = quantizer_of(from);
    index_.is_trained = true;
    std::vector<std::int64_t> rows(from.list_rows.begin(), from.list_rows.end());
    std::size_t begin = 0;
    for (std::size_t list = 0; list < from.list_sizes.size(); ++list) {
      const std::size_t size = from.list_sizes[list];
      index_.invlists->add_entries(list, size, rows.data() + begin,
                                   from.codes.data() + begin * static_cast<std::size_t>(from.bytes));
      begin += size;
    }
    index_.ntotal = from.rows();
  }
  std::vector<std::int32_t> search(const AnnQuestion& question) override {
    std::vector<std::int64_t> rows(static_cast<std::size_t>(question.most), -1);
    std::vector<float> values(rows.size());
    faiss::IVFPQSearchParameters parameters;
    parameters.nprobe = static_cast<std::size_t>(question.lists);
    index_.search(1, question.vector, question.most, values.data(), rows.data(), &parameters);
    std::vector<std::int32_t> found;
    for (const std::int64_t row : rows)
      if (row >= 0) found.push_back(static_cast<std::int32_t>(row));
    return found;
  }

 private:
  Centroids centroids_;
  faiss::IndexIVFPQ index_;
};

}  // namespace

IvfPq train_lists(const float* sample, std::int64_t rows, std::int64_t width, std::int64_t lists,
                  std::int64_t bytes, AnnNearest& nearest) {
  IvfPq made{.width = width, .lists = lists, .bytes = bytes};
  faiss::ClusteringParameters coarse = clustering(rows);
  coarse.spherical = true;
  faiss::Clustering clusters(static_cast<int>(width), static_cast<int>(lists), coarse);
  Centroids centroids(width, nearest, faiss::METRIC_INNER_PRODUCT);
  clusters.train(rows, sample, centroids);
  made.centroids = clusters.centroids;

  // The books are made from what is left of at most 128 vectors for each of their 256; of fewer than 256
  // vectors some count twice.
  const std::int64_t training = std::clamp<std::int64_t>(rows, kBook, 128 * kBook);
  std::vector<float> rest(static_cast<std::size_t>(training * width));
  for (std::int64_t r = 0; r < training; ++r) {
    const std::int64_t from = rows >= training ? r * rows / training : r % rows;
    std::copy_n(sample + from * width, width, rest.data() + r * width);
  }
  std::vector<std::int64_t> assigned(static_cast<std::size_t>(training));
  std::vector<float> values(assigned.size());
  centroids.search(training, rest.data(), 1, values.data(), assigned.data());
  subtract_centroids(made, assigned.data(), training, rest.data());
  faiss::ProductQuantizer pq(static_cast<std::size_t>(width), static_cast<std::size_t>(bytes), 8);
  pq.cp = clustering(training);
  Centroids book(width / bytes, nearest, faiss::METRIC_L2);
  pq.assign_index = &book;
  pq.train(static_cast<std::size_t>(training), rest.data());
  made.books = pq.centroids;
  made.list_sizes.assign(static_cast<std::size_t>(lists), 0);
  return made;
}

void encode_lists(const IvfPq& trained, const float* vectors, std::int64_t rows, AnnNearest& nearest,
                  std::int64_t* lists, std::uint8_t* codes) {
  std::vector<float> values(static_cast<std::size_t>(rows));
  nearest.set(trained.centroids.data(), trained.lists, trained.width);
  nearest.search(vectors, rows, 1, false, lists, values.data());
  std::vector<float> rest(vectors, vectors + rows * trained.width);
  subtract_centroids(trained, lists, rows, rest.data());
  faiss::ProductQuantizer pq = quantizer_of(trained);
  Centroids book(trained.width / trained.bytes, nearest, faiss::METRIC_L2);
  pq.assign_index = &book;
  pq.compute_codes_with_assign_index(rest.data(), codes, static_cast<std::size_t>(rows));
}

std::unique_ptr<AnnSearcher> open_lists(IvfPq lists, AnnNearest& nearest) {
  return std::make_unique<ListSearcher>(std::move(lists), nearest);
}

}  // namespace lyceum::faiss_module
