// What the verbs of the command share: options, input lines, output forms, progress.
#pragma once

#include <cstdint>
#include <cstdio>
#include <fstream>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "apps/lyceum/options.h"
#include "apps/lyceum/progress.h"
#include "apps/lyceum/texts.h"
#include "formats/model_folder.h"
#include "nn/model.h"

namespace lyceum {
struct EmbedderOptions;
}

namespace lyceum::app {

struct Common {
  int threads = 0;
  std::uint64_t seed = 0;
  std::string dtype;  // "": as the files are
  bool quiet = false, verbose = false, json = false, strict = false, pull = false;
};

// Every verb has the same options under the same names; `example` stands at the end of its help. `dtype` says
// what the number format is of.
std::shared_ptr<Common> add_common(
    Verb& verb, const std::string& example,
    const std::string& dtype = "Number format of the products: f32, bf16 or int8");
// The MODEL of a verb, and --pull: to fetch it when it is not here.
Option add_model(Verb& verb, const std::string& names, std::string& model, const std::string& what,
                 const std::shared_ptr<Common>& common);
// What vectors are made with: --pooling, --truncate-dim, --normalize, --max-tokens.
void add_vector_options(Verb& verb, EmbedderOptions& options);
// Its files; with --pull they are fetched where find() would fail.
ModelFolder find_model(const std::string& model, const Common& common);
// Threads, messages, number format.
void configure(const Common& common);
// The same, called first by every verb; one whose work several processes can share calls apply_shared() of
// processes.h instead. Throws Errc::kUsage for one of several processes.
void apply(const Common& common);
// What --dtype says; none: as the files are.
std::optional<Compute> compute_of(const Common& common);

// One JSON object on a line of standard output. Invalid UTF-8 cannot occur: texts are repaired on input.
void print_json(const nlohmann::ordered_json& value);
void print_line(std::string_view text);
// A finished write to a pipe that nobody reads ends the program quietly.
void flush_output();

// Whether standard output is a terminal that shows colours (NO_COLOR and TERM=dumb are obeyed).
bool use_colour();
// Tensors that the model does not need: named with --verbose, refused with --strict.
void report_unused(const std::vector<std::string>& names, const Common& common);

// Texts from the command line, a file (--input FILE, .jsonl with --field) or standard input ("-"), one a
// line. Lines end with LF or CRLF; invalid UTF-8 is repaired and counted, or refused with --strict.
struct InputOptions {
  std::vector<std::string> texts;
  std::string file, field = "text", second_field;
};
using TextPair = std::pair<std::string, std::string>;
void add_input(Verb& verb, InputOptions& options, const std::string& what);
// --pairs, and `second`, the option that names the second field of a .jsonl file.
void add_pairs(Verb& verb, InputOptions& options, bool& pairs, const std::string& second);

class LineReader {
 public:
  LineReader(const InputOptions& options, const Common& common);
  bool next(std::string& line);
  // Two columns with a tab between them, or two fields of a .jsonl file.
  bool next(TextPair& pair);
  // From now on lines keep their invalid bytes (but still count them), for verbs that speak of places in the
  // original line.
  void keep_bytes() noexcept { keeps_bytes_ = true; }
  std::int64_t lines() const noexcept { return lines_; }
  // Says on standard error what was repaired.
  void report() const;
  // How much of the input is read, in bytes: from 0 to 1, negative when its size is unknown.
  double share() const;
  std::int64_t bytes_left() const;  // of the input; -1: unknown

 private:
  bool read(std::string& line);
  bool read_valid(std::string& line);
  std::string where() const;
  std::vector<std::string> texts_;
  std::size_t index_ = 0;
  std::ifstream file_;
  bool from_stream_ = false, from_stdin_ = false, jsonl_ = false, strict_, keeps_bytes_ = false;
  std::string name_, field_, second_field_;
  std::int64_t lines_ = 0, repaired_ = 0, bytes_ = 0, bytes_read_ = 0;
};

// Texts that were longer than the model takes.
struct CutTexts {
  bool refuse = false;  // --no-truncate
  std::int64_t texts = 0, cut = 0;
  void add(bool truncated, std::int64_t max_tokens);  // Errc::kData for one that is cut and must not be
  void report(std::int64_t max_tokens) const;
};
void add_no_truncate(Verb& verb, CutTexts& cuts);

// Verbs.
void add_list(CLI::App& app);
void add_show(CLI::App& app);
void add_tokenize(CLI::App& app);
void add_detokenize(CLI::App& app);
void add_forward(CLI::App& app);
void add_convert(CLI::App& app);
void add_bench(CLI::App& app);
void add_embed(CLI::App& app);
void add_doctor(CLI::App& app);
void add_index(CLI::App& app);
void add_search(CLI::App& app);
void add_completion(CLI::App& app);
void add_man(CLI::App& app);
void add_eval(CLI::App& app);
void add_fill(CLI::App& app);
void add_classify(CLI::App& app);
void add_tag(CLI::App& app);
void add_answer(CLI::App& app);
void add_rerank(CLI::App& app);
void add_pull(CLI::App& app);
void add_remove(CLI::App& app);
void add_cluster(CLI::App& app);
void add_mine(CLI::App& app);
void add_train(CLI::App& app);
void add_plot(CLI::App& app);
void add_prepare(CLI::App& app);
void add_train_tokenizer(CLI::App& app);
void add_paper(CLI::App& app);

}  // namespace lyceum::app
