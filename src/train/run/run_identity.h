// What makes two runs the same run: of the processes that train together, and of one that goes on.
#pragma once

#include <string>

#include "train/run/learning.h"

namespace lyceum {

// Whether a run stays the same when this setting changes.
bool may_change(const std::string& name);

// Of the names and shapes of its parameters.
std::string digest_of(const Learning& learning);
// Of the data: names and sizes of the files. Of the weights: every byte that the run begins with.
std::string data_of(const Learning& learning);
std::string weights_of(const Learning& learning);

}  // namespace lyceum
