#include "tasks/convert/convert.h"

#include <algorithm>
#include <set>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "base/json.h"
#include "formats/checkpoint.h"
#include "formats/sentence_pipeline.h"
#include "nn/merged_adapter.h"
#include "nn/registry.h"
#include "tasks/convert/tensor_plan.h"

namespace lyceum {
namespace {
namespace fs = std::filesystem;

constexpr std::uint64_t kMostCopied = std::uint64_t{1} << 30;  // bytes of one file
constexpr std::uint64_t kSpare = 1 << 20;                      // bytes that the disk keeps free

struct Shard {
  std::string file;
  std::vector<TensorPlan> tensors;
};

// The weights of one folder: the model's own, or a module's.
struct Weights {
  std::string subfolder;
  Checkpoint checkpoint;
  std::vector<Shard> shards;
};

std::string in(const std::string& folder, const std::string& file) {
  return folder.empty() ? file : folder + "/" + file;
}

std::string dtype_word(DType type) {  // as config.json has it
  return type == DType::kF32 ? "float32" : type == DType::kBF16 ? "bfloat16" : "float16";
}

// R: transformers' conversion_mapping.py, "legacy".
std::string name_of_today(const std::string& name, const Checkpoint& checkpoint) {
  for (const auto& [old, today] :
       {std::pair{"LayerNorm.gamma", "LayerNorm.weight"}, std::pair{"LayerNorm.beta", "LayerNorm.bias"}})
    if (name.ends_with(old)) {
      const std::string renamed = name.substr(0, name.size() - std::string(old).size()) + today;
      return checkpoint.find_info(renamed) == nullptr ? renamed : name;
    }
  return name;
}

// What compressed-tensors needs to know: each of these modules multiplies bytes, its inputs rounded token by
// token as they come.
nlohmann::ordered_json quantization_config(const std::set<std::string>& weights) {
  nlohmann::ordered_json targets = nlohmann::ordered_json::array();
  for (const std::string& name : weights) targets.push_back(name.substr(0, name.rfind(".weight")));
  const auto scheme = [](bool is_dynamic, const char* strategy) {
    return nlohmann::ordered_json{{"num_bits", 8},
                                  {"type", "int"},
                                  {"symmetric", true},
                                  {"strategy", strategy},
                                  {"dynamic", is_dynamic}};
  };
  return {{"quant_method", "compressed-tensors"},
          {"format", "int-quantized"},
          {"quantization_status", "compressed"},
          {"config_groups",
           {{"group_0",
             {{"targets", targets},
              {"weights", scheme(false, "channel")},
              {"input_activations", scheme(true, "token")}}}}},
          {"ignore", nlohmann::ordered_json::array()}};
}

// Elements of many bytes come first, so that each tensor is aligned. `merged`: of an adapter's folder, whose
// parameters alone are written.
std::vector<TensorPlan> plan_all(const Checkpoint& checkpoint, std::optional<DType> dtype,
                                 const std::set<std::string>& quantized, bool is_tied,
                                 const MergedAdapter* merged) {
  std::vector<TensorPlan> plans;
  for (const std::string& name : checkpoint.names()) {
    const TensorInfo& info = *checkpoint.find_info(name);
    if (merged != nullptr ? !merged->names.contains(name) : is_tied && !info.twin_of.empty()) continue;
    const std::string today = merged != nullptr ? merged->names.at(name) : name_of_today(name, checkpoint);
    if (quantized.contains(name)) {
      for (TensorPlan& plan : plan_quantized(info, today)) plans.push_back(std::move(plan));
    } else {
      plans.push_back(plan_tensor(info, today, dtype == DType::kI8 ? std::nullopt : dtype));
    }
  }
  std::stable_sort(plans.begin(), plans.end(), [](const TensorPlan& a, const TensorPlan& b) {
    return dtype_bits(a.stored.dtype) > dtype_bits(b.stored.dtype);
  });
  return plans;
}

std::vector<Shard> in_shards(std::vector<TensorPlan> plans, std::uint64_t max_bytes) {
  std::vector<Shard> shards(1);
  std::uint64_t bytes = 0;
  for (TensorPlan& plan : plans) {
    if (!shards.back().tensors.empty() && (bytes >= max_bytes || plan.stored.bytes() > max_bytes - bytes)) {
      shards.emplace_back();
      bytes = 0;
    }
    bytes += plan.stored.bytes();
    shards.back().tensors.push_back(std::move(plan));
  }
  for (std::size_t i = 0; i < shards.size(); ++i)
    shards[i].file = shards.size() == 1
                         ? "model.safetensors"
                         : fmt::format("model-{:05}-of-{:05}.safetensors", i + 1, shards.size());
  return shards;
}

class Converter {
 public:
  Converter(const ModelFolder& model, const ConvertOptions& options) : model_(model), options_(options) {}
  ConvertReport run();

 private:
  void check_output();
  void plan();
  bool is_tied(const std::string& subfolder) const;
  void copy_files(const std::string& subfolder);
  void write_config(const std::string& subfolder);
  void write_weights(const Weights& weights);
  void write_file(const std::string& relative, std::string_view text);

  const ModelFolder& model_;
  const ConvertOptions& options_;
  fs::path output_;
  std::vector<std::string> folders_;     // "" for the model's own, then its modules'
  std::string body_;                     // the folder whose weights are quantised
  std::set<std::string> quantized_;      // their names in the checkpoint
  std::optional<MergedAdapter> merged_;  // of an adapter's folder
  std::vector<Weights> weights_;
  std::optional<AtomicFolder> part_;
  ConvertReport report_;
  std::uint64_t total_bytes_ = 0;
};

bool is_inside(const fs::path& path, const fs::path& root) {
  return std::mismatch(root.begin(), root.end(), path.begin(), path.end()).first == root.end();
}

void Converter::check_output() {
  if (options_.output.empty()) fail(Errc::kUsage, "convert: found no output, expected the name of a folder");
  output_ = fs::weakly_canonical(fs::absolute(options_.output));
  if (!output_.has_filename()) output_ = output_.parent_path();  // written with a slash behind it
  if (is_inside(model_.path(), output_))
    fail(Errc::kUsage, "convert: the output {} holds the model itself, expected another folder",
         output_.string());
  if (!fs::exists(output_)) return;
  if (!options_.force)
    fail(Errc::kIo, "{}: is there already. Fix: another --output, or --force to replace it.",
         output_.string());
  const bool is_model =
      fs::is_directory(output_) &&
      (fs::is_empty(output_) || fs::exists(output_ / "config.json") || fs::exists(output_ / "modules.json"));
  if (!is_model)
    fail(Errc::kIo, "{}: found no model's folder there, and --force replaces nothing else", output_.string());
}

bool Converter::is_tied(const std::string& subfolder) const {
  const auto file = model_.file(in(subfolder, "config.json"));
  if (!file) return true;
  const Json json = read_json(*file);
  return JsonFields(json, file->string()).boolean("tie_word_embeddings", true);
}

void Converter::plan() {
  folders_.emplace_back();
  if (model_.file("modules.json")) {
    const SentencePipeline pipeline = sentence_pipeline(model_);
    body_ = pipeline.transformer_path;
    std::set<std::string> paths{pipeline.transformer_path};
    for (const SentenceModule& module : pipeline.modules) paths.insert(module.path);
    for (const std::string& path : paths)
      if (!path.empty()) folders_.push_back(path);
  }
  if (const ModelFolder body = model_.inside(body_); body.adapter() != nullptr)
    merged_ = merged_adapter(body);
  if (options_.dtype == DType::kI8) {
    const ModelFolder folder = model_.inside(body_);
    for (const WeightPtr& weight : load_model(folder).model->int8_weights()) {
      if (weight->orientation() != Orientation::kOutputsInputs)
        fail(Errc::kUnsupported,
             "{}: the matrix '{}' is stored [inputs, outputs], which compressed-tensors cannot express in "
             "int8. Fix: another --dtype here; the verbs that use a model round it themselves with --dtype "
             "int8",
             folder.path().string(), weight->name());
      if (!weight->is_quantized()) quantized_.insert(weight->name());
    }
    if (quantized_.empty())
      fail(Errc::kUnsupported, "{}: found no weight to quantise, expected one that is not int8 already",
           folder.path().string());
  }
  const bool has_any = std::any_of(folders_.begin(), folders_.end(), [&](const std::string& folder) {
    return Checkpoint::is_in(model_, folder);
  });
  for (const std::string& folder : folders_) {
    if (!Checkpoint::is_in(model_, folder) && (has_any || !folder.empty())) continue;
    const bool is_merged = merged_ && folder == body_;
    Weights w{.subfolder = folder,
              .checkpoint = is_merged ? std::move(merged_->checkpoint) : Checkpoint::open(model_, folder)};
    w.shards = in_shards(
        plan_all(w.checkpoint, options_.dtype, folder == body_ ? quantized_ : std::set<std::string>(),
                 is_tied(folder), is_merged ? &*merged_ : nullptr),
        options_.max_shard_bytes);
    for (const Shard& shard : w.shards)
      for (const TensorPlan& tensor : shard.tensors) total_bytes_ += tensor.stored.bytes();
    weights_.push_back(std::move(w));
  }
}

void Converter::write_file(const std::string& relative, std::string_view text) {
  const fs::path path = part_->part() / relative;
  fs::create_directories(path.parent_path());
  AtomicFile file(path);
  file.write(text);
  file.commit();
  report_.files.push_back(relative);
}

void Converter::copy_files(const std::string& subfolder) {
  for (const char* name : copied_model_files())
    if (const auto file = model_.file(in(subfolder, name)))
      write_file(in(subfolder, name), read_text(*file, kMostCopied));
}

void Converter::write_config(const std::string& subfolder) {
  const auto file = model_.file(in(subfolder, "config.json"));
  if (!file) return;
  std::string text = merged_ && subfolder == body_ ? merged_->config : read_text(*file, 1 << 24);
  const Json checked = parse_json(text, file->string());
  const JsonFields fields(checked, file->string());
  if (options_.dtype && (fields.has("model_type") || fields.has("architectures"))) {  // not a module's
    auto config = nlohmann::ordered_json::parse(text);
    if (*options_.dtype == DType::kI8) {
      config["quantization_config"] = quantization_config(quantized_);
    } else {
      config.erase("torch_dtype");  // its name before version 5 of transformers
      config["dtype"] = dtype_word(*options_.dtype);
    }
    text = config.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  }
  write_file(in(subfolder, "config.json"), text);
}

void Converter::write_weights(const Weights& weights) {
  nlohmann::ordered_json map = nlohmann::ordered_json::object();
  std::uint64_t bytes = 0;
  for (const Shard& shard : weights.shards) {
    std::vector<TensorInfo> stored;
    for (const TensorPlan& plan : shard.tensors) stored.push_back(plan.stored);
    const fs::path path = part_->part() / weights.subfolder / shard.file;
    fs::create_directories(path.parent_path());
    SafetensorsWriter file(path, stored, {{"format", "pt"}});
    for (const TensorPlan& plan : shard.tensors) {
      check_interrupt();
      const Tensor value = weights.checkpoint.read(plan.source);
      write_planned(plan, value, file);
      value.storage()->release_pages();
      bytes += plan.stored.bytes();
      if (options_.progress) options_.progress(report_.bytes + bytes, total_bytes_);
    }
    file.commit();
    report_.files.push_back(in(weights.subfolder, shard.file));
    report_.tensors += stored.size();
    for (const TensorInfo& tensor : stored) map[tensor.name] = shard.file;
  }
  report_.bytes += bytes;
  if (weights.shards.size() > 1)
    write_file(
        in(weights.subfolder, "model.safetensors.index.json"),
        nlohmann::ordered_json{{"metadata", {{"total_size", bytes}}}, {"weight_map", std::move(map)}}.dump(
            2) +
            "\n");
}

ConvertReport Converter::run() {
  check_output();
  plan();
  fs::path part = output_;
  part += ".part";
  if (fs::exists(part)) {
    if (!options_.force)
      fail(Errc::kIo,
           "{}: is there: another conversion is at work or was killed. Fix: remove it, or --force to begin "
           "anew.",
           part.string());
  }
  fs::create_directories(output_.parent_path());
  if (const auto room = fs::space(output_.parent_path()).available; room < total_bytes_ + kSpare)
    fail(Errc::kIo, "{}: the disk has room for {} bytes, the weights need {}. Fix: another --output.",
         output_.parent_path().string(), room, total_bytes_ + kSpare);
  part_.emplace(output_);
  for (const std::string& folder : folders_) {
    if (!folder.empty() && model_.file(folder)) fs::create_directories(part_->part() / folder);
    copy_files(folder);
    write_config(folder);
  }
  for (const Weights& weights : weights_) write_weights(weights);
  part_->commit();
  return std::move(report_);
}

}  // namespace

ConvertReport convert(const ModelFolder& model, const ConvertOptions& options) {
  try {
    return Converter(model, options).run();
  } catch (const std::filesystem::filesystem_error& error) {
    fail(Errc::kIo, "{}: {}", error.path1().string(), error.code().message());
  }
}

}  // namespace lyceum
