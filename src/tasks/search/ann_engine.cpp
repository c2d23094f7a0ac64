#include "tasks/search/ann_engine.h"

#include <dlfcn.h>

#include "base/error.h"

namespace lyceum {
namespace {

struct Loaded {
  const AnnEngine* engine = nullptr;
  std::string trouble;
};

// Looked for where the dynamic linker looks (the program's run path, the system's folders), then where it was
// installed to. Never given back: OpenMP's threads may run in it.
const Loaded& loaded() {
  static const Loaded result = [] {
    Loaded l;
    void* library = nullptr;
    for (const char* name : {LYCEUM_ANN_MODULE, LYCEUM_ANN_FOLDER "/" LYCEUM_ANN_MODULE}) {
      library = ::dlopen(name, RTLD_NOW | RTLD_LOCAL);
      if (library != nullptr) break;
      if (l.trouble.empty()) l.trouble = ::dlerror();
    }
    if (library == nullptr) return l;
    const auto entry = reinterpret_cast<AnnEntry>(::dlsym(library, kAnnEntry));
    l.trouble = entry == nullptr ? LYCEUM_ANN_MODULE " is of another version of Lyceum" : "";
    if (entry != nullptr) l.engine = entry();
    return l;
  }();
  return result;
}

}  // namespace

const AnnEngine* ann_engine(std::string* trouble) {
  if (trouble != nullptr) *trouble = loaded().trouble;
  return loaded().engine;
}

const AnnEngine& require_ann_engine() {
  if (loaded().engine == nullptr)
    fail(Errc::kUnsupported,
         "approximate search is not in this installation: {}. Fix: install Debian's libfaiss-dev and build "
         "again; without it every search is exact.",
         loaded().trouble);
  return *loaded().engine;
}

std::string ann_engine_name() {
  return loaded().engine != nullptr ? loaded().engine->version() : "none (" + loaded().trouble + ")";
}

}  // namespace lyceum
