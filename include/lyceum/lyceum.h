// The library in one include.
#pragma once

#include "lyceum/chart.h"              // IWYU pragma: export
#include "lyceum/data_lines.h"         // IWYU pragma: export
#include "lyceum/embedding_model.h"    // IWYU pragma: export
#include "lyceum/error.h"              // IWYU pragma: export
#include "lyceum/evaluation.h"         // IWYU pragma: export
#include "lyceum/load_options.h"       // IWYU pragma: export
#include "lyceum/mask_filler.h"        // IWYU pragma: export
#include "lyceum/network.h"            // IWYU pragma: export
#include "lyceum/page.h"               // IWYU pragma: export
#include "lyceum/pair_miner.h"         // IWYU pragma: export
#include "lyceum/question_answerer.h"  // IWYU pragma: export
#include "lyceum/reranker.h"           // IWYU pragma: export
#include "lyceum/runtime.h"            // IWYU pragma: export
#include "lyceum/text_classifier.h"    // IWYU pragma: export
#include "lyceum/text_clusterer.h"     // IWYU pragma: export
#include "lyceum/text_index.h"         // IWYU pragma: export
#include "lyceum/text_tokenizer.h"     // IWYU pragma: export
#include "lyceum/token_tagger.h"       // IWYU pragma: export
#include "lyceum/training.h"           // IWYU pragma: export
