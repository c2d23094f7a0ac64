#include "check/reference_case.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>

#include "check/gradcheck.h"
#include "formats/safetensors.h"
#include "nn/forward.h"
#include "nn/registry.h"

namespace lyceum::check {
namespace fs = std::filesystem;

ReferenceCase reference_case(const fs::path& folder) {
  const Safetensors file = Safetensors::open(folder / "case.safetensors");
  ReferenceCase c;
  for (const SafetensorsEntry& e : file.entries()) {
    if (e.name.starts_with("in.")) c.inputs.emplace(e.name.substr(3), file.tensor(e));
    if (e.name.starts_with("out.")) c.outputs.emplace(e.name.substr(4), file.tensor(e));
  }
  return c;
}

std::unique_ptr<Model> load_folder(const fs::path& folder) {
  return load_model(ModelFolder::find(folder.string())).model;
}

ChangedFolder::ChangedFolder(const fs::path& golden, const std::function<void(NamedTensors&)>& change,
                             const std::function<void(std::string&)>& config) {
  std::ifstream in(golden / "config.json");
  std::string text(std::istreambuf_iterator<char>(in), {});
  if (config) config(text);
  std::ofstream(folder_.path() / "config.json") << text;
  const Safetensors file = Safetensors::open(golden / "model.safetensors");
  NamedTensors tensors;
  for (const SafetensorsEntry& e : file.entries()) tensors.emplace(e.name, file.tensor(e));
  change(tensors);
  const std::vector<std::pair<std::string, Tensor>> list(tensors.begin(), tensors.end());
  write_safetensors(folder_.path() / "model.safetensors", list);
}

NamedTensors tokens_only(const NamedTensors& inputs) {
  NamedTensors out;
  for (const char* name : {"input_ids", "attention_mask", "token_type_ids", "position_ids"})
    if (const auto it = inputs.find(name); it != inputs.end()) out.insert(*it);
  return out;
}

double largest(const Tensor& t) {
  double most = 0;
  for (const float v : t.values<float>()) most = std::max(most, std::abs(static_cast<double>(v)));
  return most;
}

double difference(const Tensor& a, const Tensor& b) {
  const auto x = a.values<float>(), y = b.values<float>();
  double most = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double d = std::abs(static_cast<double>(x[i]) - static_cast<double>(y[i]));
    most = d > most || std::isnan(d) ? (std::isnan(d) ? INFINITY : d) : most;
  }
  return most;
}

std::string equals_reference(const fs::path& folder, double relative) {
  const ReferenceCase c = reference_case(folder);
  const NamedTensors got = forward(*load_folder(folder), c.inputs, {.backward = true});
  double most = 0;  // of all gradients
  for (const auto& [name, want] : c.outputs)
    if (name.starts_with("grad.")) most = std::max(most, largest(want));
  if (!(most > 0.01)) return "the reference's gradients are all but zero";
  for (const auto& [name, tensor] : got)
    if (!c.outputs.contains(name)) return fmt::format("'{}' is not the reference's", name);
  for (const auto& [name, want] : c.outputs) {
    const auto it = got.find(name);
    if (it == got.end()) return fmt::format("'{}' is missing", name);
    if (it->second.shape() != want.shape())
      return fmt::format("'{}' is {}, expected {}", name, it->second.shape().text(), want.shape().text());
    // A key's bias, a span head's bias and the norm before it shift a softmax, which ignores shifts: their
    // gradients are rounding noise.
    const bool noise = largest(want) < 1e-5 * most;
    const double error = difference(it->second, want), allowed = relative * (noise ? most : largest(want));
    if (!(error <= allowed))
      return fmt::format("'{}' differs by {}, expected at most {}", name, error, allowed);
  }
  return "";
}

namespace {

// The same batch in rows of T + more places.
Tensor widened(const Tensor& t, std::int64_t more, std::int64_t fill) {
  Tensor out = Tensor::empty({t.dim(0), t.dim(1) + more}, DType::kI64);
  for (std::int64_t r = 0; r < t.dim(0); ++r) {
    std::fill_n(out.mutable_row<std::int64_t>(r), out.dim(1), fill);
    std::copy_n(t.row<std::int64_t>(r), t.dim(1), out.mutable_row<std::int64_t>(r));
  }
  return out;
}

// The first `places` places of each row of [B, T, ...].
Tensor first_places(const Tensor& t, std::int64_t places) {
  const std::int64_t features = t.elements() / std::max<std::int64_t>(1, t.dim(0) * t.dim(1));
  Tensor out = Tensor::empty({t.dim(0), places * features});
  for (std::int64_t b = 0; b < t.dim(0); ++b)
    std::copy_n(t.data<float>() + b * t.dim(1) * features, places * features, out.mutable_row<float>(b));
  return out;
}

}  // namespace

std::string padding_changes_no_bit(const fs::path& folder) {
  NamedTensors given = reference_case(folder).inputs;
  // cotangents have the rows' shape, and a span's place outside of a row would lie inside of a wider one
  const bool backward = std::none_of(given.begin(), given.end(), [](const auto& input) {
    return input.first.starts_with("cotangent.") || input.first == "start_positions";
  });
  if (!backward) given = tokens_only(given);
  const auto model = load_folder(folder);
  const NamedTensors narrow = forward(*model, given, {.backward = backward});
  const Shape batch = given.at("input_ids").shape();
  NamedTensors inputs = given;
  for (auto& [name, tensor] : inputs)
    if (tensor.shape() == batch)
      tensor = widened(tensor, 5, name == "labels" ? -100 : name == "input_ids" ? 7 : 0);
  const NamedTensors wide = forward(*model, inputs, {.backward = backward});
  for (const auto& [name, want] : narrow) {
    const Tensor& got = wide.at(name);
    const bool by_place = want.shape().dims() >= 2 && want.dim(0) == batch[0] && want.dim(1) == batch[1] &&
                          got.dim(1) == batch[1] + 5;
    const std::string trouble = by_place
                                    ? same_bits(first_places(got, batch[1]), first_places(want, batch[1]))
                                    : same_bits(got, want);
    if (!trouble.empty()) return name + ": " + trouble;
  }
  return "";
}

std::string rows_do_not_depend_on_each_other(const fs::path& folder) {
  const NamedTensors inputs = tokens_only(reference_case(folder).inputs);
  const auto model = load_folder(folder);
  const NamedTensors all = forward(*model, inputs);
  const std::int64_t rows = inputs.at("input_ids").dim(0);
  NamedTensors reversed = inputs;
  for (auto& [name, tensor] : reversed) {
    const Tensor from = tensor;
    tensor = from.clone();
    for (std::int64_t r = 0; r < rows; ++r)
      std::copy_n(from.row<std::int64_t>(rows - 1 - r), from.cols(), tensor.mutable_row<std::int64_t>(r));
  }
  const NamedTensors backwards = forward(*model, reversed);
  for (std::int64_t r = 0; r < rows; ++r) {
    NamedTensors one;
    for (const auto& [name, tensor] : inputs) one.emplace(name, tensor.row_range(r, r + 1));
    const NamedTensors alone = forward(*model, one);
    for (const auto& [name, tensor] : all) {
      std::string trouble = same_bits(alone.at(name), tensor.row_range(r, r + 1));
      if (trouble.empty())
        trouble = same_bits(backwards.at(name).row_range(rows - 1 - r, rows - r), tensor.row_range(r, r + 1));
      if (!trouble.empty()) return fmt::format("{} of row {}: {}", name, r, trouble);
    }
  }
  return "";
}

std::string threads_and_instruction_sets_change_no_bit(const fs::path& folder) {
  const ReferenceCase c = reference_case(folder);
  return same_bits_everywhere([&] {
    std::vector<Tensor> out;
    for (const auto& [name, tensor] : forward(*load_folder(folder), c.inputs, {.backward = true}))
      out.push_back(tensor);
    return out;
  });
}

std::string keeps_its_bits(const fs::path& folder) {
  for (const auto comparison :
       {padding_changes_no_bit, rows_do_not_depend_on_each_other, threads_and_instruction_sets_change_no_bit})
    if (std::string trouble = comparison(folder); !trouble.empty()) return trouble;
  return "";
}

}  // namespace lyceum::check
