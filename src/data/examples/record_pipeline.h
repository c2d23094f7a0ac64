// From records to what is made of each: read in order, looked into by threads ahead.
#pragma once

#include <functional>
#include <limits>
#include <memory>
#include <utility>

#include "base/error.h"
#include "data/ahead/ahead.h"
#include "data/examples/example.h"
#include "data/shuffle/random_streams.h"
#include "data/shuffle/record_order.h"

namespace lyceum {

// Where examples come from.
struct ExampleInput {
  std::shared_ptr<const RecordFiles> files;
  RecordOrderOptions order;
  std::uint64_t epochs = 0;       // 0: without end
  bool skip_bad_records = false;  // they are counted; false: they are errors
  AheadOptions ahead;
};

template <class Out>
class RecordPipeline {
 public:
  struct Item {
    Out out{};
    RecordPosition at, after;    // of this record and of what comes behind it
    bool ends_epoch = false;     // and is no record
    std::uint64_t id = 0;        // of the record, the same in every epoch
    std::string where, trouble;  // trouble: what is wrong with it, where bad records are skipped
  };
  // May be called by several threads at once; errors of code kData say that the record is bad.
  using Make = std::function<void(const RecordFields&, Out&)>;

  RecordPipeline(const ExampleInput& input, Make make)
      : input_(input),
        order_(input.files, input.order),
        make_(std::move(make)),
        ahead_(
            input.ahead, [this](Taken& taken) { return take(taken); },
            [this](Taken& taken, Item& item) { look_into(taken, item); },
            [](const Taken& taken) { return taken.record.bytes.size(); }) {}

  // The next good record, or the end of an epoch. False when all epochs are over.
  bool next(Item& item) {
    while (ahead_.next(item)) {
      if (item.ends_epoch) return true;
      ++counts.records;
      if (item.trouble.empty()) return true;
      if (counts.bad_records++ == 0) counts.first_bad = item.trouble;
    }
    return false;
  }

  void seek(const RecordPosition& position) {
    ahead_.stop();
    order_.seek(position);
  }

  DataCounts counts;

 private:
  struct Taken {
    Record record;
    RecordPosition at, after;
    bool ends_epoch = false;
  };

  bool take(Taken& taken) {
    taken.at = order_.position();
    if (input_.epochs > 0 && taken.at.epoch >= input_.epochs) return false;
    taken.ends_epoch = !order_.next(taken.record);
    taken.after = order_.position();
    return true;
  }

  void look_into(Taken& taken, Item& item) const {
    item.at = taken.at;
    item.after = taken.after;
    item.ends_epoch = taken.ends_epoch;
    if (taken.ends_epoch) return;
    item.id = mixed_bits(mixed_bits(static_cast<std::uint64_t>(RandomUse::kExampleId), taken.record.file),
                         taken.record.number);
    item.where = input_.files->where(taken.record);
    try {
      make_(input_.files->parse(taken.record), item.out);
    } catch (const Error& error) {
      if (error.code() != Errc::kData || !input_.skip_bad_records) throw;
      item.trouble = error.what();
    }
  }

  ExampleInput input_;
  RecordOrder order_;
  Make make_;
  Ahead<Taken, Item> ahead_;  // last: its threads use all of the above
};

}  // namespace lyceum
