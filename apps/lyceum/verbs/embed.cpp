#include <algorithm>
#include <nlohmann/json.hpp>

#include "apps/lyceum/app.h"
#include "apps/lyceum/blocks.h"
#include "base/error.h"
#include "base/log.h"
#include "formats/npy.h"
#include "tasks/embed/embedder.h"

namespace lyceum::app {
namespace {

struct Options {
  std::string model, output;
  InputOptions input;
  EmbedderOptions embedder;
  std::string prompt;
  bool resume = false;
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
void embed_all(LineReader& reader, const Embedder& embedder, NpyRowWriter* writer, const Common& common,
               std::int64_t& done, CutTexts& cuts) {
  std::vector<std::uint8_t> truncated;
  in_blocks<std::string>("embed", reader, common, done, [&](std::span<const std::string> texts) {
    const Tensor vectors = embedder.encode(texts, TextRole::kPlain, &truncated);
    for (std::size_t i = 0; i < texts.size(); ++i) {
      cuts.add(truncated[i] != 0, embedder.max_tokens());
      const std::span<const float> row(vectors.row<float>(static_cast<std::int64_t>(i)),
                                       static_cast<std::size_t>(embedder.width()));
      if (writer == nullptr)
        print_row(done + static_cast<std::int64_t>(i), texts[i], row, truncated[i] != 0, common);
    }
    if (writer != nullptr) writer->append(vectors.data<float>(), vectors.rows());
    done += static_cast<std::int64_t>(texts.size());
  });
}

void run(const Options& o, const Common& common) {
  apply(common);
  EmbedderOptions options = o.embedder;
  if (!o.prompt.empty()) options.prompt = o.prompt;
  options.compute = compute_of(common);
  if (o.resume && o.output.empty()) fail(Errc::kUsage, "--resume needs --output");
  LineReader reader(o.input, common);
  const auto embedder = Embedder::load(find_model(o.model, common), options);
  report_unused(embedder->unused(), common);
  std::unique_ptr<NpyRowWriter> writer;
  if (!o.output.empty())
    writer = std::make_unique<NpyRowWriter>(o.output, embedder->width(), o.resume, embedder->identity());
  std::int64_t done = 0;
  CutTexts cuts = o.cuts;
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
    embed_all(reader, *embedder, writer.get(), common, done, cuts);
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
  auto o = std::make_shared<Options>();
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
  verb.option("--max-tokens", o->embedder.max_tokens, "Cut texts to fewer tokens than the model takes")
      .range(2, 1 << 20);
  add_no_truncate(verb, o->cuts);
  verb.run([o, common] { run(*o, *common); });
}

}  // namespace lyceum::app
