#include "apps/c/guard.h"

#include <new>
#include <stdexcept>

#include "lyceum/error.h"

struct lyceum_error {
  lyceum_status status;
  std::string message;
};

namespace lyceum::c {
namespace {

lyceum_status status_of(Errc code) {
  switch (code) {
    case Errc::kUsage:
      return LYCEUM_USAGE;
    case Errc::kFormat:
      return LYCEUM_FORMAT;
    case Errc::kData:
      return LYCEUM_DATA;
    case Errc::kIo:
      return LYCEUM_IO;
    case Errc::kLimit:
      return LYCEUM_LIMIT;
    case Errc::kUnsupported:
      return LYCEUM_UNSUPPORTED;
    case Errc::kInterrupted:
      return LYCEUM_INTERRUPTED;
    case Errc::kInternal:
      break;
  }
  return LYCEUM_INTERNAL;
}

// Made before it is needed: there is no memory to make it then.
lyceum_error& out_of_memory() {
  static lyceum_error error{LYCEUM_MEMORY, "there is not enough memory. Fix: fewer texts at a time."};
  return error;
}
[[maybe_unused]] const lyceum_error& made_at_start = out_of_memory();

}  // namespace

void refuse(const std::string& message) { throw Error(Errc::kUsage, message); }

lyceum_status report(lyceum_error** error) noexcept {
  const auto give = [&](lyceum_status status, const char* message) {
    if (error != nullptr) *error = new lyceum_error{status, message};
    return status;
  };
  try {
    try {
      throw;
    } catch (const Error& e) {
      return give(status_of(e.code()), e.what());
    } catch (const std::bad_alloc&) {
      throw;
    } catch (const std::length_error&) {  // of a container that was asked for more than it can address
      throw std::bad_alloc();
    } catch (const std::exception& e) {
      return give(LYCEUM_INTERNAL, e.what());
    } catch (...) {
      return give(LYCEUM_INTERNAL, "an exception of an unknown kind");
    }
  } catch (...) {
    if (error != nullptr) *error = &out_of_memory();
    return LYCEUM_MEMORY;
  }
}

void check_handle(const void* handle, Kind kind) {
  static constexpr auto name = [](Kind k) {
    return k == Kind::kTokenizer    ? "a tokenizer"
           : k == Kind::kEmbedder   ? "an embedder"
           : k == Kind::kClassifier ? "a classifier"
           : k == Kind::kReranker   ? "a reranker"
                                    : "no handle of this library";
  };
  if (handle == nullptr) refuse(std::string("handle: found NULL, expected ") + name(kind));
  Kind found;
  std::memcpy(&found, handle, sizeof found);
  if (found != kind) refuse(std::string("handle: found ") + name(found) + ", expected " + name(kind));
}

void check_count(std::size_t count, const char* what) {
  if (count > LYCEUM_MAX_COUNT)
    refuse(std::string(what) + ": found " + std::to_string(count) + " of them, expected at most " +
           std::to_string(LYCEUM_MAX_COUNT));
}

std::string_view text_of(const char* text, std::size_t length, const char* what,
                         std::optional<std::size_t> place) {
  const auto name = [&] { return what + (place ? "[" + std::to_string(*place) + "]" : std::string()); };
  if (text == nullptr) refuse(name() + ": found NULL, expected a text");
  const std::size_t bytes = length == LYCEUM_ZERO_ENDED ? ::strnlen(text, LYCEUM_MAX_BYTES + 1) : length;
  if (bytes > LYCEUM_MAX_BYTES)
    refuse(name() + ": found " + (length == bytes ? std::to_string(bytes) : "more") +
           " bytes, expected at most " + std::to_string(LYCEUM_MAX_BYTES));
  return {text, bytes};
}

std::vector<std::string> texts_of(const char* const* texts, const std::size_t* lengths, std::size_t count,
                                  const char* what) {
  check_count(count, what);
  if (texts == nullptr && count > 0)
    refuse(std::string(what) + ": found NULL, expected " + std::to_string(count) + " texts");
  std::vector<std::string> out;
  for (std::size_t i = 0; i < count; ++i)
    out.emplace_back(text_of(texts[i], lengths == nullptr ? LYCEUM_ZERO_ENDED : lengths[i], what, i));
  return out;
}

void check_size(const void* options, std::size_t size, std::size_t known, const char* what) {
  constexpr std::size_t kMost = 4096;  // a size that nobody has set
  if (size < sizeof(std::size_t) || size > kMost)
    refuse(std::string(what) + ": found the size " + std::to_string(size) + ", expected sizeof of it (" +
           std::to_string(known) + " here)");
  const auto* bytes = static_cast<const unsigned char*>(options);
  for (std::size_t i = known; i < size; ++i)
    if (bytes[i] != 0)
      refuse(std::string(what) +
             ": a member is set that this version of the library does not know. Fix: a newer one");
}

bool flag_of(std::int32_t value, const char* what) {
  if (value != 0 && value != 1)
    refuse(std::string(what) + ": found " + std::to_string(value) + ", expected 0 or 1");
  return value == 1;
}

}  // namespace lyceum::c

lyceum_status lyceum_error_status(const lyceum_error* error) {
  return error == nullptr ? LYCEUM_OK : error->status;
}
const char* lyceum_error_message(const lyceum_error* error) {
  return error == nullptr ? "" : error->message.c_str();
}
void lyceum_error_free(lyceum_error* error) {
  if (error != &lyceum::c::out_of_memory()) delete error;
}
