// Jobs that the processes of one run share: rank 0 hands them out and works too.
#pragma once

#include <string>
#include <string_view>

#include "base/function_ref.h"
#include "ranks/ranks.h"

namespace lyceum {

// On rank 0. Asks next(job) for jobs until it says false; each is worked on by some rank, and use(result)
// gets the results in the order of the jobs. Each rank has one job waiting behind the one it is at, and at
// most a few for each rank are on their way or done before their turn, whoever is slow. An error of work(),
// wherever it ran, is thrown where the job's result would be used. Throws as Ranks::wait().
void share_work(Ranks& ranks, FunctionRef<bool(std::string& job)> next,
                FunctionRef<std::string(std::string_view job)> work,
                FunctionRef<void(std::string result)> use);

// On the others, at any time: work(job) for whatever rank 0 sends, until it ends the run.
void serve(Ranks& ranks, FunctionRef<std::string(std::string_view job)> work);

}  // namespace lyceum
