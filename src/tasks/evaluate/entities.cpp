#include "tasks/evaluate/entities.h"

#include <algorithm>
#include <string_view>

#include "base/error.h"
#include "base/utf8.h"

namespace lyceum {
namespace {

struct Tag {
  char32_t place = U'O';
  std::string_view kind;
};

Tag tag_of(std::string_view label) {
  const Utf8Char first = decode_utf8(label);
  std::string_view kind = label.substr(static_cast<std::size_t>(first.bytes));
  if (const std::size_t dash = kind.find('-'); dash != std::string_view::npos) kind.remove_prefix(dash + 1);
  return {first.code, kind.empty() ? "_" : kind};
}

bool is_one_of(char32_t place, std::u32string_view places) {
  return places.find(place) != std::u32string_view::npos;
}

bool ends(const Tag& before, const Tag& now) {
  if (is_one_of(before.place, U"ES")) return true;
  if (is_one_of(before.place, U"BI") && is_one_of(now.place, U"BSO")) return true;
  return !is_one_of(before.place, U"O.") && before.kind != now.kind;
}

bool begins(const Tag& before, const Tag& now) {
  if (is_one_of(now.place, U"BS")) return true;
  if (is_one_of(before.place, U"ESO") && is_one_of(now.place, U"EI")) return true;
  return !is_one_of(now.place, U"O.") && before.kind != now.kind;
}

}  // namespace

std::set<Entity> entities_of(LabelSequences sequences) {
  std::set<Entity> out;
  Tag before;  // of no kind, which is none that a label has
  std::int64_t place = 0, begin = 0;
  const auto look_at = [&](std::string_view label) {
    const Tag now = tag_of(label);
    if (ends(before, now)) out.emplace(std::string(before.kind), begin, place - 1);
    if (begins(before, now)) begin = place;
    before = now;
    ++place;
  };
  for (const std::vector<std::string>& sequence : sequences) {
    for (const std::string& label : sequence) look_at(label);
    look_at("O");
  }
  return out;
}

EntityScores score_entities(LabelSequences expected, LabelSequences found) {
  const auto same_lengths = [](const auto& a, const auto& b) { return a.size() == b.size(); };
  if (!std::equal(expected.begin(), expected.end(), found.begin(), found.end(), same_lengths))
    fail(Errc::kInternal, "entities: found sequences of other lengths than expected");
  const std::set<Entity> wanted = entities_of(expected), got = entities_of(found);
  const auto right = static_cast<double>(
      std::count_if(got.begin(), got.end(), [&](const Entity& e) { return wanted.contains(e); }));
  EntityScores out{.expected = static_cast<std::int64_t>(wanted.size())};
  if (!got.empty()) out.precision = right / static_cast<double>(got.size());
  if (!wanted.empty()) out.recall = right / static_cast<double>(wanted.size());
  if (right > 0) out.f1 = 2 * out.precision * out.recall / (out.precision + out.recall);
  std::int64_t tokens = 0, same = 0;
  for (std::size_t s = 0; s < expected.size(); ++s)
    for (std::size_t t = 0; t < expected[s].size(); ++t, ++tokens) same += expected[s][t] == found[s][t];
  if (tokens > 0) out.accuracy = static_cast<double>(same) / static_cast<double>(tokens);
  return out;
}

}  // namespace lyceum
