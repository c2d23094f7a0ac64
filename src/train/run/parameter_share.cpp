#include "train/run/parameter_share.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "base/error.h"
#include "ranks/array_mail.h"
#include "train/optimizer/state_tensors.h"

namespace lyceum {
namespace {

// What a rank has, or room for what another has.
struct Array {
  const std::byte* own = nullptr;
  std::byte* room = nullptr;
  std::size_t bytes = 0;
};
Array own_array(const Tensor& tensor) { return {.own = tensor.raw(), .bytes = tensor.bytes()}; }
Array room_in(Tensor& tensor) { return {.room = tensor.mutable_raw(), .bytes = tensor.bytes()}; }

// arrays[i] goes from rank owners[i] to those who read it.
template <class IsReader>
void spread(Ranks& ranks, Ranks::Message kind, std::span<const Array> arrays, std::span<const int> owners,
            const IsReader& is_reader) {
  ArrayMail mail(ranks, kind);
  std::size_t missing = 0;
  for (std::size_t i = 0; i < arrays.size(); ++i) {
    if (owners[i] != ranks.rank()) {
      missing += is_reader(i, ranks.rank()) ? 1 : 0;
      continue;
    }
    for (int to = 0; to < ranks.size(); ++to)
      if (to != ranks.rank() && is_reader(i, to))
        mail.send(to, static_cast<std::uint32_t>(i), {arrays[i].own, arrays[i].bytes});
  }
  mail.flush();
  while (missing > 0) {
    const bool has_come = mail.receive(
        [&](int from, std::uint32_t number, std::uint64_t bytes) {
          if (number >= arrays.size() || owners[number] != from || arrays[number].room == nullptr ||
              arrays[number].bytes != bytes)
            fail(Errc::kInternal, "spread: found {} bytes for array {} of rank {}", bytes, number, from);
          return arrays[number].room;
        },
        [&](int, std::uint32_t, bool) { --missing; });
    if (!has_come && !ranks.wait()) fail(Errc::kInterrupted, "process 0 has ended the run");
  }
}

constexpr auto kEverybody = [](std::size_t, int) { return true; };

// The tensors of one optimiser over all the weights, and the owner of each.
struct StateList {
  StateList(const Optimizer& own, std::span<const WeightPtr> weights,
            std::span<const int> owners_of_weights) {
    for (std::size_t i = 0; i < weights.size(); ++i)
      for (StateTensor& tensor : state_layout(own.spec(), weights[i]->name(), weights[i]->shape())) {
        layout.push_back(std::move(tensor));
        owners.push_back(owners_of_weights[i]);
      }
  }
  std::vector<StateTensor> layout;
  std::vector<int> owners;
};

}  // namespace

std::vector<Example> share_of(std::span<const Example> batch, DataPart part) {
  std::vector<Example> own;
  for (std::size_t i = part.index; i < batch.size(); i += part.count) own.push_back(batch[i]);
  return own;
}

Tensor rows_of_all(Ranks& ranks, const Tensor& own, std::span<const Example> batch) {
  std::string message;
  std::vector<float> rows;
  if (own.defined()) {
    rows = own.values<float>();
    message.assign(1, 'r').append(reinterpret_cast<const char*>(rows.data()), rows.size() * sizeof(float));
  }
  const std::vector<std::string> all = ranks.gather_everywhere(std::move(message));
  if (std::any_of(all.begin(), all.end(), [](const std::string& one) { return one.empty(); })) return {};

  const std::int64_t cols = own.cols();
  std::int64_t count = 0;
  std::vector<std::size_t> expected(all.size(), 1), at(all.size(), 1);  // bytes
  for (std::size_t i = 0; i < batch.size(); ++i) {
    count += batch[i].sequences();
    expected[i % all.size()] += static_cast<std::size_t>(batch[i].sequences() * cols) * sizeof(float);
  }
  for (std::size_t rank = 0; rank < all.size(); ++rank)
    if (all[rank].size() != expected[rank])
      fail(Errc::kInternal, "rows of all: rank {} has {} bytes, expected {} in rows of {} values", rank,
           all[rank].size() - 1, expected[rank] - 1, cols);
  Tensor out = Tensor::empty({count, cols});
  std::byte* to = out.mutable_raw();
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const std::size_t rank = i % all.size();
    const auto bytes = static_cast<std::size_t>(batch[i].sequences() * cols) * sizeof(float);
    std::memcpy(to, all[rank].data() + at[rank], bytes);
    at[rank] += bytes;
    to += bytes;
  }
  return out;
}

void spread_weights(Ranks& ranks, std::span<const WeightPtr> weights, std::span<const int> owners) {
  if (ranks.is_alone()) return;
  std::vector<Tensor> own;  // keeps the bytes
  std::vector<Array> arrays;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    // only who gets another value asks for a span to write to, which makes the packs of a layer anew
    if (owners[i] == ranks.rank()) {
      arrays.push_back(own_array(own.emplace_back(weights[i]->f32().contiguous())));
    } else {
      const auto room = std::as_writable_bytes(weights[i]->mutable_f32());
      arrays.push_back({.room = room.data(), .bytes = room.size()});
    }
  }
  spread(ranks, Ranks::Message::kWeight, arrays, owners, kEverybody);
}

NamedTensors gathered_state(Ranks& ranks, const Optimizer& own, std::span<const WeightPtr> weights,
                            std::span<const int> owners) {
  NamedTensors state = own.state();
  if (ranks.is_alone()) return state;
  const StateList list(own, weights, owners);
  std::vector<Array> arrays(list.layout.size());
  for (std::size_t i = 0; i < arrays.size(); ++i) {
    const StateTensor& one = list.layout[i];
    if (list.owners[i] == ranks.rank()) {
      arrays[i] = own_array(state.at(one.name));
    } else if (ranks.is_root()) {
      arrays[i] = room_in(state[one.name] = Tensor::empty(one.shape, one.dtype));
    }
  }
  spread(ranks, Ranks::Message::kState, arrays, list.owners, [](std::size_t, int rank) { return rank == 0; });
  return ranks.is_root() ? std::move(state) : NamedTensors();
}

void spread_state(Ranks& ranks, const NamedTensors& state, Optimizer& own, std::span<const WeightPtr> weights,
                  std::span<const int> owners) {
  constexpr int kAll = -1;
  StateList list(own, weights, owners);
  list.layout.push_back({.name = "step", .dtype = DType::kI64});  // which all ranks count alike
  list.owners.push_back(kAll);
  if (ranks.is_root()) check_state(state, list.layout, "optimizer state");
  const auto is_reader = [&](std::size_t i, int rank) {
    return list.owners[i] == kAll || list.owners[i] == rank;
  };
  NamedTensors part;
  std::vector<Tensor> kept;
  std::vector<Array> arrays(list.layout.size());
  for (std::size_t i = 0; i < arrays.size(); ++i) {
    const StateTensor& one = list.layout[i];
    Tensor tensor;
    if (ranks.is_root()) {
      tensor = state.at(one.name).contiguous();
      arrays[i] = own_array(tensor);
    } else if (is_reader(i, ranks.rank())) {
      tensor = Tensor::empty(one.shape, one.dtype);
      arrays[i] = room_in(tensor);
    }
    kept.push_back(tensor);
    if (is_reader(i, ranks.rank())) part[one.name] = tensor;
  }
  spread(ranks, Ranks::Message::kState, arrays, std::vector<int>(arrays.size(), 0), is_reader);
  own.load_state(part);
}

void spread_tensors(Ranks& ranks, NamedTensors& tensors) {
  std::vector<Array> arrays;
  for (auto& [name, tensor] : tensors)
    arrays.push_back(ranks.is_root() ? own_array(tensor) : room_in(tensor));
  spread(ranks, Ranks::Message::kState, arrays, std::vector<int>(arrays.size(), 0), kEverybody);
}

}  // namespace lyceum
