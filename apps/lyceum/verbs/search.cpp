// index and search.
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "apps/lyceum/app.h"
#include "apps/lyceum/processes.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "tasks/embed/embedder.h"
#include "tasks/embed/shared_encoder.h"
#include "tasks/search/ann_engine.h"
#include "tasks/search/search_index.h"

namespace lyceum::app {
namespace {

struct IndexOptions {
  std::vector<std::string> inputs;
  std::string model, output, ann;
  EmbedderOptions embedder;
  std::string prompt, query_prompt;
  ChunkOptions chunks;
  AnnSettings settings;
  std::uint64_t max_file_mb = 16;
  bool remove = false, verify = false;
};

void print_summary(const std::string& file, const SearchIndex& index, const UpdateStats& s,
                   const AnnBuilt& ann, const Common& common) {
  if (common.json) {
    nlohmann::ordered_json object{
        {"added", s.added},     {"updated", s.updated},   {"unchanged", s.unchanged},
        {"deleted", s.deleted}, {"skipped", s.skipped},   {"embedded", s.embedded},
        {"reused", s.reused},   {"files", index.files()}, {"chunks", index.chunks()}};
    if (ann.kind != AnnKind::kNone)
      object["ann"] = {{"kind", ann_name(ann.kind)}, {"added", ann.added}, {"bytes", ann.bytes}};
    return print_json(object);
  }
  print_line(fmt::format(
      "{}: {} files in {} passages ({} added, {} updated, {} unchanged, {} deleted; {} passages embedded, {} "
      "of changed files kept)",
      file, index.files(), index.chunks(), s.added, s.updated, s.unchanged, s.deleted, s.embedded, s.reused));
  if (ann.bytes > 0)
    print_line(fmt::format("{}: {}, {} passages put in", ann_cache_path(file, ann.kind).string(),
                           byte_text(ann.bytes), ann.added));
}

// What --ann asks for, checked before anything is embedded.
void choose_approximate(SearchIndex& index, const IndexOptions& o) {
  if (o.ann.empty()) return;
  AnnSettings settings = o.settings;
  settings.kind = ann_kind(o.ann);
  if (settings.kind != AnnKind::kNone) require_ann_engine();
  index.set_approximate(settings);
}

AnnBuilt build_approximate(SearchIndex& index, const Embedder& embedder, const Common& common) {
  std::string trouble;
  if (index.approximate().kind != AnnKind::kNone && ann_engine(&trouble) == nullptr) {
    log(LogLevel::kWarning, "approximate search is not brought up to date, searches will be exact: {}",
        trouble);
    return {};
  }
  Progress progress("index: approximate search", index.chunks(), common);
  return index.build_approximate(embedder, [&](std::int64_t done, std::int64_t all) {
    progress.set_total(all);
    progress.update(done);
  });
}

// What the command line says of the embedder.
EmbedderOptions given_options(const IndexOptions& o, const Common& common) {
  EmbedderOptions options = o.embedder;
  if (!o.prompt.empty()) options.prompt = o.prompt;
  if (!o.query_prompt.empty()) options.query_prompt = o.query_prompt;
  options.compute = compute_of(common);
  return options;
}

// The model of an index that is there, with what the index remembers where `given` says nothing.
std::shared_ptr<const Embedder> load_for(const SearchIndex& index, const std::string& file,
                                         const ModelFolder& folder, const EmbedderOptions& given) {
  const EmbedderOptions kept = index.options(), options = filled_up(given, kept);
  try {
    return Embedder::load(folder, options);
  } catch (const Error& error) {
    const std::string text = options_text(kept);
    if (text.empty() || text != options_text(options) ||
        (error.code() != Errc::kUsage && error.code() != Errc::kData))
      throw;
    fail(Errc::kData,
         "{}: was made with the embedding options {}, which the model {} does not take: {}. Fix: give the "
         "model that the index was made with, or make the index anew.",
         file, shortened(text, 300), folder.name(), error.what());
  }
}

using SharedModel = std::vector<std::string>;  // name, options_text(), number format

// On every process but the first, which has the index: embeds passages with the model that it names.
void embed_for_index(Ranks& ranks, const Common& common) {
  const auto message = unpacked<SharedModel>(ranks.broadcast(""));
  EmbedderOptions options = options_from_text(message.at(1), "index");
  if (!message.at(2).empty()) options.compute = compute_from_name(message[2]);
  const auto embedder = Embedder::load(find_model(ranks, message[0], common), options);
  expect_same(ranks, "model", embedder->identity());
  SharedEncoder::serve(*embedder, ranks);
}

void index(const IndexOptions& o, const Common& common) {
  Ranks& ranks = apply_shared(common);
  if (!ranks.is_root()) return embed_for_index(ranks, common);
  if (o.inputs.empty() && !o.verify)
    fail(Errc::kUsage,
         "index: found no files and folders, expected at least one. Fix: `lyceum index --help` has an "
         "example.");
  const std::vector<std::filesystem::path> roots(o.inputs.begin(), o.inputs.end());
  std::string name = o.model;
  std::error_code error;
  if (o.verify) {
    const SearchIndex index = SearchIndex::open(o.output);
    index.verify();
    if (common.json)
      return print_json({{"files", index.files()}, {"chunks", index.chunks()}, {"verified", true}});
    return print_line(
        fmt::format("{}: {} files in {} passages, all in order", o.output, index.files(), index.chunks()));
  }
  if (o.ann.empty() && o.settings != AnnSettings{})
    fail(Errc::kUsage, "index: the --ann-... options need --ann hnsw or --ann ivfpq");
  EmbedderOptions options = given_options(o, common);
  std::optional<SearchIndex> there;
  if (std::filesystem::exists(o.output, error) && std::filesystem::file_size(o.output, error) > 0) {
    there.emplace(SearchIndex::open(o.output));
    if (name.empty()) name = there->model();
    options = filled_up(options, there->options());
  } else if (name.empty()) {
    fail(Errc::kUsage, "index: --model is missing; a new index needs one");
  }
  ranks.broadcast(packed(
      SharedModel{name, options_text(options), options.compute ? compute_name(*options.compute) : ""}));
  const ModelFolder folder = find_model(ranks, name, common);
  const auto embedder = there ? load_for(*there, o.output, folder, options) : Embedder::load(folder, options);
  there.reset();
  if (!ranks.is_alone()) expect_same(ranks, "model", embedder->identity());
  SearchIndex index = SearchIndex::open_for_writing(o.output, *embedder, o.chunks);
  // a folder's name is kept so that it is found from any working directory
  if (!o.model.empty())
    index.set_model(std::filesystem::exists(o.model, error)
                        ? std::filesystem::absolute(o.model).lexically_normal().string()
                        : o.model);
  if (o.remove) {
    const std::int64_t gone = index.remove(roots);
    common.json ? print_json({{"deleted", gone}}) : print_line(fmt::format("{} files deleted", gone));
    return;
  }
  choose_approximate(index, o);
  report_unused(embedder->unused(), common);
  UpdateStats s;
  std::map<std::string, std::vector<std::string>> left_out;  // by reason
  {
    Progress progress("index: passages", 0, common);
    const auto show = [&](const IndexProgress& p) {
      const auto all = static_cast<double>(std::max<std::uint64_t>(1, p.all_bytes));
      progress.update(p.chunks, std::min(1.0, static_cast<double>(p.bytes) / all));  // files may grow
    };
    const auto note = [&](const std::filesystem::path& path, const std::string& reason) {
      left_out[reason].push_back(path.generic_string());
    };
    s = index.update(
        roots, SharedEncoder(*embedder, ranks),
        {.chunks = o.chunks, .max_file_bytes = o.max_file_mb << 20, .progress = show, .left_out = note});
  }
  print_summary(o.output, index, s, build_approximate(index, *embedder, common), common);
  for (const auto& [reason, files] : left_out) {
    constexpr std::size_t kNamed = 3;
    std::string names;
    for (std::size_t i = 0; i < files.size() && (i < kNamed || common.verbose); ++i)
      names += (i ? ", " : "") + files[i];
    if (files.size() > kNamed && !common.verbose)
      names += fmt::format(" and {} more (--verbose names them)", files.size() - kNamed);
    log(LogLevel::kInfo, "left out, {}: {}", reason, names);
  }
  if (s.repaired > 0)
    log(LogLevel::kWarning, "{} invalid UTF-8 sequences were replaced by U+FFFD", s.repaired);
  if (s.added + s.updated + s.unchanged == 0)
    log(LogLevel::kWarning,
        "found no text file in {}. Hidden files, links to folders and what .gitignore and .lyceumignore name "
        "do not count.",
        fmt::join(o.inputs, ", "));
}

struct QueryOptions {
  std::string index, model;
  InputOptions input;
  SearchOptions search;
  bool no_truncate = false;
};

// The passage on a few lines of the terminal.
std::string wrapped(const std::string& text, std::size_t width, std::size_t most_lines) {
  std::string out = "     ";
  std::size_t column = 5, lines = 1;
  for (std::size_t i = 0; i < text.size();) {
    while (i < text.size() && (text[i] == ' ' || text[i] == '\n' || text[i] == '\t' || text[i] == '\r')) ++i;
    std::size_t end = i;
    while (end < text.size() && text[end] != ' ' && text[end] != '\n' && text[end] != '\t' &&
           text[end] != '\r')
      ++end;
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
  const auto embedder =
      load_for(index, o.index, find_model(o.model.empty() ? index.model() : o.model, common),
               {.compute = compute_of(common)});
  LineReader reader(o.input, common);
  // one question on the command line needs no repeating; of a list, each answer says which it belongs to
  const bool is_list = o.input.texts.size() != 1 || o.input.texts[0] == "-";
  const char *bold = use_colour() ? "\033[1m" : "", *dim = use_colour() ? "\033[2m" : "",
             *plain = use_colour() ? "\033[0m" : "";
  std::string query, told;
  std::int64_t cut = 0;
  while (reader.next(query)) {
    check_interrupt();
    if (query.find_first_not_of(" \t") == std::string::npos) {
      if (!is_list) fail(Errc::kUsage, "search: the question is empty");
      continue;
    }
    if (embedder->cuts(query, TextRole::kQuery)) {
      if (o.no_truncate)
        fail(Errc::kData, "question {} has more than {} tokens. Fix: cut it, or leave out --no-truncate",
             reader.lines(), embedder->max_tokens());
      ++cut;
    }
    if (is_list && !common.json) print_line(fmt::format("{}{}{}\n", bold, query, plain));
    std::int64_t rank = 0;
    SearchReport how;
    const std::vector<SearchHit> hits = index.search(query, *embedder, o.search, &how);
    if (!how.trouble.empty() && how.trouble != told)
      log(LogLevel::kWarning, "searching exactly: {}", how.trouble);
    told = how.trouble;
    for (const SearchHit& hit : hits) {
      ++rank;
      if (common.json) {
        nlohmann::ordered_json object{
            {"rank", rank}, {"score", hit.score}, {"file", hit.file}, {"line", hit.line}, {"text", hit.text}};
        if (is_list) object["query"] = query;
        print_json(object);
      } else {
        print_line(fmt::format("{:2}.  {:.3f}  {}{}:{}{}\n{}{}{}\n", rank, hit.score, bold, hit.file,
                               hit.line, plain, dim, wrapped(hit.text, 110, 4), plain));
      }
    }
    if (rank == 0) log(LogLevel::kWarning, "nothing found: the index is empty");
    flush_output();  // someone may be asking line by line
  }
  reader.report();
  if (cut > 0) log(LogLevel::kWarning, "{} questions were cut to {} tokens", cut, embedder->max_tokens());
}

}  // namespace

void add_index(CLI::App& app) {
  auto o = std::make_shared<IndexOptions>();
  Verb verb(app, "index", "Make or update a search index over files and folders");
  auto common = add_common(verb, "lyceum index notes/ --model all-MiniLM-L6-v2 --output notes.index");
  verb.option("input", o->inputs,
              "Files and folders. Files that are gone from a folder leave the index; .gitignore and "
              ".lyceumignore are obeyed");
  add_model(verb, "--model,-m", o->model, "The encoder (default: that of the index)", common);
  verb.option("--output,-o", o->output,
              "The index file; the same command again brings it up to date, also after an interruption")
      .required();
  verb.option("--prompt-name", o->embedder.prompt_name, "One of the model's prompts, before every text");
  verb.option("--prompt", o->prompt,
              "A text to put before every passage and question. The index remembers this option and the "
              "others of its vectors: they need not be given again, neither here nor to search");
  verb.option("--query-prompt-name", o->embedder.query_prompt_name,
              "One of the model's prompts, before questions instead");
  verb.option("--query-prompt", o->query_prompt, "A text to put before questions instead");
  add_vector_options(verb, o->embedder);
  verb.option("--chunk-tokens", o->chunks.tokens, "The most tokens of a passage, for a new index")
      .show_default();
  verb.option("--chunk-overlap", o->chunks.overlap, "Tokens that two passages share, for a new index")
      .show_default();
  verb.option("--max-file-mb", o->max_file_mb, "Leave out larger files").range(1, 1024).show_default();
  verb.option(
          "--ann", o->ann,
          "Approximate search for large indexes, in a file beside the index that is kept up to date from now "
          "on: hnsw (a graph), ivfpq (lists of codes: less memory, misses more) or none")
      .one_of({"hnsw", "ivfpq", "none"});
  verb.option("--ann-links", o->settings.links, "hnsw: links of a passage").range(2, 256).show_default();
  verb.option("--ann-build-effort", o->settings.build_effort,
              "hnsw: passages looked at closely for each that is put in")
      .range(1, 10000)
      .show_default();
  verb.option("--ann-lists", o->settings.lists, "ivfpq: lists (default: 4 sqrt(different passages))")
      .range(1, 1 << 20);
  verb.option("--ann-bytes", o->settings.bytes,
              "ivfpq: bytes of a passage, a divisor of the vectors' width (default: an eighth of it)")
      .range(1, 1 << 20);
  verb.flag("--remove", o->remove, "Take these files and folders out of the index");
  verb.flag("--verify", o->verify, "Read the whole index and say whether it is in order");
  verb.run([o, common] { index(*o, *common); });
}

void add_search(CLI::App& app) {
  auto o = std::make_shared<QueryOptions>();
  Verb verb(app, "search", "Ask a search index");
  auto common = add_common(verb, "lyceum search notes.index \"how do I renew my passport\"");
  verb.option("index", o->index, "The index file").required();
  add_input(verb, o->input, "Questions");
  add_model(verb, "--model,-m", o->model, "The encoder, if it moved since the index was made", common);
  verb.option("--top,-k", o->search.top, "Answers to each question").range(1, 100000).show_default();
  verb.flag("--exact", o->search.exact, "Look at every vector, also where the index has approximate search");
  verb.option("--effort", o->search.effort,
              "Passages that an approximate search looks at closely: more is slower and misses less")
      .range(1, 1000000)
      .show_default();
  verb.flag("--hybrid", o->search.hybrid, "Join vectors with word matches (BM25)");
  verb.flag("--no-truncate", o->no_truncate, "A question that is too long is an error");
  verb.run([o, common] { search(*o, *common); });
}

}  // namespace lyceum::app
