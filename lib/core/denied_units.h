// Units that would go down while their package is replaced, and go on, because an administrator's
// own policy-rc.d does not let them: for the run, and for who tells it beforehand. Pure.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/unit.h"

namespace aptkeep {

// The triggers among `names`, and those of the others. All of `names` are in `facts`, or start
// nothing.
std::set<std::string> triggers_of(const std::set<std::string>& names,
                                  const std::map<std::string, UnitFacts>& facts);

// Whether it may be done: "stop", "start".
using MayUnit = std::function<bool(const std::string& verb, const std::string& unit)>;

// Takes out of `names` what goes on, and returns it, sorted: what is up and may not be stopped, or
// may not be started again; and what would go down with a trigger that is up and may not.
std::vector<std::string> take_out_denied(std::set<std::string>& names,
                                         const std::map<std::string, UnitFacts>& facts,
                                         const MayUnit& may);

inline constexpr std::string_view kPolicyDenies =
    "/usr/sbin/policy-rc.d denies to stop or start it";
// What is said of one of these. `package`: as a person reads it.
std::string goes_on_text(const std::string& unit, const std::string& package);

}  // namespace aptkeep
