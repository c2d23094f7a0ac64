#include "base/digest.h"

#include <fmt/core.h>
#include <nettle/sha1.h>
#include <nettle/sha2.h>

namespace lyceum {

struct Digest::State {
  Kind kind;
  sha256_ctx sha256;
  sha1_ctx sha1;
};

Digest::Digest(Kind kind) : state_(std::make_unique<State>()) {
  state_->kind = kind;
  sha256_init(&state_->sha256);
  sha1_init(&state_->sha1);
}
Digest::Digest(Digest&&) noexcept = default;
Digest& Digest::operator=(Digest&&) noexcept = default;
Digest::~Digest() = default;

void Digest::update(const void* data, std::size_t bytes) {
  const auto* from = static_cast<const std::uint8_t*>(data);
  if (state_->kind == Kind::kSha256)
    sha256_update(&state_->sha256, bytes, from);
  else
    sha1_update(&state_->sha1, bytes, from);
}

std::array<std::uint8_t, 32> Digest::bytes() {
  static_assert(SHA256_DIGEST_SIZE == 32);
  std::array<std::uint8_t, 32> raw{};
  if (state_->kind == Kind::kSha256)
    sha256_digest(&state_->sha256, SHA256_DIGEST_SIZE, raw.data());
  else
    sha1_digest(&state_->sha1, SHA1_DIGEST_SIZE, raw.data());
  return raw;
}

std::string Digest::hex() {
  const std::size_t size = state_->kind == Kind::kSha256 ? SHA256_DIGEST_SIZE : SHA1_DIGEST_SIZE;
  const auto raw = bytes();
  std::string out;
  for (std::size_t i = 0; i < size; ++i) out += fmt::format("{:02x}", raw[i]);
  return out;
}

Digest git_blob_digest(std::uint64_t bytes) {
  Digest digest(Digest::Kind::kSha1);
  const std::string header = fmt::format("blob {}", bytes);
  digest.update(header.c_str(), header.size() + 1);  // the zero byte belongs to it
  return digest;
}

}  // namespace lyceum
