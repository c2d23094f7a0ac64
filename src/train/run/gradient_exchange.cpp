#include "train/run/gradient_exchange.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "kernels/rows.h"

namespace lyceum {

std::vector<int> owners_of(std::span<const Shape> shapes, int ranks) {
  std::vector<std::size_t> order(shapes.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return shapes[a].elements() > shapes[b].elements(); });
  std::vector<std::int64_t> load(static_cast<std::size_t>(ranks), 0);
  std::vector<int> owners(shapes.size());
  for (const std::size_t i : order) {
    const auto least = std::min_element(load.begin(), load.end());
    owners[i] = static_cast<int>(least - load.begin());
    *least += shapes[i].elements();
  }
  return owners;
}

GradientExchange::GradientExchange(Ranks& ranks, std::span<const Shape> shapes, std::span<const int> owners)
    : ranks_(ranks),
      shapes_(shapes),
      owners_(owners),
      is_added_(shapes.size()),
      mail_(ranks, Ranks::Message::kGradient),
      sums_(shapes.size()) {
  const auto size = static_cast<std::size_t>(ranks.size());
  for (std::size_t i = 0; i < sums_.size(); ++i)
    if (owners_[i] == ranks_.rank()) {
      sums_[i].waiting.resize(size);
      sums_[i].is_here.resize(size);
      ++open_sums_;
    }
}

GradientExchange::~GradientExchange() {
  is_given_up_ = true;
  join();
}

void GradientExchange::join() {
  if (thread_.joinable()) thread_.join();
}

void GradientExchange::add(std::size_t i, Tensor gradient) {
  if (is_added_[i]) fail(Errc::kInternal, "gradients: parameter {} was added before", i);
  is_added_[i] = true;
  const bool is_last = ++added_ == shapes_.size();
  if (ranks_.is_alone()) {
    sums_[i].total = std::move(gradient);
    return;
  }
  if (has_failed_) {
    join();
    std::rethrow_exception(error_);
  }
  {
    const std::lock_guard lock(mutex_);
    queue_.emplace_back(i, std::move(gradient));
    is_all_ = is_last;
  }
  if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
}

std::vector<Tensor> GradientExchange::finish() {
  if (added_ != shapes_.size())
    fail(Errc::kInternal, "gradients: found {} parameters, expected {}", added_, shapes_.size());
  join();
  if (error_) std::rethrow_exception(error_);
  std::vector<Tensor> totals;
  for (Sum& sum : sums_) totals.push_back(std::move(sum.total));
  return totals;
}

void GradientExchange::run() {
  try {
    exchange();
  } catch (...) {
    error_ = std::current_exception();
    has_failed_ = true;
  }
}

void GradientExchange::exchange() {
  const auto place = [&](int from, std::uint32_t number, std::uint64_t bytes) {
    const std::size_t i = number;
    if (i >= sums_.size() || owners_[i] != ranks_.rank() ||
        bytes != static_cast<std::uint64_t>(shapes_[i].elements()) * sizeof(float))
      fail(Errc::kInternal, "gradients: found {} bytes for parameter {} of rank {}", bytes, number, from);
    Tensor& room = sums_[i].waiting[static_cast<std::size_t>(from)];
    if (!room.defined()) room = Tensor::empty(shapes_[i]);
    return room.mutable_raw();
  };
  const auto done = [&](int from, std::uint32_t number, bool) { arrived(number, from); };
  for (bool is_all = false; !is_all || open_sums_ > 0;) {
    if (is_given_up_) return;
    std::vector<std::pair<std::size_t, Tensor>> queue;
    {
      const std::lock_guard lock(mutex_);
      queue.swap(queue_);
      if (is_all_ && !is_all) is_all = true;
    }
    for (auto& [i, gradient] : queue) {
      post(i, gradient);
      gradient = {};
    }
    if (is_all) mail_.flush();
    if (!mail_.receive(place, done) && queue.empty() && (!is_all || open_sums_ > 0) && !ranks_.wait())
      fail(Errc::kInterrupted, "process 0 has ended the run");
  }
}

void GradientExchange::post(std::size_t i, const Tensor& gradient) {
  const int owner = owners_[i];
  if (owner == ranks_.rank()) {
    sums_[i].waiting[static_cast<std::size_t>(owner)] = gradient;
    arrived(i, owner);
  } else if (gradient.defined()) {
    mail_.send(owner, static_cast<std::uint32_t>(i), {gradient.raw(), gradient.bytes()});
  } else {
    mail_.send_absence(owner, static_cast<std::uint32_t>(i));
  }
}

void GradientExchange::arrived(std::size_t i, int from) {
  Sum& sum = sums_.at(i);
  sum.is_here.at(static_cast<std::size_t>(from)) = true;
  for (; sum.next < sum.is_here.size() && sum.is_here[sum.next]; ++sum.next) {
    const Tensor next = std::move(sum.waiting[sum.next]);
    if (!next.defined()) continue;
    if (!sum.total.defined()) {
      sum.total = next;
      sum.is_ours_to_write = static_cast<int>(sum.next) != ranks_.rank();
      continue;
    }
    if (!sum.is_ours_to_write) sum.total = sum.total.clone();
    sum.is_ours_to_write = true;
    kernels::add_to(sum.total.mutable_data<float>(), next.data<float>(), next.elements());
  }
  if (sum.next == sum.is_here.size()) --open_sums_;
}

}  // namespace lyceum
