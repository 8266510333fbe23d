// A plain dpkg call (`dpkg -i ...`), which no frontend announced: told from dpkg.log and dpkg's
// database after it has ended.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/finish.h"

namespace aptkeep {

struct PlainCall {
  bool only_unpacks = false;
  bool configures_all = false;               // all that is unpacked
  std::vector<std::string> configures = {};  // or these, as they were named
};
PlainCall plain_call(const std::vector<std::string>& arguments);  // dpkg's argv

// What dpkg was to configure too, and did not begin with, because it waits for another: its log
// names that not. Pure.
void add_unpacked(std::vector<Step>& steps, const DbSnapshot& db);

// Which of the steps that dpkg began failed. Pure. `unpack_only`: the call was `dpkg --unpack`, for
// which "unpacked" is success.
std::vector<Failure> failures_of_plain_call(const std::vector<Step>& steps, const DbSnapshot& db,
                                            bool unpack_only);

// Takes out those that dpkg has only left unconfigured because of another one of `failures`: that
// was not their own. Pure. `plan`: the call's steps, and what they need of each other.
void leave_out_follow_ups(const Plan& plan, const DbSnapshot& db, std::vector<Failure>& failures);

// Records the call as a run of its own if something failed in it, a keep is over by it, or some of
// `held` does not run though it did, and rewrites the pins then. Returns what was recorded; an
// empty Ending where nothing was. `held`: what was held for the call, and is let go.
Result<Ending> record_plain_call(const Frontend& dpkg, std::string_view log, PlainCall call,
                                 const std::string& native_arch, FinishPorts& ports,
                                 const std::string& pins_path, std::int64_t now,
                                 const std::vector<HeldUnit>& held = {});

// True where dpkg's own arguments (argv, program name first) say that it changes packages here:
// not with --no-act, not below another root or database.
bool changes_packages_here(const std::vector<std::string>& arguments);

}  // namespace aptkeep
