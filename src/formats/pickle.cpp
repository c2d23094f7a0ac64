#include "formats/pickle.h"

#include <algorithm>
#include <bit>
#include <map>
#include <utility>

#include "base/error.h"
#include "base/utf8.h"

namespace lyceum {
namespace {

using Kind = PickleValue::Kind;

constexpr std::size_t kMostBytes = 100'000'000;  // as the header of a safetensors file
constexpr std::size_t kMostValues = 2'000'000;   // a tensor takes about twenty
constexpr std::size_t kMostPlaces = 16'000'000;  // in all lists, tuples and dicts together; and on the stack
constexpr std::size_t kLongestGlobal = 256;      // bytes; stands in messages

// Modules and functions that no model needs and that exploits are made of. They would do nothing here, as
// nothing is called; the list is an alarm, not the wall.
constexpr std::string_view kAlarmingModules[] = {
    "os",        "posix", "nt",    "subprocess", "sys",    "pty", "socket",     "shutil", "ctypes",
    "importlib", "code",  "runpy", "commands",   "popen2", "pdb", "webbrowser", "pip"};
constexpr std::string_view kAlarmingBuiltins[] = {"eval",       "exec", "execfile", "compile",
                                                  "__import__", "open", "input",    "breakpoint"};

bool is_alarming(std::string_view module, std::string_view name) {
  const auto among = [](const auto& list, std::string_view text) {
    return std::find(std::begin(list), std::end(list), text) != std::end(list);
  };
  if (module == "builtins" || module == "__builtin__") return among(kAlarmingBuiltins, name);
  return among(kAlarmingModules, module.substr(0, module.find('.')));
}

// Text of a file for a message: short, and nothing but what can be shown.
std::string shown(std::string_view text) {
  std::string out(text.substr(0, 60));
  for (char& c : out)
    if (static_cast<unsigned char>(c) < 32 || static_cast<unsigned char>(c) > 126) c = '?';
  return out + (text.size() > 60 ? "..." : "");
}

}  // namespace

class PickleReader {
 public:
  PickleReader(std::string_view bytes, const std::string& what) : bytes_(bytes), what_(what) {}
  Pickle read();

 private:
  [[noreturn]] void wrong(const std::string& found) const {
    fail(Errc::kFormat, "{}: pickle, opcode at byte {}: {}", what_, opcode_at_, found);
  }
  std::string_view take(std::uint64_t count) {
    if (count > bytes_.size() - at_)
      wrong(fmt::format("needs {} bytes, found {}. Fix: the file is cut short; copy it again.", count,
                        bytes_.size() - at_));
    const std::string_view part = bytes_.substr(at_, static_cast<std::size_t>(count));
    at_ += part.size();
    return part;
  }
  std::uint64_t number(std::size_t count) {
    std::uint64_t value = 0;
    const std::string_view part = take(count);
    for (std::size_t i = count; i-- > 0;) value = value << 8 | static_cast<unsigned char>(part[i]);
    return value;
  }
  std::string_view line() {
    const std::size_t end = bytes_.substr(at_, kLongestGlobal + 1).find('\n');
    if (end == std::string_view::npos) wrong("found no end of a global's name");
    const std::string_view part = take(end);
    ++at_;
    return part;
  }

  // Adds a value and pushes it.
  PickleValue& make(Kind kind) {
    if (pickle_.values_.size() >= kMostValues)
      wrong(fmt::format("found more than {} values, expected fewer", kMostValues));
    pickle_.values_.push_back({.kind = kind, .offset = static_cast<std::uint32_t>(opcode_at_)});
    push(static_cast<PickleId>(pickle_.values_.size() - 1));
    return pickle_.values_.back();
  }
  void push_constant(Kind kind, bool value, PickleId& constant) {  // None, True and False are made once
    if (constant != kNoPickleValue) return push(constant);
    make(kind).integer = value ? 1 : 0;
    constant = stack_.back();
  }
  void push(PickleId id) {
    if (stack_.size() >= kMostPlaces) wrong(fmt::format("found a stack of {} values", kMostPlaces));
    stack_.push_back(id);
  }
  std::size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }
  PickleId pop() {
    if (stack_.size() <= floor()) wrong("takes a value where the stack has none");
    const PickleId id = stack_.back();
    stack_.pop_back();
    return id;
  }
  PickleId top() const {
    if (stack_.size() <= floor()) wrong("takes a value where the stack has none");
    return stack_.back();
  }
  std::vector<PickleId> pop_to_mark() {
    if (marks_.empty()) wrong("takes the values of a mark where there is none");
    std::vector<PickleId> out(stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back()), stack_.end());
    stack_.resize(marks_.back());
    marks_.pop_back();
    return out;
  }
  std::vector<PickleId> pop_some(std::size_t count) {
    std::vector<PickleId> out(count);
    for (std::size_t i = count; i-- > 0;) out[i] = pop();
    return out;
  }
  void put_items(PickleValue& value, const std::vector<PickleId>& items) {
    places_ += items.size();
    if (places_ > kMostPlaces) wrong(fmt::format("found more than {} places in its values", kMostPlaces));
    value.items.insert(value.items.end(), items.begin(), items.end());
  }
  void make_group(Kind kind, const std::vector<PickleId>& items) { put_items(make(kind), items); }
  void add_to(Kind kind, const std::vector<PickleId>& items) {
    PickleValue& target = pickle_.values_[top()];
    const bool pairs = kind == Kind::kDict;
    if (pairs && items.size() % 2 != 0) wrong("sets a key without a value");
    if (target.kind == Kind::kCall && target.items.empty()) target.has_pairs = pairs;
    if (target.kind == Kind::kCall ? target.has_pairs != pairs : target.kind != kind)
      wrong(fmt::format("adds {} to {}", pairs ? "keys and values" : "items",
                        describe(pickle_, stack_.back())));
    put_items(target, items);
  }
  void make_integer(std::string_view text) {  // two's complement, little-endian
    if (text.size() > 8) {
      make(Kind::kBigInteger).text = text;
      return;
    }
    std::uint64_t value = !text.empty() && static_cast<signed char>(text.back()) < 0 ? ~std::uint64_t{0} : 0;
    for (std::size_t i = text.size(); i-- > 0;) value = value << 8 | static_cast<unsigned char>(text[i]);
    make(Kind::kInteger).integer = static_cast<std::int64_t>(value);
  }
  void make_global(std::string_view module, std::string_view name);
  void make_call(PickleId callee, PickleId arguments) {
    PickleValue& call = make(Kind::kCall);
    call.callee = callee;
    call.arguments = arguments;
  }
  void remember(std::uint64_t place) {
    if (place > memo_.size() && place >= kMostValues) wrong(fmt::format("found the memo's place {}", place));
    if (place >= memo_.size()) memo_.resize(static_cast<std::size_t>(place) + 1, kNoPickleValue);
    memo_[static_cast<std::size_t>(place)] = top();
  }
  void recall(std::uint64_t place) {
    if (place >= memo_.size() || memo_[static_cast<std::size_t>(place)] == kNoPickleValue)
      wrong(fmt::format("reads the memo's place {}, which holds nothing", place));
    push(memo_[static_cast<std::size_t>(place)]);
  }
  void step(unsigned char opcode);

  std::string_view bytes_;
  const std::string& what_;
  Pickle pickle_;
  std::vector<PickleId> stack_, memo_;
  std::vector<std::size_t> marks_;  // where the values of each open mark begin
  std::map<std::string_view, PickleId> globals_;
  PickleId none_ = kNoPickleValue, true_ = kNoPickleValue, false_ = kNoPickleValue;
  std::size_t at_ = 0, opcode_at_ = 0, places_ = 0;
};

void PickleReader::make_global(std::string_view module, std::string_view name) {
  if (module.size() + name.size() > kLongestGlobal || !is_utf8(module) || !is_utf8(name))
    wrong(fmt::format("names a global of {} bytes, expected UTF-8 of at most {}", module.size() + name.size(),
                      kLongestGlobal));
  if (is_alarming(module, name))
    fail(Errc::kData,
         "{}: pickle, opcode at byte {}: found '{}', a function that runs commands or code and that no model "
         "needs. It was not run. Fix: do not open this file with anything; ask where it comes from.",
         what_, opcode_at_, shown(fmt::format("{}.{}", module, name)));
  const std::string_view key = *pickle_.names_.insert(fmt::format("{}.{}", module, name)).first;
  if (const auto known = globals_.find(key); known != globals_.end()) return push(known->second);
  make(Kind::kGlobal).text = key;
  globals_.emplace(key, stack_.back());
}

void PickleReader::step(unsigned char opcode) {
  const auto text_of = [&](std::uint64_t count) { make(Kind::kText).text = take(count); };
  const auto bytes_of = [&](std::uint64_t count) { make(Kind::kBytes).text = take(count); };
  switch (opcode) {
    case 0x95:  // FRAME: a hint for streams
      if (const std::uint64_t count = number(8); count > bytes_.size() - at_)
        wrong(fmt::format("found a frame of {} bytes where {} follow", count, bytes_.size() - at_));
      return;
    // Plain values.
    case 'N':
      return push_constant(Kind::kNone, false, none_);
    case 0x88:  // NEWTRUE
      return push_constant(Kind::kBool, true, true_);
    case 0x89:  // NEWFALSE
      return push_constant(Kind::kBool, false, false_);
    case 'J':  // BININT
      return make_integer(take(4));
    case 'K':  // BININT1
      make(Kind::kInteger).integer = static_cast<std::int64_t>(number(1));
      return;
    case 'M':  // BININT2
      make(Kind::kInteger).integer = static_cast<std::int64_t>(number(2));
      return;
    case 0x8a:  // LONG1
      return make_integer(take(number(1)));
    case 0x8b:  // LONG4
      return make_integer(take(number(4)));
    case 'G': {  // BINFLOAT: big-endian
      std::uint64_t bits = 0;
      for (const char c : take(8)) bits = bits << 8 | static_cast<unsigned char>(c);
      make(Kind::kFloat).real = std::bit_cast<double>(bits);
      return;
    }
    case 0x8c:  // SHORT_BINUNICODE
      return text_of(number(1));
    case 'X':  // BINUNICODE
      return text_of(number(4));
    case 0x8d:  // BINUNICODE8
      return text_of(number(8));
    case 'C':  // SHORT_BINBYTES
      return bytes_of(number(1));
    case 'B':  // BINBYTES
      return bytes_of(number(4));
    case 0x8e:  // BINBYTES8
    case 0x96:  // BYTEARRAY8
      return bytes_of(number(8));
    // Groups.
    case '(':
      if (marks_.size() >= kMostPlaces) wrong(fmt::format("found {} open marks", kMostPlaces));
      marks_.push_back(stack_.size());
      return;
    case ')':
      return make_group(Kind::kTuple, {});
    case 0x85:  // TUPLE1 to TUPLE3
    case 0x86:
    case 0x87:
      return make_group(Kind::kTuple, pop_some(opcode - 0x84u));
    case 't':
      return make_group(Kind::kTuple, pop_to_mark());
    case ']':
      return make_group(Kind::kList, {});
    case '}':
      return make_group(Kind::kDict, {});
    case 0x8f:  // EMPTY_SET
      return make_group(Kind::kSet, {});
    case 0x91:  // FROZENSET
      return make_group(Kind::kSet, pop_to_mark());
    case 'a':
      return add_to(Kind::kList, pop_some(1));
    case 'e':
      return add_to(Kind::kList, pop_to_mark());
    case 's':
      return add_to(Kind::kDict, pop_some(2));
    case 'u':
      return add_to(Kind::kDict, pop_to_mark());
    case 0x90:  // ADDITEMS
      return add_to(Kind::kSet, pop_to_mark());
    // Stack and memo.
    case '0':
      pop();
      return;
    case '1':  // POP_MARK
      pop_to_mark();
      return;
    case 'q':  // BINPUT
      return remember(number(1));
    case 'r':  // LONG_BINPUT
      return remember(number(4));
    case 0x94:  // MEMOIZE
      return remember(memo_.size());
    case 'h':  // BINGET
      return recall(number(1));
    case 'j':  // LONG_BINGET
      return recall(number(4));
    // Names, and what would be done with them.
    case 'c': {  // GLOBAL
      const std::string_view module = line();
      return make_global(module, line());
    }
    case 0x93: {  // STACK_GLOBAL
      const PickleId name = pop(), module = pop();
      if (pickle_[name].kind != Kind::kText || pickle_[module].kind != Kind::kText)
        wrong("names a global by something else than texts");
      return make_global(pickle_[module].text, pickle_[name].text);
    }
    case 'R':     // REDUCE
    case 0x81: {  // NEWOBJ
      const PickleId arguments = pop(), callee = pop();
      return make_call(callee, arguments);
    }
    case 0x92: {  // NEWOBJ_EX: arguments by position and by name
      std::vector<PickleId> arguments = pop_some(2);
      const PickleId callee = pop();
      make_group(Kind::kTuple, arguments);
      return make_call(callee, pop());
    }
    case 'b': {  // BUILD
      const PickleId state = pop();
      PickleValue& target = pickle_.values_[top()];
      if (target.kind != Kind::kCall)
        wrong(fmt::format("gives a state to {}", describe(pickle_, stack_.back())));
      target.state = state;
      return;
    }
    case 'Q': {  // BINPERSID
      const PickleId id = pop();
      make(Kind::kReference).arguments = id;
      return;
    }
    default:
      wrong(fmt::format("found the opcode {:#04x}, which torch.save does not write", opcode));
  }
}

Pickle PickleReader::read() {
  if (bytes_.size() > kMostBytes)
    fail(Errc::kLimit, "{}: found a pickle of {} bytes, expected at most {}", what_, bytes_.size(),
         kMostBytes);
  if (number(1) != 0x80) wrong("found no protocol, expected a pickle of protocol 2 to 5");
  if (const std::uint64_t protocol = number(1); protocol < 2 || protocol > 5)
    wrong(fmt::format("found the protocol {}, expected 2 to 5", protocol));
  while (true) {
    opcode_at_ = at_;
    const auto opcode = static_cast<unsigned char>(number(1));
    if (opcode == '.') break;  // STOP
    step(opcode);
  }
  pickle_.root_ = pop();
  if (!stack_.empty() || !marks_.empty()) wrong("the pickle ends with values left on the stack");
  if (at_ != bytes_.size())
    wrong(fmt::format("found {} bytes behind the end, expected none", bytes_.size() - at_));
  return std::move(pickle_);
}

Pickle parse_pickle(std::string_view bytes, const std::string& what) {
  return PickleReader(bytes, what).read();
}

std::string describe(const Pickle& pickle, PickleId id) {
  const PickleValue& v = pickle[id];
  switch (v.kind) {
    case Kind::kNone:
      return "None";
    case Kind::kBool:
      return v.integer != 0 ? "True" : "False";
    case Kind::kInteger:
      return fmt::format("the number {}", v.integer);
    case Kind::kBigInteger:
      return fmt::format("a number of {} bytes", v.text.size());
    case Kind::kFloat:
      return fmt::format("the number {}", v.real);
    case Kind::kText:
      return "'" + shown(v.text) + "'";
    case Kind::kBytes:
      return fmt::format("{} bytes", v.text.size());
    case Kind::kTuple:
      return fmt::format("a tuple of {}", v.items.size());
    case Kind::kList:
      return fmt::format("a list of {}", v.items.size());
    case Kind::kSet:
      return fmt::format("a set of {}", v.items.size());
    case Kind::kDict:
      return fmt::format("a dict of {}", v.items.size() / 2);
    case Kind::kGlobal:
      return shown(v.text);
    case Kind::kCall:
      return pickle[v.callee].kind == Kind::kGlobal ? "a " + shown(pickle[v.callee].text)
                                                    : std::string("an object");
    case Kind::kReference:
      return "a storage";
  }
  return "something";
}

}  // namespace lyceum
