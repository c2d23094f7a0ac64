// The library in one include.
#pragma once

#include "lyceum/embedding_model.h"  // IWYU pragma: export
#include "lyceum/error.h"            // IWYU pragma: export
#include "lyceum/network.h"          // IWYU pragma: export
#include "lyceum/runtime.h"          // IWYU pragma: export
#include "lyceum/text_index.h"       // IWYU pragma: export
#include "lyceum/text_tokenizer.h"   // IWYU pragma: export
