// What an error says, so that a test can compare it with the sentence it expects.
#pragma once

#include <string>
#include <utility>

#include "lyceum/error.h"

namespace lyceum::check {

// The message of the Error with this code that f throws. For another code or no error, a text that says so.
template <class F>
std::string message_of(Errc code, F&& f) {
  try {
    std::forward<F>(f)();
  } catch (const Error& error) {
    if (error.code() == code) return error.what();
    return "(error of another code: " + std::to_string(static_cast<int>(error.code())) + ") " + error.what();
  }
  return "(no error)";
}

}  // namespace lyceum::check
