// SHA-256 and SHA-1 as the names of files on the Hugging Face hub are made. SHA-1 names, it does not protect.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace lyceum {

class Digest {
 public:
  enum class Kind { kSha256, kSha1 };
  explicit Digest(Kind kind);
  Digest(Digest&&) noexcept;
  Digest& operator=(Digest&&) noexcept;
  ~Digest();

  void update(const void* data, std::size_t bytes);
  // 64 or 40 lower-case hexadecimal digits of everything so far. Afterwards the digest begins anew.
  std::string hex();
  // The same as bytes, of which SHA-1 has 20.
  std::array<std::uint8_t, 32> bytes();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// A digest that has seen the header which git puts before a file's bytes: SHA-1 of "blob SIZE\0" and the
// bytes.
Digest git_blob_digest(std::uint64_t bytes);

}  // namespace lyceum
