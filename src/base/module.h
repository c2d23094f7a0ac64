// Parts of the program that are loaded when they are needed, since what stands behind them is heavy.
#pragma once

#include <string>

namespace lyceum {

enum class ModuleSymbols {
  kLocal,
  kGlobal  // the module's libraries load parts of their own, which look for symbols in the whole process
};

// The function `entry` of the module `name`, a file name. It is looked for where the dynamic linker looks
// (the program's run path, the system's folders), then where it was installed to, and never given back:
// threads may run in it. Null, and why in `trouble`, when it is not there or has no such function.
void* load_module(const std::string& name, const char* entry, ModuleSymbols symbols, std::string& trouble);

}  // namespace lyceum
