// An adapter's folder as a model like any other: its changes added to the base's weights.
#pragma once

#include <map>
#include <string>

#include "formats/checkpoint.h"
#include "formats/model_folder.h"

namespace lyceum {

struct MergedAdapter {
  std::string config;     // config.json of the class that was adapted
  std::string where;      // the file that it is made of
  Checkpoint checkpoint;  // the base's tensors, the merged in F32: W + scale B A; modules trained in full
  std::map<std::string, std::string> names;  // of the class's parameters: checkpoint -> the class's own
};

// Of a folder with an adapter() . The class is that of the folder's own config.json, or else what
// adapter_config.json says (auto_mapping, task_type), or else the base's; where a classifier of the adapter
// has another number of classes than the base's configuration names, the names are left out. A weight's
// orientation is the family's, whatever fan_in_fan_out says. Throws Errc::kData, naming the file and the
// tensor, for modules that the model does not have, shapes that do not fit it, ranks that are not as the
// configuration says, half of a pair, values that are not finite, and a base that is quantised; what
// load_model throws for the base.
MergedAdapter merged_adapter(const ModelFolder& folder);

}  // namespace lyceum
