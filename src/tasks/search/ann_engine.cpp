#include "tasks/search/ann_engine.h"

#include "base/error.h"
#include "base/module.h"

namespace lyceum {
namespace {

struct Loaded {
  const AnnEngine* engine = nullptr;
  std::string trouble;
};

const Loaded& loaded() {
  static const Loaded result = [] {
    Loaded l;
    void* const entry = load_module(LYCEUM_ANN_MODULE, kAnnEntry, ModuleSymbols::kLocal, l.trouble);
    if (entry != nullptr) l.engine = reinterpret_cast<AnnEntry>(entry)();
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
         "approximate search is not in this installation: {}. Fix: install the package lyceum-ann, or build "
         "where Debian's libfaiss-dev is installed; without it every search is exact.",
         loaded().trouble);
  return *loaded().engine;
}

std::string ann_engine_name() {
  return loaded().engine != nullptr ? loaded().engine->version() : "none (" + loaded().trouble + ")";
}

}  // namespace lyceum
