// A pickle read as data. Nothing is ever called or imported: a global is a name, a call is a record of what
// was to be called and with what. What the records mean is for the reader to say (formats/torch_file.cpp).
// Source: the opcodes as CPython's Lib/pickletools.py describes them, protocols 2 to 5.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace lyceum {

using PickleId = std::uint32_t;  // a value of a Pickle
constexpr PickleId kNoPickleValue = 0xFFFFFFFFu;

struct PickleValue {
  enum class Kind : std::uint8_t {
    kNone,
    kBool,
    kInteger,
    kBigInteger,  // text: two's complement, little-endian, longer than 8 bytes
    kFloat,
    kText,   // UTF-8 in good files; not checked
    kBytes,  // text
    kTuple,
    kList,
    kSet,
    kDict,       // items: key, value, key, value, ...
    kGlobal,     // text: "module.name"
    kCall,       // callee and arguments; items: what was appended or set afterwards; state: of a BUILD
    kReference,  // arguments: the persistent id
  };
  Kind kind = Kind::kNone;
  bool has_pairs = false;    // of a call: items are keys and values, as in a dict
  std::uint32_t offset = 0;  // of the opcode that made it, in bytes
  std::int64_t integer = 0;  // of a bool: 0 or 1
  double real = 0;
  std::string_view text;
  std::vector<PickleId> items;
  PickleId callee = kNoPickleValue, arguments = kNoPickleValue, state = kNoPickleValue;
};

// The values of one pickle. They may refer to one another in circles.
class Pickle {
 public:
  Pickle() = default;
  Pickle(Pickle&&) = default;
  Pickle& operator=(Pickle&&) = default;

  PickleId root() const noexcept { return root_; }
  const PickleValue& operator[](PickleId id) const noexcept { return values_[id]; }
  std::size_t size() const noexcept { return values_.size(); }

 private:
  friend class PickleReader;
  std::vector<PickleValue> values_;
  std::set<std::string> names_;  // what the texts of globals point into
  PickleId root_ = 0;
};

// `bytes` must outlive the result. Limits: 100 MB, 2 million values, 16 million places in them and on the
// stack. Throws Errc::kFormat with the opcode's offset for what is no such pickle; Errc::kData where it names
// a function that runs commands or code (os.system, builtins.eval): such a file was made to attack. `what`
// names the file in messages.
Pickle parse_pickle(std::string_view bytes, const std::string& what);

// "the number 3", "a call of os.getcwd": for messages.
std::string describe(const Pickle& pickle, PickleId id);

}  // namespace lyceum
