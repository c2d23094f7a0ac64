#include "base/module.h"

#include <dlfcn.h>

namespace lyceum {

void* load_module(const std::string& name, const char* entry, ModuleSymbols symbols, std::string& trouble) {
  const int flags = RTLD_NOW | (symbols == ModuleSymbols::kGlobal ? RTLD_GLOBAL : RTLD_LOCAL);
  void* library = nullptr;
  trouble.clear();
  for (const std::string& place : {name, LYCEUM_MODULE_FOLDER "/" + name}) {
    library = ::dlopen(place.c_str(), flags);
    if (library != nullptr) break;
    if (trouble.empty()) trouble = ::dlerror();
  }
  if (library == nullptr) return nullptr;
  trouble.clear();
  void* const function = ::dlsym(library, entry);
  if (function == nullptr) trouble = name + " is of another version of Lyceum";
  return function;
}

}  // namespace lyceum
