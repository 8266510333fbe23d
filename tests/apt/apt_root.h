// A system for apt in a folder: dpkg's status, archives, preferences. APT_CONFIG leads both our
// adapter and the real apt-get there.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "adapters/apt_cache.h"
#include "adapters/apt_rules.h"
#include "core/kept_set.h"
#include "core/plan.h"

namespace aptkeep::test {

struct Package {
  std::string name, version;
  std::string fields;  // further lines of its stanza, each ended
  std::string arch = "amd64";

  std::string slot() const { return name + ":" + (arch == "all" ? "amd64" : arch); }
};

struct Repo {
  std::string origin, label, codename;
  std::vector<Package> packages;
};

// For tests of rules that expect no Stops.
inline std::vector<std::string> no_units(const RuleTest&, const StepDecisions&) {
  return {};
}

class AptRoot {
 public:
  AptRoot();
  ~AptRoot();
  AptRoot(const AptRoot&) = delete;
  AptRoot& operator=(const AptRoot&) = delete;

  std::string path(const std::string& name) const { return folder_ + "/" + name; }

  void installed(const Package& package) { installed_.push_back(package); }
  void available(const Package& package) { repos_["main"].packages.push_back(package); }
  void available_in(const std::string& repo, const Package& package) {
    repos_[repo].packages.push_back(package);
  }
  void describe_repo(const std::string& name, const Repo& release);
  // An archive that no list has; its path.
  std::string archive(const Package& package);

  void write();  // what was declared, onto disk, and apt-get update

  // Exit code of `apt-get ARGS`; what it printed goes to `output`.
  int apt_get(const std::string& args, std::string* output = nullptr) const;
  // Whether apt's own check is content with these packages as the installed ones.
  bool apt_accepts(const std::vector<Package>& packages) const;

 private:
  void write_repo(const std::string& name, const Repo& repo) const;

  std::string folder_;
  std::vector<Package> installed_;
  std::map<std::string, Repo> repos_;
};

Step upgrade(const std::string& name, const std::string& from = "1.0",
             const std::string& to = "2.0");
Step install(const std::string& name, const std::string& version = "2.0");
Step removal(const std::string& name, const std::string& version = "1.0");

// "dep:amd64 2.0 new Depends foo (= 2.0): foo:amd64=new", sorted.
std::vector<std::string> clause_lines(const Plan& plan);

// Opens the cache and plans; a failure of either fails the test and gives an empty plan.
Plan plan_in(const AptRoot& root, const std::vector<Step>& steps);

std::vector<std::string> kept_names(const Plan& plan, const std::vector<std::string>& failed);

void write_text(const std::string& path, const std::string& text);

}  // namespace aptkeep::test
