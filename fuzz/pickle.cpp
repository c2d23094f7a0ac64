#include "formats/pickle.h"

#include "fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lyceum;
  fuzz::answer([&] {
    const std::string_view bytes = fuzz::text_of(data, size);
    const Pickle p = parse_pickle(bytes, "input");
    const auto inside = [&](PickleId id) { return id < p.size(); };
    fuzz::require(inside(p.root()), "the root is a value");
    for (PickleId id = 0; id < p.size(); ++id) {
      const PickleValue& v = p[id];
      fuzz::require(v.offset < size, "a value has a place");
      fuzz::require(std::all_of(v.items.begin(), v.items.end(), inside), "items are values");
      const bool has_pairs = v.kind == PickleValue::Kind::kDict || v.has_pairs;
      fuzz::require(!has_pairs || v.items.size() % 2 == 0, "every key has its value");
      if (v.kind == PickleValue::Kind::kCall)
        fuzz::require(inside(v.callee) && inside(v.arguments), "a call has a callee and arguments");
      fuzz::require(v.state == kNoPickleValue || inside(v.state), "a state is a value");
      fuzz::require(!describe(p, id).empty(), "a value has a description");
    }
  });
  return 0;
}
