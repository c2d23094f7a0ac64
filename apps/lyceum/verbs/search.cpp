// index and search.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <nlohmann/json.hpp>

#include "apps/lyceum/app.h"
#include "base/error.h"
#include "base/log.h"
#include "tasks/embed/embedder.h"
#include "tasks/search/search_index.h"

namespace lyceum::app {
namespace {

struct IndexOptions {
  std::vector<std::string> inputs;
  std::string model, output;
  ChunkOptions chunks;
  bool remove = false;
};

void index(const IndexOptions& o, const Common& common) {
  apply(common);
  const std::vector<std::filesystem::path> roots(o.inputs.begin(), o.inputs.end());
  std::string name = o.model;
  std::error_code error;
  if (name.empty()) {
    if (!std::filesystem::exists(o.output, error)) fail(Errc::kUsage, "index: --model is missing; a new index needs one");
    name = SearchIndex::open(o.output).model();
  }
  const auto embedder = Embedder::load(name);
  SearchIndex index = SearchIndex::open_for_writing(o.output, *embedder, o.chunks);
  if (!o.model.empty()) index.set_model(o.model);
  if (o.remove) {
    const std::int64_t gone = index.remove(roots);
    common.json ? print_json({{"deleted", gone}}) : print_line(fmt::format("{} files deleted", gone));
    return;
  }
  UpdateStats s;
  {
    Progress progress("index: files", 0, common);
    s = index.update(roots, *embedder, {.chunks = o.chunks, .progress = [&](const IndexProgress& p) { progress.update(p.files); }});
  }
  if (common.json)
    return print_json({{"added", s.added}, {"updated", s.updated}, {"unchanged", s.unchanged}, {"deleted", s.deleted}, {"skipped", s.skipped},
                       {"embedded", s.embedded}, {"reused", s.reused}, {"files", index.files()}, {"chunks", index.chunks()}});
  print_line(fmt::format("{}: {} files in {} passages ({} added, {} updated, {} unchanged, {} deleted; {} passages embedded, {} kept)", o.output,
                         index.files(), index.chunks(), s.added, s.updated, s.unchanged, s.deleted, s.embedded, s.reused));
  if (s.skipped > 0) log(LogLevel::kInfo, "{} files left out: binary or too large", s.skipped);
  if (s.repaired > 0) log(LogLevel::kWarning, "{} invalid UTF-8 sequences were replaced by U+FFFD", s.repaired);
}

struct QueryOptions {
  std::string index, model;
  InputOptions input;
  SearchOptions search;
};

// The passage on a few lines of the terminal.
std::string wrapped(const std::string& text, std::size_t width, std::size_t most_lines) {
  std::string out = "     ";
  std::size_t column = 5, lines = 1;
  for (std::size_t i = 0; i < text.size();) {
    while (i < text.size() && (text[i] == ' ' || text[i] == '\n' || text[i] == '\t' || text[i] == '\r')) ++i;
    std::size_t end = i;
    while (end < text.size() && text[end] != ' ' && text[end] != '\n' && text[end] != '\t' && text[end] != '\r') ++end;
    if (end == i) break;
    if (column + 1 + (end - i) > width && column > 5) {
      if (lines++ == most_lines) return out + " ...";
      out += "\n     ";
      column = 5;
    }
    if (column > 5) out += " ", ++column;
    out += text.substr(i, end - i);
    column += end - i;
    i = end;
  }
  return out;
}

void search(const QueryOptions& o, const Common& common) {
  apply(common);
  const SearchIndex index = SearchIndex::open(o.index);
  const auto embedder = Embedder::load(o.model.empty() ? index.model() : o.model);
  LineReader reader(o.input, common);
  std::string query;
  for (std::int64_t number = 0; reader.next(query); ++number) {
    std::int64_t rank = 0;
    for (const SearchHit& hit : index.search(query, *embedder, o.search)) {
      ++rank;
      if (common.json) {
        nlohmann::ordered_json object{{"rank", rank}, {"score", hit.score}, {"file", hit.file}, {"line", hit.line}, {"text", hit.text}};
        if (number > 0 || o.input.texts.size() != 1) object["query"] = query;
        print_json(object);
      } else {
        print_line(fmt::format("{:2}.  {:.3f}  {}:{}\n{}\n", rank, hit.score, hit.file, hit.line, wrapped(hit.text, 110, 4)));
      }
    }
    if (rank == 0 && !common.json) print_line("nothing found: the index is empty");
  }
  reader.report(common);
}

}  // namespace

void add_index(CLI::App& app) {
  auto o = std::make_shared<IndexOptions>();
  CLI::App* verb = app.add_subcommand("index", "Make or update a search index over files and folders");
  auto common = add_common(*verb, "lyceum index notes/ --model all-MiniLM-L6-v2 --output notes.index");
  verb->add_option("input", o->inputs, "Files and folders")->required();
  verb->add_option("--model,-m", o->model, "The encoder (default: that of the index)");
  verb->add_option("--output,-o", o->output, "The index file")->required();
  verb->add_option("--chunk-tokens", o->chunks.tokens, "The most tokens of a passage, for a new index")->capture_default_str();
  verb->add_option("--chunk-overlap", o->chunks.overlap, "Tokens that two passages share, for a new index")->capture_default_str();
  verb->add_flag("--remove", o->remove, "Take these files and folders out of the index");
  verb->callback([o, common] { index(*o, *common); });
}

void add_search(CLI::App& app) {
  auto o = std::make_shared<QueryOptions>();
  CLI::App* verb = app.add_subcommand("search", "Ask a search index");
  auto common = add_common(*verb, "lyceum search notes.index \"how do I renew my passport\"");
  verb->add_option("index", o->index, "The index file")->required();
  add_input(*verb, o->input, "Questions");
  verb->add_option("--model,-m", o->model, "The encoder, if it moved since the index was made");
  verb->add_option("--top,-k", o->search.top, "Answers to each question")->check(CLI::Range(1, 100000))->capture_default_str();
  verb->add_flag("--hybrid", o->search.hybrid, "Join vectors with word matches (BM25)");
  verb->callback([o, common] { search(*o, *common); });
}

}  // namespace lyceum::app
