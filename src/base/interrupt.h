// Ctrl-C and SIGTERM: a flag that long work looks at between two units, where stopping loses nothing.
#pragma once

namespace lyceum {

void request_interrupt() noexcept;  // async-signal-safe
bool interrupted() noexcept;
void clear_interrupt() noexcept;
void check_interrupt();  // throws Errc::kInterrupted when the flag is set

}  // namespace lyceum
