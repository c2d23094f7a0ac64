// Entities in label sequences, and how many of them were found.
#pragma once

#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <vector>

namespace lyceum {

using LabelSequences = std::span<const std::vector<std::string>>;

// {kind, first token, last token}, tokens counted over all sequences, each followed by an "O".
using Entity = std::tuple<std::string, std::int64_t, std::int64_t>;

// As seqeval 1.2.2 without a scheme (its default, after conlleval): the label's first character says where a
// token stands (B begins, I goes on, E ends, S is alone, O is outside), what follows the first '-' is its
// kind
// ("B-PER": PER; "B": _; "PER": ER). An I or E after an O or after another kind begins an entity all the
// same, so IOB1, IOB2, IOE and IOBES are read alike. Labels are not empty.
std::set<Entity> entities_of(LabelSequences sequences);

// Over all entities (micro average); 0 where nothing can be counted.
struct EntityScores {
  double precision = 0, recall = 0, f1 = 0;
  double accuracy = 0;        // of tokens
  std::int64_t expected = 0;  // entities
};
// An entity is right when kind, begin and end are. Throws Errc::kInternal where sequences differ in length.
EntityScores score_entities(LabelSequences expected, LabelSequences found);

}  // namespace lyceum
