#include "tasks/convert/convert.h"

#include <nlohmann/json.hpp>

#include "apps/lyceum/app.h"
#include "base/error.h"

namespace lyceum::app {
namespace {

struct ConvertArguments {
  std::string model, output;
  std::int64_t max_shard_bytes = 5'000'000'000;
  bool force = false;
};

std::optional<DType> dtype_of(const std::string& word) {
  if (word.empty()) return std::nullopt;
  if (word == "f32") return DType::kF32;
  if (word == "bf16") return DType::kBF16;
  if (word == "f16") return DType::kF16;
  if (word == "int8") return DType::kI8;
  fail(Errc::kUnsupported, "--dtype: found '{}', expected f32, bf16, f16 or int8", word);
}

void run(const ConvertArguments& o, Common common) {
  const std::optional<DType> dtype = dtype_of(common.dtype);
  common.dtype.clear();  // nothing is computed
  apply(common);
  const ModelFolder folder = find_model(o.model, common);
  Progress bar("converting, MB", 0, common);
  const ConvertReport report =
      convert(folder, {.output = o.output,
                       .dtype = dtype,
                       .max_shard_bytes = static_cast<std::uint64_t>(o.max_shard_bytes),
                       .force = o.force,
                       .progress = [&](std::uint64_t done, std::uint64_t total) {
                         bar.update(static_cast<std::int64_t>(done / 1'000'000),
                                    static_cast<double>(done) / static_cast<double>(total));
                       }});
  if (common.json)
    return print_json({{"output", o.output},
                       {"tensors", report.tensors},
                       {"bytes", report.bytes},
                       {"files", report.files}});
  if (common.quiet) return;
  print_line(fmt::format("{}: {} tensors, {:.1f} MB, {} files", o.output, report.tensors,
                         static_cast<double>(report.bytes) / 1e6, report.files.size()));
  if (common.verbose)
    for (const std::string& file : report.files) print_line("  " + file);
}

}  // namespace

void add_convert(CLI::App& app) {
  auto o = std::make_shared<ConvertArguments>();
  Verb verb(app, "convert",
            "Write a model's folder anew: safetensors, in another number format when asked; an adapter "
            "merged into its base");
  auto common = add_common(verb, "lyceum convert MODEL --output FOLDER --dtype bf16",
                           "Number format of the weights: f32, bf16, f16 or int8 (default: as they are)");
  add_model(verb, "model", o->model, "A folder, a file or a name", common).required();
  verb.option("--output,-o", o->output, "The folder to write").required();
  verb.option("--max-shard-bytes", o->max_shard_bytes, "Bytes of tensors in one file, at most")
      .range(1, std::int64_t{1} << 60)
      .show_default();
  verb.flag("--force", o->force, "Replace the output where it is a model's folder");
  verb.run([o, common] { run(*o, *common); });
}

}  // namespace lyceum::app
