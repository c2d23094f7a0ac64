// A call that must fail with a certain code and a message that names something.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "check/message_of.h"

namespace lyceum::check {

// `part` must stand in the message.
template <class F>
void expect_error(Errc code, const std::string& part, F&& f) {
  const std::string message = message_of(code, std::forward<F>(f));
  EXPECT_TRUE(!message.starts_with("(") && message.find(part) != std::string::npos)
      << "found:    " << message << "\nexpected: ... " << part << " ...";
}

}  // namespace lyceum::check
