#include <algorithm>
#include <nlohmann/json.hpp>

#include "apps/lyceum/app.h"
#include "apps/lyceum/blocks.h"
#include "apps/lyceum/processes.h"
#include "base/error.h"
#include "base/log.h"
#include "formats/npy.h"
#include "tasks/embed/embedder.h"

namespace lyceum::app {
namespace {

struct EmbedArguments {
  std::string model, output;
  InputOptions input;
  EmbedderOptions embedder;
  std::string prompt;
  bool resume = false, tokens = false;
  CutTexts cuts;
};

void print_row(std::int64_t index, const std::string& text, std::span<const float> row, bool truncated,
               const Common& common) {
  if (common.json) {
    nlohmann::ordered_json object{{"index", index}, {"embedding", row}};
    if (truncated) object["truncated"] = true;
    return print_json(object);
  }
  std::string values;
  for (std::size_t c = 0; c < std::min<std::size_t>(6, row.size()); ++c)
    values += fmt::format("{:9.5f}", row[c]);
  print_line(fmt::format("{:<42}{} ... ({} values){}", shortened(text, 40), values, row.size(),
                         truncated ? " truncated" : ""));
}

// Embeds what `reader` still gives; `done` counts the texts, also when this ends early.
void embed_all(Ranks& ranks, LineReader* reader, const Embedder& embedder, NpyRowWriter* writer,
               const Common& common, std::int64_t& done, CutTexts& cuts) {
  using Rows = std::pair<std::vector<float>, std::vector<std::uint8_t>>;  // and which texts were cut
  const auto encode = [&](std::span<const std::string> texts) {
    Rows rows;
    const Tensor vectors = embedder.encode(texts, TextRole::kPlain, &rows.second);
    rows.first.assign(vectors.data<float>(), vectors.data<float>() + vectors.elements());
    return rows;
  };
  const auto width = static_cast<std::size_t>(embedder.width());
  share_blocks<std::string>(ranks, "embed", reader, common, done, encode,
                            [&](std::span<const std::string> texts, const Rows& rows) {
                              const auto& [values, truncated] = rows;
                              for (std::size_t i = 0; i < texts.size(); ++i) {
                                cuts.add(truncated[i] != 0, embedder.max_tokens());
                                if (writer == nullptr)
                                  print_row(done + static_cast<std::int64_t>(i), texts[i],
                                            std::span(values).subspan(i * width, width), truncated[i] != 0,
                                            common);
                              }
                              if (writer != nullptr)
                                writer->append(values.data(), static_cast<std::int64_t>(texts.size()));
                              done += static_cast<std::int64_t>(texts.size());
                            });
}

// A vector for each token of each text: lines of JSON or for people, or rows of a file with the row each text
// begins at beside it.
void embed_tokens(LineReader& reader, const Embedder& embedder, const std::string& output,
                  const Common& common, CutTexts cuts) {
  const std::int64_t width = embedder.model().width();
  std::unique_ptr<NpyRowWriter> writer;
  if (!output.empty())
    writer = std::make_unique<NpyRowWriter>(output, width, false, embedder.identity() + "-tokens");
  std::vector<std::int64_t> first{0};
  in_blocks<std::string>("embed", reader, common, 0, [&](std::span<const std::string> texts) {
    const TokenVectors all = embedder.encode_tokens(texts);
    for (std::size_t i = 0; i < texts.size(); ++i) {
      const Encoding& e = all.encodings[i];
      cuts.add(e.truncated, embedder.max_tokens());
      const auto index = static_cast<std::int64_t>(first.size()) - 1;
      first.push_back(first.back() + all.first[i + 1] - all.first[i]);
      if (writer != nullptr) continue;
      nlohmann::ordered_json object{{"index", index}, {"tokens", nlohmann::ordered_json::array()}};
      nlohmann::ordered_json rows = nlohmann::ordered_json::array();
      for (std::size_t t = 0; t < e.ids.size(); ++t) {
        const std::string& token = *embedder.tokenizer().token(e.ids[t]);
        const std::span<const float> row(all.vectors.row<float>(all.first[i] + static_cast<std::int64_t>(t)),
                                         static_cast<std::size_t>(width));
        if (!common.json) {
          print_row(index, token, row, false, common);
          continue;
        }
        object["tokens"].push_back(token);
        rows.push_back(row);
      }
      if (!common.json) continue;
      object["embeddings"] = std::move(rows);
      if (e.truncated) object["truncated"] = true;
      print_json(object);
    }
    if (writer != nullptr) writer->append(all.vectors.data<float>(), all.vectors.rows());
  });
  if (writer != nullptr) {
    const std::string firsts = output + ".first.npy";
    write_npy(firsts, Tensor::of<std::int64_t>({static_cast<std::int64_t>(first.size())}, first));
    writer->finish();
    if (common.json)
      print_json({{"output", output},
                  {"first", firsts},
                  {"texts", first.size() - 1},
                  {"rows", first.back()},
                  {"width", width},
                  {"truncated", cuts.cut}});
    log(LogLevel::kInfo, "{}: {} rows of {} values for {} texts; {}: where each begins", output, first.back(),
        width, first.size() - 1, firsts);
  }
  reader.report();
  cuts.report(embedder.max_tokens());
}

void run(const EmbedArguments& o, const Common& common) {
  Ranks& ranks = apply_shared(common);
  EmbedderOptions options = o.embedder;
  if (!o.prompt.empty()) options.prompt = o.prompt;
  options.compute = compute_of(common);
  if (o.resume && o.output.empty()) fail(Errc::kUsage, "--resume needs --output");
  if (o.tokens && (o.resume || options.truncate_dim > 0 || !options.pooling.empty()))
    fail(Errc::kUsage, "--tokens goes with none of --resume, --truncate-dim and --pooling");
  if (o.tokens && !ranks.is_alone())
    fail(Errc::kUsage, "--tokens: found {} processes, expected one. Fix: without mpirun", ranks.size());
  std::optional<LineReader> input;
  if (ranks.is_root()) input.emplace(o.input, common);
  const auto embedder = Embedder::load(find_model(ranks, o.model, common), options);
  report_unused(embedder->unused(), common);
  std::int64_t done = 0;
  CutTexts cuts = o.cuts;
  if (!ranks.is_alone()) expect_same(ranks, "model", embedder->identity());
  if (!input) return embed_all(ranks, nullptr, *embedder, nullptr, common, done, cuts);
  LineReader& reader = *input;
  if (o.tokens) return embed_tokens(reader, *embedder, o.output, common, o.cuts);
  std::unique_ptr<NpyRowWriter> writer;
  if (!o.output.empty())
    writer = std::make_unique<NpyRowWriter>(o.output, embedder->width(), o.resume, embedder->identity());
  if (writer != nullptr && writer->rows() > 0) {
    std::string line;
    for (; done < writer->rows(); ++done)
      if (!reader.next(line))
        fail(Errc::kData,
             "{}: holds {} rows, but the input has {} lines only. Fix: without --resume it is written anew.",
             o.output, writer->rows(), done);
    cuts.texts = done;
    log(LogLevel::kInfo, "{}: going on after {} rows", o.output, done);
  }
  try {
    embed_all(ranks, &reader, *embedder, writer.get(), common, done, cuts);
  } catch (const Error& error) {
    if (error.code() != Errc::kInterrupted) throw;
    if (writer == nullptr)
      fail(Errc::kInterrupted, "interrupted after {} texts. With --output FILE it could go on from there",
           done);
    writer->flush();
    fail(Errc::kInterrupted,
         "interrupted after {} rows, which are kept. Fix: the same command with --resume goes on", done);
  }
  if (writer != nullptr) {
    writer->finish();
    if (common.json)
      print_json(
          {{"output", o.output}, {"rows", done}, {"width", embedder->width()}, {"truncated", cuts.cut}});
    log(LogLevel::kInfo, "{}: {} rows of {} values", o.output, done, embedder->width());
  }
  reader.report();
  cuts.report(embedder->max_tokens());
}

}  // namespace

void add_embed(CLI::App& app) {
  auto o = std::make_shared<EmbedArguments>();
  Verb verb(app, "embed", "Sentence vectors");
  auto common = add_common(
      verb, "lyceum embed sentence-transformers/all-MiniLM-L6-v2 \"A man is playing guitar.\" --json");
  add_model(verb, "model", o->model, "A folder, a file or a name", common).required();
  add_input(verb, o->input, "Texts");
  verb.option("--output,-o", o->output, "A .npy file: float32 [texts, width]; FILE.part until it is whole");
  verb.flag("--resume", o->resume,
            "Go on with an --output that was interrupted (same model, options and input)");
  verb.option("--prompt-name", o->embedder.prompt_name, "One of the model's prompts");
  verb.option("--prompt", o->prompt, "A text to put before every text");
  add_vector_options(verb, o->embedder);
  verb.flag("--tokens", o->tokens,
            "A vector for each token (late interaction): the last layer without pooling; with --output also "
            "FILE.first.npy, int64 [texts + 1], the row each text begins at");
  add_no_truncate(verb, o->cuts);
  verb.run([o, common] { run(*o, *common); });
}

}  // namespace lyceum::app
