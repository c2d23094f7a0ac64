// What the classes of this library load a model with.
#pragma once

#include <string>

namespace lyceum {

struct LoadOptions {
  // products in "f32", "bf16" or "int8"; empty: int8 where the files are quantised, else f32
  std::string dtype;
  // Fetch a hub name that is not here into the cache first, as `lyceum pull` does (HF_ENDPOINT, HF_TOKEN and
  // the like are obeyed). Without it nothing is ever fetched.
  bool pull = false;
};

}  // namespace lyceum
