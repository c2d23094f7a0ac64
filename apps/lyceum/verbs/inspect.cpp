// list, show, doctor: what is here.
#include <sqlite3.h>
#include <sys/sysinfo.h>

#include <CLI/Version.hpp>
#include <fstream>
#include <nlohmann/json.hpp>

#include "apps/lyceum/app.h"
#include "base/error.h"
#include "base/parallel.h"
#include "formats/bundled_models.h"
#include "formats/checkpoint.h"
#include "kernels/isa.h"
#include "kernels/narrow/narrow.h"
#include "nn/sentence_model.h"
#include "ranks/ranks.h"
#include "tasks/common/task_model.h"
#include "tasks/pull/http.h"
#include "tasks/search/ann_engine.h"
#include "text/tokenizer.h"

namespace lyceum::app {
namespace {

std::string places(const std::vector<std::filesystem::path>& folders) {
  std::string out;
  for (const std::filesystem::path& folder : folders) out += (out.empty() ? "" : " and ") + folder.string();
  return out;
}

void list(bool names, const Common& common) {
  apply(common);
  if (names) {
    for (const auto& [shorter, full] : well_known_names())
      common.json ? print_json({{"name", shorter}, {"model", full}})
                  : print_line(fmt::format("{:<32}{}", shorter, full));
    return;
  }
  const auto models = stored_models();
  if (models.empty() && !common.json && !common.quiet)
    return print_line(fmt::format("no models in {} and {}", places(bundled_folders()), hub_cache().string()));
  for (const StoredModel& m : models) {
    const std::string about = m.kind == "bundled" ? about_model(m.path) : "";
    if (common.json) {
      print_json({{"name", m.name},
                  {"kind", m.kind},
                  {"about", about},
                  {"revision", m.revision},
                  {"refs", m.refs},
                  {"bytes", m.bytes},
                  {"files", m.files},
                  {"path", m.path.string()}});
      continue;
    }
    std::string revision = m.revision.substr(0, 12);
    for (const std::string& ref : m.refs) revision += " " + ref;
    if (m.kind == "cached" && m.revision.empty()) revision = "unfinished";
    print_line(fmt::format("{:<48}{:<9}{:<22}{:>10}{:>4} files  {}", m.name, m.kind, revision,
                           byte_text(m.bytes), m.files, m.path.string()));
    if (!about.empty()) print_line("  " + about);
  }
}

struct ShowOptions {
  std::string model;
  bool taps = false, tensors = false;
};

void show(const ShowOptions& o, const Common& common) {
  apply(common);
  const ModelFolder folder = find_model(o.model, common);
  const SentenceModel model = load_sentence_model(folder);
  const ModelFolder& body = model.folder;
  const SentencePipeline& pipeline = model.pipeline;
  const LoadedModel& loaded = model.loaded;
  const Checkpoint checkpoint = Checkpoint::open(body);
  std::int64_t parameters = 0;
  for (const WeightPtr& w : loaded.model->parameters()) parameters += w->shape().elements();
  nlohmann::ordered_json info{{"path", folder.path().string()},
                              {"family", loaded.model->family()},
                              {"architecture", loaded.model->architecture()},
                              {"can_be_used_as", uses_of(*loaded.model, model.has_pipeline)},
                              {"parameters", parameters},
                              {"width", loaded.model->width()},
                              {"positions", loaded.model->max_positions()},
                              {"vocabulary", loaded.model->vocabulary()},
                              {"file_bytes", checkpoint.bytes()},
                              {"unused_tensors", loaded.unused}};
  if (body.file("tokenizer.json") || body.file("vocab.txt") || body.file("vocab.json"))
    info["tokenizer"] = Tokenizer::from_folder(body)->summary();
  std::string steps;
  for (const SentenceModule& m : pipeline.modules) {
    steps += steps.empty() ? "" : ", ";
    if (m.kind == SentenceModule::Kind::kPooling)
      for (std::size_t i = 0; i < m.modes.size(); ++i) steps += (i ? "+" : "pooling ") + m.modes[i];
    if (m.kind == SentenceModule::Kind::kDense)
      steps += fmt::format("dense {} to {} {}", m.in_features, m.out_features, m.activation);
    if (m.kind == SentenceModule::Kind::kNormalize) steps += "normalize";
  }
  if (model.has_pipeline || !model.body().is_causal()) info["sentence_pipeline"] = steps;
  if (pipeline.max_seq_length > 0) info["max_seq_length"] = pipeline.max_seq_length;
  if (!pipeline.prompts.empty()) info["prompts"] = pipeline.prompts;
  if (o.taps) info["taps"] = loaded.model->taps();
  if (o.tensors) {
    info["tensors"] = nlohmann::ordered_json::array();
    for (const std::string& name : checkpoint.names()) {
      const TensorInfo& e = *checkpoint.find_info(name);
      info["tensors"].push_back({{"name", name},
                                 {"dtype", dtype_name(e.dtype)},
                                 {"shape", e.shape.sizes()},
                                 {"file", checkpoint.file_of(name).filename().string()}});
    }
  }
  if (common.json) return print_json(info);
  for (const auto& [key, value] : info.items()) {
    if (!value.is_array() || value.empty()) {
      print_line(fmt::format("{:<20}{}", key, value.is_string() ? value.get<std::string>() : value.dump()));
      continue;
    }
    print_line(key);
    for (const auto& item : value)
      print_line("  " + (item.is_object() ? fmt::format("{:<64}{:<6}{} ({})", item["name"].get<std::string>(),
                                                        item["dtype"].get<std::string>(),
                                                        item["shape"].dump(), item["file"].get<std::string>())
                                          : item.get<std::string>()));
  }
}

std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  return "unknown";
}

void doctor(const Common& common) {
  apply(common);
  struct sysinfo memory {};
  sysinfo(&memory);
  std::string isas, built;
  for (const Isa isa : available_isas()) isas += (isas.empty() ? "" : ", ") + std::string(isa_name(isa));
  for (const Family& f : families()) built += (built.empty() ? "" : ", ") + f.name;
  const std::string libraries = fmt::format(
      "SQLite {}, Highway {}, fmt {}, nlohmann-json {}.{}.{}, CLI11 {}, hub: {}, approximate search: {}, "
      "MPI: {}",
      sqlite3_libversion(), LYCEUM_HIGHWAY_VERSION, FMT_VERSION, NLOHMANN_JSON_VERSION_MAJOR,
      NLOHMANN_JSON_VERSION_MINOR, NLOHMANN_JSON_VERSION_PATCH, CLI11_VERSION, http_library(),
      ann_engine_name(), mpi_library());
  const nlohmann::ordered_json info{
      {"version", LYCEUM_VERSION},
      {"processor", processor_name()},
      {"instruction_sets", isas},
      {"kernels", isa_name(current_isa())},
      {"int8_products", kernels::narrow_unit(kernels::Narrow::kInt8)},
      {"bf16_products", kernels::narrow_unit(kernels::Narrow::kBF16)},
      {"threads", thread_count()},
      {"memory_bytes", static_cast<std::uint64_t>(memory.totalram) * memory.mem_unit},
      {"compiler", __VERSION__},
      {"libraries", libraries},
      {"families", built},
      {"bundled_models", places(bundled_folders())},
      {"hub_cache", hub_cache().string()}};
  if (common.json) return print_json(info);
  for (const auto& [key, value] : info.items())
    print_line(fmt::format("{:<20}{}", key, value.is_string() ? value.get<std::string>() : value.dump()));
}

}  // namespace

void add_list(CLI::App& app) {
  auto names = std::make_shared<bool>(false);
  Verb verb(app, "list", "Models that are here, with their sizes");
  auto common = add_common(verb, "lyceum list");
  verb.flag("--names", *names, "The short names and what they stand for");
  verb.run([names, common] { list(*names, *common); });
}

void add_show(CLI::App& app) {
  auto o = std::make_shared<ShowOptions>();
  Verb verb(app, "show", "Family, configuration, tensors and tokenizer of a model");
  auto common = add_common(verb, "lyceum show all-MiniLM-L6-v2 --tensors");
  add_model(verb, "model", o->model, "A folder, a file or a name", common).required();
  verb.flag("--tensors", o->tensors, "Every tensor of its files");
  verb.flag("--taps", o->taps, "The names that `forward --taps` knows");
  verb.run([o, common] { show(*o, *common); });
}

void add_doctor(CLI::App& app) {
  Verb verb(app, "doctor", "This machine and this build");
  auto common = add_common(verb, "lyceum doctor");
  verb.run([common] { doctor(*common); });
}

}  // namespace lyceum::app
