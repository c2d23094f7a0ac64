// Values as bytes of a message between the processes of one run, and back: numbers, strings, pairs and
// vectors of what can be packed; other types by functions pack(Packer&, const T&) and unpack(Unpacker&, T&)
// beside them. The bytes are those of this machine: all processes of a run are one build.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/error.h"

namespace lyceum {

class Packer {
 public:
  void bytes(const void* data, std::size_t size) { out_.append(static_cast<const char*>(data), size); }
  std::string take() && { return std::move(out_); }

 private:
  std::string out_;
};

class Unpacker {
 public:
  explicit Unpacker(std::string_view in) : in_(in) {}
  void bytes(void* data, std::size_t size) {
    if (size > in_.size())
      fail(Errc::kInternal, "message: found {} bytes more, expected {}", in_.size(), size);
    if (size > 0) std::memcpy(data, in_.data(), size);
    in_.remove_prefix(size);
  }
  // Of a vector whose elements take at least `each` bytes.
  std::size_t count(std::size_t each) {
    std::uint64_t n = 0;
    bytes(&n, sizeof n);
    if (n > in_.size() / each)
      fail(Errc::kInternal, "message: found {} bytes more, expected {} elements", in_.size(), n);
    return static_cast<std::size_t>(n);
  }
  void end() const {
    if (!in_.empty()) fail(Errc::kInternal, "message: found {} bytes more, expected its end", in_.size());
  }

 private:
  std::string_view in_;
};

template <class T>
concept Number = std::is_arithmetic_v<T> || std::is_enum_v<T>;

template <Number T>
void pack(Packer& p, const T& value) {
  p.bytes(&value, sizeof value);
}
template <Number T>
void unpack(Unpacker& u, T& value) {
  u.bytes(&value, sizeof value);
}

inline void pack(Packer& p, const std::string& text) {
  pack(p, std::uint64_t{text.size()});
  p.bytes(text.data(), text.size());
}
inline void unpack(Unpacker& u, std::string& text) {
  text.resize(u.count(1));
  u.bytes(text.data(), text.size());
}

template <class A, class B>
void pack(Packer& p, const std::pair<A, B>& pair) {
  pack(p, pair.first);
  pack(p, pair.second);
}
template <class A, class B>
void unpack(Unpacker& u, std::pair<A, B>& pair) {
  unpack(u, pair.first);
  unpack(u, pair.second);
}

template <class T>
void pack(Packer& p, const std::vector<T>& values) {
  pack(p, std::uint64_t{values.size()});
  if constexpr (Number<T>) {
    p.bytes(values.data(), values.size() * sizeof(T));
  } else {
    for (const T& value : values) pack(p, value);
  }
}
template <class T>
void unpack(Unpacker& u, std::vector<T>& values) {
  if constexpr (Number<T>) {
    values.resize(u.count(sizeof(T)));
    u.bytes(values.data(), values.size() * sizeof(T));
  } else {
    values.resize(u.count(1));
    for (T& value : values) unpack(u, value);
  }
}

template <class T>
std::string packed(const T& value) {
  Packer p;
  pack(p, value);
  return std::move(p).take();
}
// The whole message is one T. Throws Errc::kInternal for other bytes.
template <class T>
T unpacked(std::string_view bytes) {
  Unpacker u(bytes);
  T value{};
  unpack(u, value);
  u.end();
  return value;
}

}  // namespace lyceum
