#include "nn/forward.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <numeric>
#include <set>
#include <utility>

#include "base/error.h"
#include "tensor/legend.h"

namespace lyceum {
namespace {

const Tensor* find(const NamedTensors& tensors, const std::string& name) {
  const auto it = tensors.find(name);
  return it == tensors.end() ? nullptr : &it->second;
}

// Whole numbers of any width, as I64.
Tensor as_int64(const std::string& name, const Tensor& t) {
  if (t.dtype() == DType::kI64) return t;
  Tensor out = Tensor::empty(t.shape(), DType::kI64);
  std::int64_t* to = out.mutable_data<std::int64_t>();
  const Tensor from = t.contiguous();
  if (t.dtype() == DType::kI32) {
    std::copy_n(from.data<std::int32_t>(), t.elements(), to);
  } else if (t.dtype() == DType::kU8 || t.dtype() == DType::kBool) {
    for (std::int64_t i = 0; i < t.elements(); ++i) to[i] = static_cast<std::int64_t>(from.raw()[i]);
  } else {
    fail(Errc::kData, "input '{}': found {}, expected whole numbers (I64, I32, U8 or BOOL)", name,
         dtype_name(t.dtype()));
  }
  return out;
}

// [tokens, F] at the places of the padded batch [B, T, F], and back.
Tensor spread_tokens(const Tensor& packed, const PackedTokens& tokens) {
  Tensor padded = Tensor::zeros({tokens.rows, tokens.row_tokens, packed.cols()});
  float* to = padded.mutable_data<float>();
  for (std::size_t t = 0; t < tokens.places.size(); ++t)
    std::copy_n(packed.row<float>(static_cast<std::int64_t>(t)), packed.cols(),
                to + tokens.places[t] * packed.cols());
  return padded;
}

Tensor gather_tokens(const Tensor& padded, const PackedTokens& tokens, std::int64_t features) {
  Tensor packed = Tensor::empty({static_cast<std::int64_t>(tokens.places.size()), features});
  const Tensor from = padded.contiguous();
  for (std::size_t t = 0; t < tokens.places.size(); ++t)
    std::copy_n(from.data<float>() + tokens.places[t] * features, features,
                packed.mutable_data<float>() + static_cast<std::int64_t>(t) * features);
  return packed;
}

// Rows of sequences without a token are zero, whatever a head's bias says.
Tensor silence_empty_rows(const Tensor& rows, const PackedTokens& tokens) {
  Tensor out = rows.clone();
  for (std::int64_t s = 0; s < tokens.rows; ++s)
    if (tokens.layout.length(s) == 0) std::fill_n(out.mutable_row<float>(s), out.cols(), 0.0f);
  return out;
}

Tensor spread(const ModelOutput& output, const PackedTokens& tokens) {
  switch (output.spread) {
    case Spread::kTokens:
      return spread_tokens(output.value, tokens);
    case Spread::kToken:
      return spread_tokens(output.value, tokens).reshaped({tokens.rows, tokens.row_tokens});
    case Spread::kRows:
      return silence_empty_rows(output.value, tokens);
    case Spread::kChoices:
      return silence_empty_rows(output.value, tokens)
          .reshaped({tokens.rows / tokens.choices, tokens.choices});
    case Spread::kScalar:
      break;
  }
  return output.value;
}

// The cotangent that the caller gave in the padded shape, as backward wants it.
Tensor packed_cotangent(const ModelOutput& output, const Tensor& given, const PackedTokens& tokens) {
  const std::int64_t features = output.value.cols();
  Shape expected = output.value.shape();
  if (output.spread == Spread::kTokens) expected = Shape{tokens.rows, tokens.row_tokens, features};
  if (output.spread == Spread::kToken) expected = Shape{tokens.rows, tokens.row_tokens};
  if (output.spread == Spread::kChoices) expected = Shape{tokens.rows / tokens.choices, tokens.choices};
  if (given.shape() != expected || given.dtype() != DType::kF32)
    fail(Errc::kData, "input 'cotangent.{}': found {} {}, expected F32 {}", output.name,
         dtype_name(given.dtype()), given.shape().text(), expected.text());
  if (output.spread == Spread::kTokens || output.spread == Spread::kToken)
    return gather_tokens(given, tokens, features);
  if (output.spread == Spread::kChoices)
    return silence_empty_rows(given.contiguous().reshaped(output.value.shape()), tokens);
  return output.spread == Spread::kRows ? silence_empty_rows(given, tokens) : given;
}

}  // namespace

PackedTokens pack_tokens(const NamedTensors& inputs, const Model& model) {
  const Tensor* given = find(inputs, "input_ids");
  if (given == nullptr) fail(Errc::kData, "forward: input 'input_ids' is missing");
  const Tensor ids = as_int64("input_ids", *given).contiguous();
  Legend d("forward");
  const bool has_choices = model.head() == Head::kChoices;
  d.bind("input_ids", ids.shape(), has_choices ? "B C T" : "B T");
  PackedTokens packed;
  packed.choices = has_choices ? d['C'] : 1;
  if (packed.choices == 0)
    fail(Errc::kData, "forward: input_ids is {}, expected a choice", ids.shape().text());
  packed.rows = d['B'] * packed.choices;
  packed.row_tokens = d['T'];
  if (packed.row_tokens == 0 && packed.rows > 0)  // any number of rows costs no byte
    fail(Errc::kData, "forward: input_ids is {}, expected at least one token a row", ids.shape().text());
  const auto optional = [&](const char* name) {
    const Tensor* t = find(inputs, name);
    if (t == nullptr) return Tensor();
    if (t->shape() != ids.shape())
      fail(Errc::kData, "forward: {} is {}, expected {} as input_ids", name, t->shape().text(),
           ids.shape().text());
    return as_int64(name, *t).contiguous();
  };
  const Tensor mask = optional("attention_mask"), types = optional("token_type_ids"),
               positions = optional("position_ids");
  std::vector<std::int64_t> lengths, places_in_row, default_positions;
  for (std::int64_t b = 0; b < packed.rows; ++b) {
    std::int64_t length = 0;
    default_positions.resize(static_cast<std::size_t>(packed.row_tokens));
    if (!positions.defined())
      model.place({ids.row<std::int64_t>(b), default_positions.size()}, default_positions);
    for (std::int64_t t = 0; t < packed.row_tokens; ++t) {
      const std::int64_t place = b * packed.row_tokens + t;
      const std::int64_t keep = mask.defined() ? mask.data<std::int64_t>()[place] : 1;
      if (keep != 0 && keep != 1)
        fail(Errc::kData, "forward: attention_mask[{}, {}] is {}, expected 0 or 1", b, t, keep);
      if (keep == 0) continue;
      const auto in_table = [&](const char* name, std::int64_t value, std::int64_t size) {
        if (value < 0 || value >= size)
          fail(Errc::kData, "forward: {}[{}, {}] is {}, expected 0 to {}", name, b, t, value, size - 1);
        return value;
      };
      packed.ids.push_back(in_table("input_ids", ids.data<std::int64_t>()[place], model.vocabulary()));
      packed.types.push_back(types.defined() ? types.data<std::int64_t>()[place] : 0);
      places_in_row.push_back(in_table(positions.defined() ? "position_ids" : "position",
                                       positions.defined() ? positions.data<std::int64_t>()[place]
                                                           : default_positions[static_cast<std::size_t>(t)],
                                       model.max_positions()));
      packed.places.push_back(place);
      ++length;
    }
    lengths.push_back(length);
  }
  std::vector<std::uint64_t> sequence_ids(lengths.size());
  std::iota(sequence_ids.begin(), sequence_ids.end(), std::uint64_t{0});
  packed.layout = SequenceLayout::from(lengths, std::move(places_in_row), std::move(sequence_ids));
  return packed;
}

NamedTensors forward(const Model& model, const NamedTensors& inputs, const ForwardOptions& options) {
  constexpr std::string_view kCotangent = "cotangent.";
  NamedTensors known;
  std::map<std::string, Tensor> cotangents;
  for (const auto& [name, tensor] : inputs) {
    if (name.starts_with(kCotangent)) {
      cotangents.emplace(name.substr(kCotangent.size()), tensor);
    } else {
      known.emplace(name, tensor.dtype() == DType::kF32 ? tensor : as_int64(name, tensor));
    }
  }
  std::vector<std::string> expected{"input_ids", "attention_mask", "token_type_ids", "position_ids"};
  for (const std::string& name : model.label_inputs()) expected.push_back(name);
  for (const auto& [name, tensor] : known)
    if (std::find(expected.begin(), expected.end(), name) == expected.end())
      fail(Errc::kData, "forward: found the input '{}', expected those of {}: {}", name, model.architecture(),
           fmt::join(expected, ", "));
  const PackedTokens tokens = pack_tokens(known, model);
  Pass pass;
  if (!options.taps.empty()) pass.taps = Taps(options.taps);

  Tape tape;
  std::vector<WeightPtr> parameters = model.parameters();
  if (options.sentence != nullptr)
    parameters.insert(parameters.end(), options.sentence->parameters().begin(),
                      options.sentence->parameters().end());
  for (const WeightPtr& weight : parameters) weight->set_trainable(options.backward);
  std::vector<ModelOutput> outputs;
  {
    const Tape::Recording on(options.backward ? &tape : nullptr);
    outputs = model.run(tokens, known, pass);
    if (options.sentence != nullptr)  // last_hidden_state stands first
      outputs.push_back(
          {"sentence_embedding", (*options.sentence)(outputs.front().value, tokens.layout), Spread::kRows});
  }
  NamedTensors result;
  for (const ModelOutput& output : outputs) result.emplace(output.name, spread(output, tokens));
  for (const ModelOutput& tap : pass.taps.taken()) result.emplace("tap." + tap.name, spread(tap, tokens));
  if (!options.backward) {
    if (!cotangents.empty()) fail(Errc::kUsage, "forward: found a cotangent without --backward");
    return result;
  }

  std::vector<std::pair<Tensor, Tensor>> seeds;
  const auto loss =
      std::find_if(outputs.begin(), outputs.end(), [](const auto& o) { return o.name == "loss"; });
  if (cotangents.empty()) {
    if (loss == outputs.end())
      fail(Errc::kUsage, "forward: --backward found neither labels nor an input 'cotangent.OUTPUT'");
    seeds.emplace_back(loss->value, Tensor::full(loss->value.shape(), 1.0f));
  } else {
    for (const auto& [name, given] : cotangents) {
      const auto output = std::find_if(outputs.begin(), outputs.end(),
                                       [&name = name](const auto& o) { return o.name == name; });
      if (output == outputs.end())
        fail(Errc::kData, "forward: 'cotangent.{}' names no output of {}", name, model.architecture());
      seeds.emplace_back(output->value, packed_cotangent(*output, given, tokens));
    }
  }
  outputs.clear();
  Gradients gradients = tape.backward(std::move(seeds));
  for (const WeightPtr& weight : parameters) {
    Tensor gradient = gradients.take(weight->variable());
    result.emplace("grad." + weight->name(),
                   gradient.defined() ? gradient.reshaped(weight->shape()) : Tensor::zeros(weight->shape()));
    weight->set_trainable(false);
  }
  return result;
}

}  // namespace lyceum
