#include "formats/sentence_pipeline.h"

#include <algorithm>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"

namespace lyceum {
namespace {

using OrderedJson = nlohmann::ordered_json;
constexpr std::int64_t kMost = 1 << 24;

std::string in(const std::string& folder, const std::string& file) {
  return folder.empty() ? file : folder + "/" + file;
}

// Pooling modes in the order in which the library joins them.
constexpr const char* kModes[] = {"cls", "max", "mean", "mean_sqrt_len", "weightedmean", "lasttoken"};
constexpr const char* kModeKeys[] = {"pooling_mode_cls_token",           "pooling_mode_max_tokens",
                                     "pooling_mode_mean_tokens",         "pooling_mode_mean_sqrt_len_tokens",
                                     "pooling_mode_weightedmean_tokens", "pooling_mode_lasttoken"};

void add_mode(std::vector<std::string>& modes, std::string mode, const std::string& where) {
  if (mode == "mean_sqrt_len_tokens") mode = "mean_sqrt_len";  // since version 6 of the library
  if (std::find(std::begin(kModes), std::end(kModes), mode) == std::end(kModes))
    fail(Errc::kUnsupported,
         "{}: found '{}', expected cls, max, mean, mean_sqrt_len, weightedmean or lasttoken", where, mode);
  if (std::find(modes.begin(), modes.end(), mode) != modes.end())
    fail(Errc::kUnsupported, "{}: found '{}' twice, expected each mode once", where, mode);
  modes.push_back(mode);
}

SentenceModule pooling(const ModelFolder& folder, const std::string& path) {
  SentenceModule m{.kind = SentenceModule::Kind::kPooling, .path = path};
  const auto file = folder.require(in(path, "config.json"));
  const Json json = read_json(file);
  const JsonFields f(json, file.string());
  const std::string where = f.where() + ": 'pooling_mode'";
  if (const Json* mode = f.find("pooling_mode"); mode != nullptr && mode->is_array()) {
    for (const std::string& name : f.texts("pooling_mode")) add_mode(m.modes, name, where);
  } else if (mode != nullptr) {
    add_mode(m.modes, f.text("pooling_mode"), where);
  } else {
    for (std::size_t i = 0; i < std::size(kModes); ++i)
      if (f.boolean(kModeKeys[i], false)) m.modes.push_back(kModes[i]);
  }
  if (m.modes.empty()) m.modes.push_back("mean");
  m.include_prompt = f.boolean("include_prompt", true);
  return m;
}

SentenceModule dense(const ModelFolder& folder, const std::string& path) {
  SentenceModule m{.kind = SentenceModule::Kind::kDense, .path = path};
  const auto file = folder.require(in(path, "config.json"));
  const Json json = read_json(file);
  const JsonFields f(json, file.string());
  m.in_features = f.integer("in_features", 1, kMost);
  m.out_features = f.integer("out_features", 1, kMost);
  m.bias = f.boolean("bias", true);
  for (const char* key : {"module_input_name", "module_output_name"})
    if (const std::string name = f.text(key, "sentence_embedding"); name != "sentence_embedding")
      fail(Errc::kUnsupported, "{}: '{}': found '{}', expected sentence_embedding", f.where(), key, name);
  const std::string name = f.text("activation_function", "torch.nn.modules.activation.Tanh");
  m.activation = name.substr(name.rfind('.') == std::string::npos ? 0 : name.rfind('.') + 1);
  if (f.boolean("use_residual", false))
    fail(Errc::kUnsupported, "{}: 'use_residual': found true, expected false", f.where());
  return m;
}

void read_transformer_config(const ModelFolder& folder, SentencePipeline& p) {
  for (const char* name :
       {"sentence_bert_config.json", "sentence_roberta_config.json", "sentence_distilbert_config.json",
        "sentence_camembert_config.json", "sentence_albert_config.json", "sentence_xlm-roberta_config.json",
        "sentence_xlnet_config.json"}) {
    const auto file = folder.file(in(p.transformer_path, name));
    if (!file) continue;
    const Json json = read_json(*file);
    const JsonFields f(json, file->string());
    p.max_seq_length = f.integer("max_seq_length", 0, 1, kMost);
    p.do_lower_case = f.boolean("do_lower_case", false);
    return;
  }
}

}  // namespace

SentencePipeline sentence_pipeline(const ModelFolder& folder, PipelineUse use) {
  SentencePipeline p;
  const auto modules = folder.file("modules.json");
  if (!modules) {
    p.modules.push_back({.kind = SentenceModule::Kind::kPooling, .modes = {"mean"}});
    read_transformer_config(folder, p);
    return p;
  }
  const Json json = read_json(*modules);
  if (!json.is_array() || json.empty())
    fail(Errc::kFormat, "{}: expected a list of modules", modules->string());
  bool first = true;
  for (const Json& item : json) {
    const JsonFields f(item, modules->string());
    const std::string type = f.text("type"), path = f.text("path", "");
    const std::string kind = type.substr(type.rfind('.') == std::string::npos ? 0 : type.rfind('.') + 1);
    if (!path.empty()) folder.file(path);  // must stay inside the folder
    if (first != (kind == "Transformer"))
      fail(Errc::kUnsupported, "{}: found the module '{}' {}, expected a Transformer first and only there",
           modules->string(), type, first ? "first" : "behind the first");
    if (kind == "Transformer") {
      p.transformer_path = path;
    } else if (use == PipelineUse::kScores) {
      fail(Errc::kUnsupported,
           "{}: found the module '{}' behind the Transformer, expected none for scores of pairs",
           modules->string(), type);
    } else if ((kind == "Pooling") != p.modules.empty()) {  // what follows works on its vectors
      fail(Errc::kUnsupported,
           "{}: found the module '{}' {}, expected one Pooling behind the Transformer and only there",
           modules->string(), type, p.modules.empty() ? "there" : "later");
    } else if (kind == "Pooling") {
      p.modules.push_back(pooling(folder, path));
    } else if (kind == "Dense") {
      p.modules.push_back(dense(folder, path));
    } else if (kind == "Normalize") {
      p.modules.push_back({.kind = SentenceModule::Kind::kNormalize, .path = path});
    } else {
      fail(Errc::kUnsupported, "{}: found the module '{}', expected Transformer, Pooling, Dense or Normalize",
           modules->string(), type);
    }
    first = false;
  }
  if (use == PipelineUse::kVectors && p.modules.empty())
    fail(Errc::kUnsupported, "{}: found a Transformer alone, expected a Pooling module behind it",
         modules->string());
  read_transformer_config(folder, p);
  if (const auto file = folder.file("config_sentence_transformers.json")) {
    const Json config = read_json(*file);
    const JsonFields f(config, file->string());
    if (f.has("prompts")) {
      const JsonFields prompts = f.object("prompts");
      for (const auto& [name, text] : f.at("prompts").items())
        if (!text.is_null()) p.prompts[name] = prompts.text(name);
    }
    p.default_prompt_name = f.text("default_prompt_name", "");
    p.similarity = f.text("similarity_fn_name", "cosine");
    p.truncate_dim = f.integer("truncate_dim", 0, 1, kMost);
    if (!p.default_prompt_name.empty() && !p.prompts.contains(p.default_prompt_name))
      f.wrong("default_prompt_name", "one of the names in 'prompts'");
  }
  return p;
}

namespace {

void write_json(const std::filesystem::path& path, const OrderedJson& json) {
  std::filesystem::create_directories(path.parent_path());
  AtomicFile file(path);
  file.write(json.dump(2, ' ', false, OrderedJson::error_handler_t::replace) + "\n");
  file.commit();
}

// Booleans, which are older, say which modes, but not their order.
OrderedJson pooling_json(const SentenceModule& module, std::int64_t width) {
  OrderedJson json = {{"word_embedding_dimension", width}};
  std::vector<std::string> in_order;
  for (const char* mode : kModes)
    if (std::find(module.modes.begin(), module.modes.end(), mode) != module.modes.end())
      in_order.emplace_back(mode);
  if (in_order == module.modes) {
    for (std::size_t i = 0; i < std::size(kModes); ++i)
      json[kModeKeys[i]] = std::find(in_order.begin(), in_order.end(), kModes[i]) != in_order.end();
  } else {
    std::vector<std::string> modes = module.modes;
    std::replace(modes.begin(), modes.end(), std::string("mean_sqrt_len"),
                 std::string("mean_sqrt_len_tokens"));
    json["pooling_mode"] = std::move(modes);
  }
  json["include_prompt"] = module.include_prompt;
  return json;
}

OrderedJson dense_json(const SentenceModule& module) {
  const std::string group = module.activation == "Identity" ? "linear" : "activation";
  return {{"in_features", module.in_features},
          {"out_features", module.out_features},
          {"bias", module.bias},
          {"activation_function", "torch.nn.modules." + group + "." + module.activation}};
}

}  // namespace

std::vector<std::string> write_sentence_pipeline(const std::filesystem::path& folder,
                                                 const SentencePipeline& pipeline, std::int64_t width) {
  const auto entry = [](std::size_t index, const std::string& path, const std::string& kind) {
    return OrderedJson{{"idx", index},
                       {"name", std::to_string(index)},
                       {"path", path},
                       {"type", "sentence_transformers.models." + kind}};
  };
  OrderedJson modules = OrderedJson::array({entry(0, "", "Transformer")});
  std::vector<std::string> paths;
  for (const SentenceModule& module : pipeline.modules) {
    const std::string kind = module.kind == SentenceModule::Kind::kPooling ? "Pooling"
                             : module.kind == SentenceModule::Kind::kDense ? "Dense"
                                                                           : "Normalize";
    const std::size_t index = modules.size();
    paths.push_back(fmt::format("{}_{}", index, kind));
    modules.push_back(entry(index, paths.back(), kind));
    std::filesystem::create_directories(folder / paths.back());
    if (module.kind == SentenceModule::Kind::kPooling)
      write_json(folder / paths.back() / "config.json", pooling_json(module, width));
    if (module.kind == SentenceModule::Kind::kDense)
      write_json(folder / paths.back() / "config.json", dense_json(module));
  }
  write_json(folder / "modules.json", modules);
  OrderedJson transformer = {{"do_lower_case", pipeline.do_lower_case}};
  if (pipeline.max_seq_length > 0) transformer["max_seq_length"] = pipeline.max_seq_length;
  write_json(folder / "sentence_bert_config.json", transformer);
  OrderedJson config = {{"model_type", "SentenceTransformer"},
                        {"prompts", OrderedJson(pipeline.prompts)},
                        {"default_prompt_name", nullptr},
                        {"similarity_fn_name", pipeline.similarity}};
  if (!pipeline.default_prompt_name.empty()) config["default_prompt_name"] = pipeline.default_prompt_name;
  if (pipeline.truncate_dim > 0) config["truncate_dim"] = pipeline.truncate_dim;
  write_json(folder / "config_sentence_transformers.json", config);
  return paths;
}

void set_pooling(SentencePipeline& pipeline, const std::vector<std::string>& modes) {
  std::vector<std::string> checked;
  for (const std::string& mode : modes) add_mode(checked, mode, "pooling");
  pipeline.modules.front().modes = std::move(checked);
}

void check_pooling(const std::vector<std::string>& modes, const std::string& where) {
  std::vector<std::string> checked;
  for (const std::string& mode : modes) add_mode(checked, mode, where);
}

}  // namespace lyceum
