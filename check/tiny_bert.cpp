#include "check/tiny_bert.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/error.h"
#include "base/random.h"
#include "check/temporary_folder.h"
#include "formats/safetensors.h"
#include "kernels/convert.h"

namespace lyceum::check {
namespace {

using OrderedJson = nlohmann::ordered_json;

const std::vector<std::string>& vocabulary_of(const TinyBertOptions& o) {
  return o.vocabulary.empty() ? tiny_vocabulary() : o.vocabulary;
}

// Draws tensors one after another from one stream.
class Draw {
 public:
  Draw(NamedTensors& to, std::uint64_t seed) : to_(&to), random_(seed) {}
  void tensor(const std::string& name, const Shape& shape, float low = -0.5f, float high = 0.5f) {
    Tensor t = Tensor::empty(shape);
    for (std::int64_t i = 0; i < t.elements(); ++i) t.mutable_data<float>()[i] = random_.uniform(low, high);
    to_->emplace(name, std::move(t));
  }
  void linear(const std::string& name, std::int64_t outputs, std::int64_t inputs) {
    tensor(name + ".weight", {outputs, inputs});
    tensor(name + ".bias", {outputs});
  }
  void norm(const std::string& name, std::int64_t width) {
    tensor(name + ".weight", {width}, 0.8f, 1.2f);
    tensor(name + ".bias", {width}, -0.1f, 0.1f);
  }

 private:
  NamedTensors* to_;
  Random random_;
};

Tensor in_format(const Tensor& t, DType type) {
  if (type == DType::kF32) return t;
  if (type != DType::kF16 && type != DType::kBF16)
    fail(Errc::kUsage, "tiny BERT: found the number format {}, expected F32, F16 or BF16", dtype_name(type));
  Tensor out = Tensor::empty(t.shape(), type);
  auto* to = reinterpret_cast<std::uint16_t*>(out.mutable_raw());
  for (std::int64_t i = 0; i < t.elements(); ++i)
    to[i] = type == DType::kBF16 ? kernels::f32_to_bf16(t.data<float>()[i])
                                 : kernels::f32_to_f16(t.data<float>()[i]);
  return out;
}

using List = std::vector<std::pair<std::string, Tensor>>;

void write_weights(const std::filesystem::path& folder, const TinyBertOptions& o) {
  List all;
  for (const auto& [name, tensor] : tiny_bert_tensors(o)) all.emplace_back(name, in_format(tensor, o.dtype));
  const std::map<std::string, std::string> metadata{{"format", "pt"}};
  if (o.shards <= 1) return write_safetensors(folder / "model.safetensors", all, metadata);
  OrderedJson map = OrderedJson::object();
  std::size_t bytes = 0;
  const auto shards = static_cast<std::size_t>(o.shards);
  for (std::size_t s = 0; s < shards; ++s) {
    const std::string file = fmt::format("model-{:05}-of-{:05}.safetensors", s + 1, shards);
    const List part(all.begin() + static_cast<std::ptrdiff_t>(all.size() * s / shards),
                    all.begin() + static_cast<std::ptrdiff_t>(all.size() * (s + 1) / shards));
    for (const auto& [name, tensor] : part) {
      map[name] = file;
      bytes += tensor.bytes();
    }
    write_safetensors(folder / file, part, metadata);
  }
  const OrderedJson index{{"metadata", {{"total_size", bytes}}}, {"weight_map", map}};
  write_file(folder / "model.safetensors.index.json", index.dump(2));
}

void write_sentence_modules(const std::filesystem::path& folder, const TinyBertOptions& o) {
  OrderedJson modules = OrderedJson::array();
  const auto add = [&](const std::string& kind, const std::string& path) {
    const std::size_t i = modules.size();
    modules.push_back({{"idx", i},
                       {"name", std::to_string(i)},
                       {"path", path},
                       {"type", "sentence_transformers.models." + kind}});
  };
  add("Transformer", "");
  add("Pooling", "1_Pooling");
  OrderedJson pooling{{"word_embedding_dimension", o.width}};
  static constexpr std::pair<const char*, const char*> kKeys[] = {
      {"cls", "pooling_mode_cls_token"},
      {"mean", "pooling_mode_mean_tokens"},
      {"max", "pooling_mode_max_tokens"},
      {"mean_sqrt_len", "pooling_mode_mean_sqrt_len_tokens"},
      {"weightedmean", "pooling_mode_weightedmean_tokens"},
      {"lasttoken", "pooling_mode_lasttoken"}};
  for (const auto& [mode, key] : kKeys)
    pooling[key] = std::find(o.pooling.begin(), o.pooling.end(), mode) != o.pooling.end();
  write_file(folder / "1_Pooling/config.json", pooling.dump(2));
  if (o.dense_width > 0) {
    const std::string path = std::to_string(modules.size()) + "_Dense";
    add("Dense", path);
    const std::int64_t inputs = o.width * static_cast<std::int64_t>(o.pooling.size());
    const OrderedJson config{{"in_features", inputs},
                             {"out_features", o.dense_width},
                             {"bias", true},
                             {"activation_function", o.dense_activation}};
    write_file(folder / path / "config.json", config.dump(2));
    NamedTensors tensors;
    Draw(tensors, o.seed + 1).linear("linear", o.dense_width, inputs);
    write_safetensors(folder / path / "model.safetensors", List(tensors.begin(), tensors.end()));
  }
  if (o.normalize) add("Normalize", std::to_string(modules.size()) + "_Normalize");
  write_file(folder / "modules.json", modules.dump(2));
  if (o.max_seq_length > 0)
    write_file(folder / "sentence_bert_config.json",
               OrderedJson{{"max_seq_length", o.max_seq_length}, {"do_lower_case", false}}.dump(2));
  const OrderedJson prompts = o.prompts.empty() ? OrderedJson::object() : OrderedJson(o.prompts);
  write_file(
      folder / "config_sentence_transformers.json",
      OrderedJson{{"prompts", prompts}, {"default_prompt_name", nullptr}, {"similarity_fn_name", "cosine"}}
          .dump(2));
}

}  // namespace

const std::vector<std::string>& tiny_vocabulary() {
  static const std::vector<std::string> kVocabulary{
      "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "a",     "cat",  "dog", "sat", "ran", "on",
      "mat",   "play",  "un",    "is",    ".",      "##s", "##ing", "##ed", "##n", "!",   "q",   "##q"};
  return kVocabulary;
}

NamedTensors tiny_bert_tensors(const TinyBertOptions& o) {
  NamedTensors tensors;
  Draw draw(tensors, o.seed);
  const std::string& kind = o.architecture;
  const std::string p = kind == "BertModel" ? "" : "bert.";
  const auto vocabulary = static_cast<std::int64_t>(vocabulary_of(o).size());
  draw.tensor(p + "embeddings.word_embeddings.weight", {vocabulary, o.width});
  draw.tensor(p + "embeddings.position_embeddings.weight", {o.max_positions, o.width});
  draw.tensor(p + "embeddings.token_type_embeddings.weight", {o.types, o.width});
  draw.norm(p + "embeddings.LayerNorm", o.width);
  for (std::int64_t i = 0; i < o.layers; ++i) {
    const std::string layer = p + "encoder.layer." + std::to_string(i);
    for (const char* part : {"query", "key", "value"})
      draw.linear(layer + ".attention.self." + part, o.width, o.width);
    draw.linear(layer + ".attention.output.dense", o.width, o.width);
    draw.norm(layer + ".attention.output.LayerNorm", o.width);
    draw.linear(layer + ".intermediate.dense", o.inner_width, o.width);
    draw.linear(layer + ".output.dense", o.width, o.inner_width);
    draw.norm(layer + ".output.LayerNorm", o.width);
  }
  if (kind == "BertModel" || kind == "BertForPreTraining" || kind == "BertForNextSentencePrediction" ||
      kind == "BertForSequenceClassification" || kind == "BertForMultipleChoice")
    draw.linear(p + "pooler.dense", o.width, o.width);
  if (kind == "BertForMaskedLM" || kind == "BertForPreTraining") {
    draw.linear("cls.predictions.transform.dense", o.width, o.width);
    draw.norm("cls.predictions.transform.LayerNorm", o.width);
    draw.tensor("cls.predictions.bias", {vocabulary});
  }
  if (kind == "BertForPreTraining" || kind == "BertForNextSentencePrediction")
    draw.linear("cls.seq_relationship", 2, o.width);
  if (kind == "BertForSequenceClassification" || kind == "BertForTokenClassification" ||
      kind == "BertForMultipleChoice")
    draw.linear("classifier", kind == "BertForMultipleChoice" ? 1 : o.labels, o.width);
  if (kind == "BertForQuestionAnswering") draw.linear("qa_outputs", 2, o.width);
  return tensors;
}

std::string tiny_bert_config(const TinyBertOptions& o) {
  OrderedJson config{{"architectures", {o.architecture}},
                     {"model_type", "bert"},
                     {"vocab_size", vocabulary_of(o).size()},
                     {"hidden_size", o.width},
                     {"num_hidden_layers", o.layers},
                     {"num_attention_heads", o.heads},
                     {"intermediate_size", o.inner_width},
                     {"hidden_act", o.activation},
                     {"hidden_dropout_prob", 0.1},
                     {"attention_probs_dropout_prob", 0.1},
                     {"max_position_embeddings", o.max_positions},
                     {"type_vocab_size", o.types},
                     {"layer_norm_eps", 1e-12},
                     {"pad_token_id", 0}};
  if (!o.problem_type.empty()) config["problem_type"] = o.problem_type;
  if (o.architecture == "BertForSequenceClassification" || o.architecture == "BertForTokenClassification") {
    OrderedJson names = OrderedJson::object(), ids = OrderedJson::object();
    for (std::int64_t i = 0; i < o.labels; ++i) {
      names[std::to_string(i)] = "LABEL_" + std::to_string(i);
      ids["LABEL_" + std::to_string(i)] = i;
    }
    config["id2label"] = names;
    config["label2id"] = ids;
  }
  return config.dump(2);
}

void write_tiny_bert(const std::filesystem::path& folder, const TinyBertOptions& o) {
  std::filesystem::create_directories(folder);
  write_file(folder / "config.json", tiny_bert_config(o));
  write_weights(folder, o);
  if (o.with_tokenizer) {
    std::string lines;
    for (const std::string& token : vocabulary_of(o)) lines += token + "\n";
    write_file(folder / "vocab.txt", lines);
    write_file(folder / "tokenizer_config.json",
               OrderedJson{{"do_lower_case", true}, {"tokenizer_class", "BertTokenizer"}}.dump(2));
  }
  if (o.sentence) write_sentence_modules(folder, o);
}

}  // namespace lyceum::check
