#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "apps/lyceum/app.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "base/parallel.h"
#include "base/random.h"
#include "kernels/narrow/narrow.h"
#include "nn/registry.h"
#include "tasks/embed/embedder.h"
#include "train/objective/objective.h"
#include "train/optimizer/optimizer.h"

namespace lyceum::app {
namespace {

struct BenchArguments {
  std::string model, texts;
  std::vector<std::int64_t> batch, tokens;
  int repeats = 5;
  double labels = 1;
  bool roofline = false, train = false, recompute = false;
};

struct Times {
  double median, least, most;
};

// Of the whole process so far.
std::int64_t peak_rss_bytes() {
  rusage use{};
  getrusage(RUSAGE_SELF, &use);
  return use.ru_maxrss * std::int64_t{1024};
}

// One warm-up, then the repeats.
template <class F>
Times time(int repeats, F run) {
  run();
  std::vector<double> seconds;
  for (int i = 0; i < repeats; ++i) {
    check_interrupt();
    const auto begin = std::chrono::steady_clock::now();
    run();
    seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  std::sort(seconds.begin(), seconds.end());
  return {seconds[seconds.size() / 2], seconds.front(), seconds.back()};
}

struct ProductShape {
  std::int64_t rows, outputs, inputs;
  auto operator<=>(const ProductShape&) const = default;
};
using ProductShapes = std::map<ProductShape, int>;  // and how many of each

// Those of the layers for so many rows.
ProductShapes layer_products(const Model& model, std::int64_t rows) {
  ProductShapes shapes;
  for (const WeightPtr& w : model.int8_weights()) ++shapes[{rows, w->outputs(), w->inputs()}];
  return shapes;
}

// Seconds that matrix products alone take.
double product_seconds(const ProductShapes& shapes, int repeats, Compute compute) {
  double sum = 0;
  for (const auto& [shape, count] : shapes) {
    const std::int64_t rows = shape.rows, n = shape.outputs, k = shape.inputs;
    const std::vector<float> a(static_cast<std::size_t>(rows * k), 0.5f),
        b(static_cast<std::size_t>(n * k), 0.25f);
    std::vector<float> c(static_cast<std::size_t>(rows * n));
    const kernels::PackSource source{.data = b.data(), .n = n, .k_stride = 1, .n_stride = k};
    const kernels::LeftMatrix left{.data = a.data(), .stride = k};
    kernels::Panels panels;
    kernels::NarrowPanels narrow;
    if (compute == Compute::kF32) {
      kernels::pack({&source, 1}, k, panels);
    } else {
      kernels::pack({&source, 1}, k,
                    compute == Compute::kInt8 ? kernels::Narrow::kInt8 : kernels::Narrow::kBF16, narrow);
    }
    const auto run = [&] {
      compute == Compute::kF32 ? kernels::product(left, rows, panels, c.data(), n)
                               : kernels::product(left, rows, narrow, c.data(), n);
    };
    sum += count * time(repeats, run).median;
  }
  return sum;
}

void print(const Common& common, const std::string& name, const char* unit, double amount, const Times& t,
           int repeats, double product_rate) {
  const nlohmann::ordered_json row{{"case", name},
                                   {"unit", unit},
                                   {"median", amount / t.median},
                                   {"min", amount / t.most},
                                   {"max", amount / t.least},
                                   {"repeats", repeats},
                                   {"threads", thread_count()},
                                   {"dtype", common.dtype.empty() ? "f32" : common.dtype},
                                   {"peak_bytes", memory_use().peak_bytes},
                                   {"peak_rss_bytes", peak_rss_bytes()},
                                   {"product_rate", product_rate}};
  if (common.json) return print_json(row);
  print_line(
      fmt::format("{:<12}{:>12.1f} {} (min {:.1f}, max {:.1f} of {}; {:.0f} % of the products' rate; {:.1f} "
                  "MB of tensors at most)",
                  name, amount / t.median, unit, amount / t.most, amount / t.least, repeats,
                  100 * product_rate, static_cast<double>(memory_use().peak_bytes) / 1e6));
}

void roofline(const Common& common, int repeats) {
  constexpr std::int64_t m = 1024, n = 3072, k = 768;
  const std::vector<float> a(m * k, 0.5f), b(n * k, 0.25f);
  std::vector<float> c(m * n);
  const kernels::PackSource source{.data = b.data(), .n = n, .k_stride = 1, .n_stride = k};
  kernels::Panels panels;
  kernels::pack({&source, 1}, k, panels);
  const Times product =
      time(repeats, [&] { kernels::product({.data = a.data(), .stride = k}, m, panels, c.data(), n); });
  const std::size_t bytes = std::size_t{256} << 20;
  std::vector<char> from(bytes, 1), to(bytes);
  const Times copy = time(repeats, [&] {
    parallel_for(static_cast<std::int64_t>(bytes >> 20), 8, [&](std::int64_t begin, std::int64_t end) {
      std::copy_n(from.data() + (begin << 20), static_cast<std::size_t>(end - begin) << 20,
                  to.data() + (begin << 20));
    });
  });
  const double rate = 2.0 * m * n * k / product.median * 1e-9,
               bandwidth = 2 * static_cast<double>(bytes) / copy.median * 1e-9;
  common.json
      ? print_json({{"product_gflops", rate}, {"copy_gbytes_per_s", bandwidth}, {"threads", thread_count()}})
      : print_line(fmt::format("f32 product {:.1f} GFLOP/s, copy {:.1f} GB/s (read and written), {} threads",
                               rate, bandwidth, thread_count()));
}

// Rows of random tokens, each with a label at a share of its places.
std::vector<Example> training_examples(const Model& model, std::int64_t batch, std::int64_t tokens,
                                       double labels, std::uint64_t seed) {
  Random random(seed);
  const auto token = [&] { return random.below(static_cast<std::uint32_t>(model.vocabulary())); };
  std::vector<Example> examples(static_cast<std::size_t>(batch));
  for (std::size_t b = 0; b < examples.size(); ++b) {
    Example& e = examples[b];
    e.id = b;
    e.has_token_labels = true;
    for (std::int64_t t = 0; t < tokens; ++t) {
      e.ids.push_back(static_cast<std::int32_t>(token()));
      e.labels.push_back(static_cast<double>(random.uniform()) < labels ? static_cast<std::int64_t>(token())
                                                                        : kIgnoredLabel);
    }
  }
  return examples;
}

// One step: forwards and backwards with the configuration's dropout, clipping, AdamW.
void train_case(const BenchArguments& o, const Common& common, Model& model, std::int64_t batch,
                std::int64_t tokens) {
  if (model.head() != Head::kWords)
    fail(Errc::kUnsupported, "bench --train: found {}, expected a model with scores of words",
         model.architecture());
  if (!(o.labels > 0 && o.labels <= 1))
    fail(Errc::kUsage, "bench: --labels: found {}, expected a share above 0, at most 1", o.labels);
  std::vector<TrainedParameter> parameters;
  for (const WeightPtr& weight : model.parameters()) {
    weight->set_trainable(true);
    parameters.push_back({.weight = weight, .weight_decay = weight->shape().dims() >= 2 ? 0.01 : 0});
  }
  Optimizer optimizer({}, parameters);
  const std::vector<Example> examples = training_examples(model, batch, tokens, o.labels, common.seed);
  const auto objective = words_objective(false, 0);
  const std::vector<double> totals = objective->counts(examples);
  std::uint64_t step = 0;
  reset_peak_memory();
  const Times t = time(o.repeats, [&] {
    Gradients gradients;
    objective->learn({.model = &model}, examples, totals,
                     {.dropout_seed = ++step, .recompute_layers = o.recompute}, gradients);
    std::vector<Tensor> ordered;
    for (const TrainedParameter& p : parameters) {
      Tensor g = gradients.take(p.weight->variable());
      ordered.push_back(g.defined() ? g.reshaped(p.weight->shape()) : g);
    }
    const double norm = global_norm(ordered);
    optimizer.step(ordered, 1e-4, norm > 1 ? 1 / norm : 1);
  });
  // forwards, to the inputs and to the weights; of the words' scores for the rows that have a label
  ProductShapes products;
  const auto rows = static_cast<std::int64_t>(totals[0]);
  const auto add = [&](std::int64_t m, std::int64_t n, std::int64_t k, int count) {
    products[{m, n, k}] += count;
    products[{m, k, n}] += count;
    products[{n, k, m}] += count;
  };
  for (const auto& [shape, count] : layer_products(model, batch * tokens))
    add(shape.rows, shape.outputs, shape.inputs, count);
  add(rows, model.vocabulary(), model.width(), 1);
  print(common, fmt::format("train {}x{} {:.0f} %", batch, tokens, 100 * o.labels), "tokens/s",
        static_cast<double>(batch * tokens), t, o.repeats,
        product_seconds(products, o.repeats, Compute::kF32) / t.median);
}

void run(const BenchArguments& o, const Common& common) {
  apply(common);
  if (o.roofline) roofline(common, o.repeats);
  if (o.model.empty()) {
    if (!o.roofline) fail(Errc::kUsage, "bench: found neither a model nor --roofline");
    return;
  }
  const ModelFolder folder = find_model(o.model, common);
  const Compute compute = compute_of(common).value_or(Compute::kF32);
  if (!o.texts.empty()) {
    const auto embedder = Embedder::load(folder, {.compute = compute_of(common)});
    LineReader reader({.file = o.texts}, common);
    std::vector<std::string> texts;
    for (std::string line; reader.next(line);) texts.push_back(line);
    std::int64_t tokens = 0;
    for (const std::string& text : texts)
      tokens += static_cast<std::int64_t>(
          embedder->tokenizer().encode(text, {.max_tokens = embedder->max_tokens()}).ids.size());
    reset_peak_memory();
    const Times t = time(o.repeats, [&] { embedder->encode(texts); });
    print(common, fmt::format("{} texts", texts.size()), "texts/s", static_cast<double>(texts.size()), t,
          o.repeats,
          product_seconds(layer_products(embedder->model(), std::min<std::int64_t>(tokens, 4096)), o.repeats,
                          compute) *
              static_cast<double>(tokens) / static_cast<double>(std::min<std::int64_t>(tokens, 4096)) /
              t.median);
    return;
  }
  if (o.batch.size() != o.tokens.size())
    fail(Errc::kUsage, "bench: found {} --batch and {} --tokens, expected as many", o.batch.size(),
         o.tokens.size());
  const LoadedModel loaded = load_model(folder, compute_of(common));
  std::vector<std::pair<std::int64_t, std::int64_t>> cases;
  for (std::size_t i = 0; i < o.batch.size(); ++i) cases.emplace_back(o.batch[i], o.tokens[i]);
  if (cases.empty()) cases = {{1, 16}, {1, 128}, {8, 128}, {32, 128}, {4, 512}};
  for (const auto& [batch, tokens] : cases) {
    if (tokens > loaded.model->max_tokens())
      fail(Errc::kUsage, "bench: found {} tokens, expected at most {}", tokens, loaded.model->max_tokens());
    if (o.train) {
      train_case(o, common, *loaded.model, batch, tokens);
      continue;
    }
    TokenPacker packer(*loaded.model);
    Random random(common.seed);
    std::vector<std::int32_t> ids(static_cast<std::size_t>(tokens)), types(ids.size());
    for (std::int64_t b = 0; b < batch; ++b) {
      for (std::int32_t& id : ids)
        id = static_cast<std::int32_t>(random.below(static_cast<std::uint32_t>(loaded.model->vocabulary())));
      packer.add(ids, types);
    }
    const PackedTokens packed = packer.finish();
    loaded.model->encode(packed);
    reset_peak_memory();
    const Times t = time(o.repeats, [&] { loaded.model->encode(packed); });
    print(common, fmt::format("{}x{}", batch, tokens), "tokens/s", static_cast<double>(batch * tokens), t,
          o.repeats,
          product_seconds(layer_products(*loaded.model, batch * tokens), o.repeats, compute) / t.median);
  }
}

}  // namespace

void add_bench(CLI::App& app) {
  auto o = std::make_shared<BenchArguments>();
  Verb verb(app, "bench", "Speed and memory of a model on this machine");
  auto common = add_common(verb, "lyceum bench all-MiniLM-L6-v2 --batch 8 --tokens 128 --roofline");
  add_model(verb, "model", o->model, "A folder, a file or a name", common);
  verb.option("--batch", o->batch, "Rows of a case (with --tokens; several times for several cases)")
      .range(1, 1 << 20);
  verb.option("--tokens", o->tokens, "Tokens of each row").range(1, 1 << 20);
  verb.option("--texts", o->texts, "Embed the lines of this file instead");
  verb.option("--repeats", o->repeats, "Measurements of each case").range(1, 1000).show_default();
  verb.flag("--train", o->train, "A step of training instead: forwards, backwards, clipping, AdamW");
  verb.option("--labels", o->labels, "With --train: the share of tokens that have a label, above 0 to 1")
      .show_default();
  verb.flag("--recompute", o->recompute,
            "With --train: layers are computed again on the way back, for memory");
  verb.flag("--roofline", o->roofline, "The machine's own limits");
  verb.run([o, common] { run(*o, *common); });
}

}  // namespace lyceum::app
