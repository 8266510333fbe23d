// How a service is best upgraded where no rule says so: read from what its package's maintainer
// scripts do with it, and from what systemd says of it. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "core/rule.h"
#include "core/rule_match.h"
#include "core/unit.h"

namespace aptkeep {

// What maintainer scripts do with a unit in an upgrade.
struct ScriptActions {
  bool stops = false;     // preinst of the new version, prerm of the old one
  bool restarts = false;  // postinst, or what the package does for a trigger
  bool starts = false;    // postinst
  std::string where;      // "preinst: deb-systemd-invoke stop x.service": what decides

  friend bool operator==(const ScriptActions&, const ScriptActions&) = default;
};

struct MaintainerScripts {
  std::string preinst = {};  // of the new version, as is postinst
  std::string postinst = {};
  std::string prerm = {};  // of the old one
  // Both versions, and how dpkg compares such. Empty: what the scripts do for versions older than
  // one that they name is taken to be done long ago.
  std::string old_version = {};
  std::string new_version = {};
  CompareVersions compare = {};
};

// By unit: "x.service" ("x" of invoke-rc.d and service is "x.service"); patterns
// ("postgresql@15-*") as they stand. "/etc/init.d/x": what is done only where x has no unit of
// systemd's own (invoke-rc.d --skip-systemd-native). Only what an upgrade to the new version does
// is there; what hangs on something that cannot be known (a question of debconf's, a process) is
// taken to be done. A script that is no shell, is longer than kLongest (core/shell_syntax.h), or
// cannot be made out says nothing.
std::map<std::string, ScriptActions> read_scripts(const MaintainerScripts& scripts);

struct DerivedClass {
  ServiceClass value = ServiceClass::Stock;
  std::string why;  // one line: "the new preinst stops it"

  friend bool operator==(const DerivedClass&, const DerivedClass&) = default;
};

// `facts`: of the unit; load_state "" where nothing is known of it, and then its scripts alone
// decide. `now`: by name, what triggers it and what it triggers. None for a unit that is masked or
// not there.
std::optional<DerivedClass> derive_class(const std::string& unit, const UnitFacts& facts,
                                         const std::map<std::string, UnitFacts>& now,
                                         const std::map<std::string, ScriptActions>& scripts);

}  // namespace aptkeep
