// The reader of apt's DPkg::Pre-Install-Pkgs protocol, version 3 (apt.conf(5); apt's
// apt-pkg/deb/dpkgpm.cc: SendPkgsInfo).
#pragma once

#include <cstddef>
#include <cstdint>
#include <istream>
#include <map>
#include <string>
#include <vector>

#include "core/plan.h"
#include "core/result.h"

namespace aptkeep {

struct ProtocolLine {
  std::string name;
  std::string old_version, old_arch;  // empty for "-"
  std::string new_version, new_arch;
  char direction = '<';  // '<' upgrade, '=' same version, '>' downgrade
  // An archive's path, or one of **CONFIGURE**, **REMOVE**, **ERROR**.
  std::string what;
};

struct Conversation {
  std::multimap<std::string, std::string> configuration;  // keys in apt's spelling, values decoded
  std::vector<ProtocolLine> lines;

  // The last value of a key, compared without case as apt does; `fallback` where there is none.
  std::string find(const std::string& key, const std::string& fallback = {}) const;
  // Of a list: "Aptkeep::Force" gives what "Aptkeep::Force" and "Aptkeep::Force::" have, in any
  // case of letters.
  std::vector<std::string> list(const std::string& key) const;
  bool find_bool(const std::string& key, bool fallback) const;
  // `fallback` also where the value is no number from 0 on.
  std::int64_t find_number(const std::string& key, std::int64_t fallback) const;
};

struct ProtocolLimits {
  std::size_t line = 65'536;
  std::size_t lines = 200'000;
  std::size_t total = 67'108'864;  // bytes
};

// Reads to the end of the stream also where it reports an error, so that apt never gets SIGPIPE.
// An error names the line: "unable to read apt's list of packages: line 12: too few fields".
Result<Conversation> read_conversation(std::istream& in, const ProtocolLimits& limits = {});

// One step a package: an archive wins over a **CONFIGURE** line of the same package. **ERROR**
// lines are left out. `trust`, `security` and the clauses are filled in by the apt adapter.
std::vector<Step> steps_of(const Conversation& conversation);

}  // namespace aptkeep
