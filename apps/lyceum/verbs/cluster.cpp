// cluster: lines that mean much the same, in groups.
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>

#include "apps/lyceum/app.h"
#include "apps/lyceum/embedded_lines.h"
#include "base/error.h"
#include "base/log.h"
#include "tasks/cluster/communities.h"
#include "tasks/cluster/k_means.h"
#include "tasks/common/nearest.h"

namespace lyceum::app {
namespace {

// 0 and NaN: not given.
struct ClusterArguments {
  std::string model;
  InputOptions input;
  EmbeddingChoices embedding;
  std::int64_t clusters = 0, restarts = 0, min_size = 0, shown = 3;
  double threshold = std::nan("");
  bool summary = false, text = false;
};

constexpr std::int64_t kNoCluster = -1;  // of a text, in JSON

std::vector<TextCluster> found_clusters(const ClusterArguments& o, const Common& common, Tensor& vectors) {
  if (o.clusters > 0) {
    KMeansOptions options{.clusters = o.clusters, .seed = common.seed};
    if (o.restarts > 0) options.restarts = o.restarts;
    return compared(vectors.rows(), common,
                    [&](const auto&) { return clusters_of(k_means(vectors, options), vectors); });
  }
  CommunityOptions options;
  if (!std::isnan(o.threshold)) options.threshold = o.threshold;
  if (o.min_size > 0) options.min_size = o.min_size;
  normalize_rows(vectors);
  std::vector<TextCluster> found = compared(
      vectors.rows(), common, [&](const auto& progress) { return communities(vectors, options, progress); });
  if (found.empty())
    log(LogLevel::kWarning,
        "found no {} texts that are as close as {} to one of them. Fix: a smaller --min-size or --threshold, "
        "or "
        "--clusters, which leaves no text out",
        options.min_size, options.threshold);
  return found;
}

// A line for every text, in the order of the input.
void print_texts(std::span<const TextCluster> clusters, std::span<const std::string> texts,
                 std::int64_t count) {
  std::vector<std::pair<std::int64_t, float>> places(static_cast<std::size_t>(count), {kNoCluster, 0.0f});
  for (std::size_t c = 0; c < clusters.size(); ++c)
    for (const ClusteredText& member : clusters[c].members)
      places[static_cast<std::size_t>(member.index)] = {static_cast<std::int64_t>(c), member.score};
  for (std::size_t i = 0; i < places.size(); ++i) {
    const auto& [cluster, score] = places[i];
    nlohmann::ordered_json object{{"index", i}, {"cluster", cluster}};
    if (cluster != kNoCluster) object["score"] = score;
    if (!texts.empty()) object["text"] = texts[i];
    print_json(object);
  }
}

void print_summaries(std::span<const TextCluster> clusters, std::span<const std::string> texts) {
  for (std::size_t c = 0; c < clusters.size(); ++c) {
    nlohmann::ordered_json members = nlohmann::ordered_json::array();
    for (const ClusteredText& member : clusters[c].members) members.push_back(member.index);
    const std::int64_t center = clusters[c].members[0].index;
    nlohmann::ordered_json object{
        {"cluster", c}, {"size", clusters[c].members.size()}, {"center", center}, {"members", members}};
    if (!texts.empty()) object["text"] = texts[static_cast<std::size_t>(center)];
    print_json(object);
  }
}

void print_for_people(std::span<const TextCluster> clusters, std::span<const std::string> texts,
                      const ClusterArguments& o) {
  for (std::size_t c = 0; c < clusters.size(); ++c) {
    const auto& members = clusters[c].members;
    print_line(fmt::format("cluster {}: {} text{}", c, members.size(), members.size() == 1 ? "" : "s"));
    const std::size_t shown =
        o.shown == 0 ? members.size() : std::min(members.size(), static_cast<std::size_t>(o.shown));
    for (std::size_t i = 0; i < shown; ++i) {
      const std::string& text = texts[static_cast<std::size_t>(members[i].index)];
      print_line(fmt::format("  {:.4f} {:>7}  {}", members[i].score, members[i].index,
                             o.text ? text : shortened(text, kShownCharacters)));
    }
    if (shown < members.size()) print_line(fmt::format("  and {} more", members.size() - shown));
  }
}

void check(const ClusterArguments& o, const Common& common) {
  const bool by_distance = !std::isnan(o.threshold) || o.min_size > 0;
  if (o.clusters > 0 && by_distance)
    fail(Errc::kUsage,
         "found --clusters with --threshold or --min-size. Fix: --clusters puts every text into one of so "
         "many; "
         "the others find those that are close");
  if (o.clusters == 0 && o.restarts > 0)
    fail(Errc::kUsage, "found --restarts without --clusters, which it belongs to");
  if (o.summary && !common.json) fail(Errc::kUsage, "found --summary without --json, whose form it changes");
}

void run(const ClusterArguments& o, const Common& common) {
  apply(common);
  check(o, common);
  LineReader reader(o.input, common);
  const auto embedder = load_embedder(o.model, o.embedding, common);
  CutTexts cuts = o.embedding.cuts;
  EmbeddedLines lines = embed_lines("embed", reader, *embedder, o.text || !common.json, cuts, common);
  const std::int64_t count = lines.vectors.rows();
  const std::vector<TextCluster> clusters = found_clusters(o, common, lines.vectors);
  if (!common.json) {
    print_for_people(clusters, lines.texts, o);
  } else if (o.summary) {
    print_summaries(clusters, lines.texts);
  } else {
    print_texts(clusters, lines.texts, count);
  }
  std::size_t members = 0;
  for (const TextCluster& cluster : clusters) members += cluster.members.size();
  log(LogLevel::kInfo, "{} of {} texts are in {} clusters", members, count, clusters.size());
  cuts.report(embedder->max_tokens());
}

}  // namespace

void add_cluster(CLI::App& app) {
  auto o = std::make_shared<ClusterArguments>();
  Verb verb(app, "cluster", "Lines that mean much the same, in groups");
  auto common = add_common(
      verb, "lyceum cluster all-MiniLM-L6-v2 --input questions.txt --threshold 0.75 --min-size 10 --json");
  add_model(verb, "model", o->model, "A folder, a file or a name", common).required();
  add_input(verb, o->input, "Texts");
  verb.option("--clusters,-n", o->clusters, "Every text into one of so many clusters: k-means")
      .range(1, 1 << 20);
  verb.option("--restarts", o->restarts, "K-means: runs, the tightest of which counts (default: 3)")
      .range(1, 1000);
  verb.option(
          "--threshold", o->threshold,
          "Texts whose cosine to a central one is at least this (default: 0.75); others are in no cluster")
      .check(wrong_cosine, "COSINE");
  verb.option("--min-size", o->min_size, "The smallest cluster that --threshold makes (default: 10)")
      .range(1, std::int64_t{1} << 40);
  verb.option("--show", o->shown, "Of each cluster, the texts to print, closest to the centre first; 0: all")
      .range(0, std::int64_t{1} << 40)
      .show_default();
  verb.flag("--summary", o->summary, "With --json: a line for each cluster instead of each text");
  verb.flag("--text", o->text, "Whole texts, with --json too");
  add_embedding(verb, o->embedding);
  verb.run([o, common] { run(*o, *common); });
}

}  // namespace lyceum::app
