// What libapt-pkg knows: dependency clauses, origins, what a full upgrade would remove. The only
// file with <apt-pkg/...> is apt_cache.cc's family under lib/adapters/apt_*.cc.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/plan.h"
#include "core/result.h"

namespace aptkeep {

// A keep that must be protected in a later full-upgrade; or one of a new package that failed, which
// is only not to be counted on.
struct ProtectedPackage {
  std::string package;  // "name:arch"
  std::string version;  // the installed one; empty: none is
  std::string tried;    // the version that is pinned away; empty: none is
};

// One version that must not be installed for now, because that would remove a kept package.
struct BlockedVersion {
  std::string package, version;  // what is blocked
  std::string because;           // "would remove foo: Breaks foo (<< 2)"
};

// A version that our pin file is to keep away, and that a file of the person's says otherwise of.
struct OutdonePin {
  std::string package, version;
  std::string file;  // the person's
  int priority = 0;  // what it has there
};

class AptCache {
 public:
  // Opens apt's own cache (valid .bin files are used as they are). `archives`: .deb files given on
  // apt's command line, whose versions no list has.
  static Result<AptCache> open(const std::vector<std::string>& archives = {});
  AptCache(AptCache&&) noexcept;
  AptCache& operator=(AptCache&&) noexcept;
  ~AptCache();

  // Fills trust and security of each step, and all clauses that a step can change: of old and new
  // versions of the steps, and of installed packages outside that mention one.
  Result<Plan> make_plan(std::vector<Step> steps);

  // The version that is installed of the package with this name, without an architecture; empty:
  // none is. Of several architectures that of the machine's own, else any.
  std::string installed_version(std::string_view name) const;

  // Whether one of apt's lists has this version of "name:arch", or a newer one, whatever pins say.
  bool offers(const std::string& package, const std::string& version, bool or_newer) const;

  // The archive of a step's new version: where it says so, was given to open(), or has been
  // downloaded already; empty: it is not there.
  std::string archive_of(const Step& step) const;

  // The packages of the steps that another step's new version depends on, whatever their version;
  // without those of one source.
  std::set<std::string> needed_within(const std::vector<Step>& steps) const;

  // Which versions to pin away, beside those that `keeps` tried, so that a full-upgrade with what
  // the lists now offer removes none of `keeps`, nor anything else because of them. What our own
  // pin file says by now counts for nothing: the answer is the whole list, each time anew.
  Result<std::vector<BlockedVersion>> blockers(const std::vector<ProtectedPackage>& keeps);

  // Of several pins that name a package apt heeds the one that it read first (CreatePin in
  // apt-pkg/policy.cc of 2.6 and 3.0), and it reads /etc/apt/preferences before all others. No
  // cache is opened where nothing is read before our file.
  static Result<std::vector<OutdonePin>> outdone_pins();

 private:
  struct Impl;
  explicit AptCache(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace aptkeep
