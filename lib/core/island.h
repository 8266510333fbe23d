// Packages whose services are down while they are replaced: which archives of a call wait until the
// rest is configured, and which of them belong together. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "core/plan.h"

namespace aptkeep {

// As they are recorded with a step, one line each: "unit postfix.service", "before /bin/x". Back
// from these; none from no lines.
std::vector<std::string> island_lines(const Island& island);
std::optional<Island> island_from(const std::vector<std::string>& lines);

// `call`: steps of one call that are to be unpacked. Those with an island, each with what cannot go
// without it or it not without: what needs the new version, or is not to be there beside the old
// one, in either direction; islands that name each other's units in `together`; and those with
// units in common (a server, and its programs in another package). Groups that share a step are
// one. In the order of `call`; what is in no group goes first.
std::vector<std::vector<std::uint32_t>> island_groups(const Plan& plan,
                                                      std::span<const std::uint32_t> call);

// Those of `among` that the new versions of `steps` need or must not be there before, and that
// these need in turn; in the order of `among`.
std::vector<std::uint32_t> needed_by(const Plan& plan, std::set<std::uint32_t> steps,
                                     std::span<const std::uint32_t> among);

// "foo.service" fits "foo.service", "foo@x.service" fits "foo@.service" and "foo@*.service".
bool is_unit_of(const std::string& unit, const std::string& pattern);
// Those of `known` that fit one of the patterns, and each pattern that is just a name.
std::set<std::string> units_meant(const std::vector<std::string>& patterns,
                                  const std::set<std::string>& known);

}  // namespace aptkeep
