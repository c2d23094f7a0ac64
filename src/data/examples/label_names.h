// Labels of examples: their names, and which index a record's label has.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "data/records/record_files.h"

namespace lyceum {

// What a field that is one text holds: a label, or labels with blanks between them, one for each word.
enum class LabelText { kOne, kWords };

class LabelNames {
 public:
  LabelNames() = default;
  // Throws Errc::kUsage for a name that stands twice.
  explicit LabelNames(std::vector<std::string> names);
  // The names that occur in a field of the records, in sorted order; whole numbers stand in the order of
  // their values. Reads everything once. `skip_bad_records`: records that are wrong are passed over. Throws
  // Errc::kData where there is none, Errc::kLimit above 1,000,000 different ones.
  static LabelNames collect(const RecordFiles& files, const std::string& field,
                            LabelText text = LabelText::kOne, bool skip_bad_records = false);

  const std::vector<std::string>& names() const noexcept { return names_; }
  std::int64_t size() const noexcept { return static_cast<std::int64_t>(names_.size()); }
  // The index of the field's label; of each of its labels, for a list or words. A whole number that is no
  // name is an index. Throws Errc::kData with the place and the name that is nearest.
  std::int64_t index(const RecordFields& record, const std::string& field) const;
  std::vector<std::int64_t> indices(const RecordFields& record, const std::string& field,
                                    LabelText text = LabelText::kOne) const;

 private:
  std::int64_t index_of(const std::string& name, const RecordFields& record, const std::string& field) const;
  std::vector<std::string> names_;
  std::unordered_map<std::string, std::int64_t> indices_;
};

}  // namespace lyceum
