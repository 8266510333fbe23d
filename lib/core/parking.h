// Which services may be parked: they go down while their package is replaced, and their sockets
// keep listening, so that clients wait and are answered by the new version. Pure.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/rule.h"
#include "core/unit.h"

namespace aptkeep {

// The sockets that start the service and are up, by facts of them in `now`.
std::vector<std::string> sockets_of(const UnitFacts& service,
                                    const std::map<std::string, UnitFacts>& now);

// Why a unit of that name is not to be parked, whatever it listens on: maintainer scripts ask it
// for something, and would wait for themselves. Empty: its name says nothing against it.
std::string why_never_parked(std::string_view unit);

// Why this service, some socket of which is up, is not to be parked: one line. Empty: it may be.
std::string why_not_parked(const UnitFacts& service, const std::map<std::string, UnitFacts>& now);

// Why a rule's "Sockets: park" counts for nothing at all, or not for a unit that it names; none: as
// far as its text tells, it does.
std::vector<std::string> faults_of_parking(const Rule& rule);

}  // namespace aptkeep
