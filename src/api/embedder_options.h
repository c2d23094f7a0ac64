// From the options of the installed interface to those of the tasks.
#pragma once

#include "lyceum/embedding_model.h"
#include "tasks/embed/embedder.h"

namespace lyceum {

EmbedderOptions embedder_options(const EmbeddingOptions& options);  // Errc::kUsage for an unknown dtype

}  // namespace lyceum
