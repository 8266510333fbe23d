#include "adapters/dpkg_relations.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <map>
#include <set>
#include <system_error>
#include <utility>

#include "adapters/dpkg_impl.h"
#include "adapters/memory_file.h"

namespace aptkeep {
namespace {

// One version that is there on some side.
struct Version {
  const struct pkginfo* pkg;
  struct pkgbin* bin;
  std::int32_t step;  // Clause::kOutside: installed, and the steps do not change it
  Side side;

  bool outside() const { return step == Clause::kOutside; }
};

struct Reading {
  const std::vector<std::string>* files;  // one for each stanza; empty: no stanza
  Version* old_sides;                     // as many; pkg is nullptr: not there
};

// libdpkg reads it into the place of the available version of that package, which may be another
// architecture's; so it is taken out from there at once.
void read_stanza(const char* file, Version* version) {
  struct pkginfo* pkg = nullptr;
  parsedb(file, pdb_parse_available, &pkg);
  version->pkg = pkg;
  version->bin = static_cast<struct pkgbin*>(nfmalloc(sizeof(struct pkgbin)));
  *version->bin = pkg->available;
  pkgbin_blank(&pkg->available);
}

void read_all(void* data) {
  const auto* reading = static_cast<const Reading*>(data);
  dpkg_impl::open_for_reading();
  for (std::size_t i = 0; i < reading->files->size(); ++i) {
    const std::string& file = (*reading->files)[i];
    if (!file.empty()) read_stanza(file.c_str(), &reading->old_sides[i]);
  }
}

bool is_there(const struct pkginfo* pkg) {
  return pkg->status != PKG_STAT_NOTINSTALLED && pkg->status != PKG_STAT_CONFIGFILES;
}

bool is_positive(const struct dependency& dep) {
  return dep.type == dep_depends || dep.type == dep_predepends;
}

bool is_negative(const struct dependency& dep) {
  return dep.type == dep_conflicts || dep.type == dep_breaks;
}

ClauseKind kind_of(const struct dependency& dep) {
  switch (dep.type) {
    case dep_predepends:
      return ClauseKind::PreDepends;
    case dep_breaks:
      return ClauseKind::Breaks;
    case dep_conflicts:
      return ClauseKind::Conflicts;
    default:
      return ClauseKind::Depends;
  }
}

std::string version_of(const Version& version) {
  return versiondescribe(&version.bin->version, vdew_nonambig);
}

class Builder {
 public:
  Builder(const std::vector<Step>& steps, std::vector<Version> versions)
      : steps_(steps), versions_(std::move(versions)) {
    for (std::size_t i = 0; i < versions_.size(); ++i) {
      const Version& version = versions_[i];
      of_set_[version.pkg->set].push_back(i);
      if (!version.outside()) touched_.insert(version.pkg->set);
      for (auto* dep = version.bin->depends; dep != nullptr; dep = dep->next) {
        if (dep->type != dep_provides) continue;
        for (auto* possi = dep->list; possi != nullptr; possi = possi->next) {
          providers_[possi->ed].push_back({i, possi});
          if (!version.outside()) touched_.insert(possi->ed);
        }
      }
    }
  }

  std::vector<Clause> build() {
    for (const Version& owner : versions_) {
      for (auto* dep = owner.bin->depends; dep != nullptr; dep = dep->next) {
        if (is_positive(*dep)) add_positive(owner, dep);
        if (is_negative(*dep)) add_negative(owner, dep);
      }
      add_lockstep(owner);
    }
    return std::move(clauses_);
  }

 private:
  static bool is_old(const Version& version) {
    return !version.outside() && version.side == Side::Old;
  }

  // Relations of what is there now matter only if they mention what changes.
  bool matters(const Version& owner, const struct dependency* dep) const {
    if (!owner.outside()) return true;
    for (auto* possi = dep->list; possi != nullptr; possi = possi->next) {
      if (touched_.count(possi->ed) != 0) return true;
    }
    return false;
  }

  // The versions that one alternative means, of packages and of those that provide it.
  template <typename Visit>
  void for_each_target(struct deppossi* possi, const Visit& visit) const {
    if (const auto found = of_set_.find(possi->ed); found != of_set_.end()) {
      for (const std::size_t i : found->second) {
        const Version& version = versions_[i];
        if (deparchsatisfied(version.bin, version.bin->arch, possi) &&
            versionsatisfied(version.bin, possi)) {
          visit(version);
        }
      }
    }
    if (const auto found = providers_.find(possi->ed); found != providers_.end()) {
      for (const auto& [i, provided] : found->second) {
        if (deparchsatisfied(versions_[i].bin, provided->arch, possi) &&
            pkg_virtual_deppossi_satisfied(possi, provided)) {
          visit(versions_[i]);
        }
      }
    }
  }

  static void add_once(std::vector<Literal>& literals, const Literal& literal) {
    if (std::find(literals.begin(), literals.end(), literal) == literals.end()) {
      literals.push_back(literal);
    }
  }

  void add_positive(const Version& owner, struct dependency* dep) {
    if (!matters(owner, dep)) return;
    bool outside = false;
    std::vector<Literal> any_of;
    for (auto* possi = dep->list; possi != nullptr; possi = possi->next) {
      for_each_target(possi, [&](const Version& target) {
        // A package may provide what it needs.
        const bool itself = target.step == owner.step && target.side == owner.side;
        outside = outside || target.outside() || itself;
        if (!target.outside()) {
          add_once(any_of, {static_cast<std::uint32_t>(target.step), target.side});
        }
      });
    }
    if (!outside) add(owner, kind_of(*dep), dpkg_impl::text_of(dep), std::move(any_of));
  }

  // Each package that it hits has to be on a side that is not hit. Of its own name none is meant
  // (dpkg, src/main/depcon.c, depisok).
  void add_negative(const Version& owner, struct dependency* dep) {
    if (!matters(owner, dep)) return;
    std::vector<const Version*> hits;
    for (auto* possi = dep->list; possi != nullptr; possi = possi->next) {
      for_each_target(possi, [&](const Version& target) {
        if (target.pkg->set != owner.pkg->set) hits.push_back(&target);
      });
    }
    add_hits(owner, kind_of(*dep), dpkg_impl::text_of(dep), hits);
  }

  // Multi-Arch: same packages of one name have one version.
  void add_lockstep(const Version& owner) {
    if (owner.bin->multiarch != PKG_MULTIARCH_SAME) return;
    for (const std::size_t i : of_set_.at(owner.pkg->set)) {
      const Version& other = versions_[i];
      if (other.bin->arch == owner.bin->arch || other.bin->multiarch != PKG_MULTIARCH_SAME ||
          dpkg_version_compare(&other.bin->version, &owner.bin->version) == 0) {
        continue;
      }
      add_hits(owner, ClauseKind::Lockstep,
               dpkg_impl::name_of(other.pkg) + " (= " + version_of(owner) + ")", {&other});
    }
  }

  void add_hits(const Version& owner, ClauseKind kind, const std::string& relation,
                const std::vector<const Version*>& hits) {
    for (const Version* hit : hits) {
      if (hit->outside()) {
        if (is_old(owner)) add(owner, kind, relation, {});
        continue;
      }
      const bool both = std::any_of(hits.begin(), hits.end(), [&](const Version* other) {
        return other->step == hit->step && other->side != hit->side;
      });
      std::vector<Literal> any_of;
      if (!both) {
        const Side other = hit->side == Side::Old ? Side::New : Side::Old;
        any_of.push_back({static_cast<std::uint32_t>(hit->step), other});
      }
      add(owner, kind, relation, std::move(any_of));
    }
  }

  void add(const Version& owner, ClauseKind kind, std::string relation,
           std::vector<Literal> any_of) {
    const bool holds_now =
        is_old(owner) || std::any_of(any_of.begin(), any_of.end(), [](const Literal& literal) {
          return literal.side == Side::New;
        });
    if (!holds_now) return;
    Clause clause;
    clause.owner_step = owner.step;
    clause.owner_side = owner.side;
    clause.kind = kind;
    clause.owner = owner.outside() ? dpkg_impl::name_of(owner.pkg)
                                   : steps_[static_cast<std::size_t>(owner.step)].package;
    clause.owner_version = version_of(owner);
    clause.relation = std::move(relation);
    clause.any_of = std::move(any_of);
    clauses_.push_back(std::move(clause));
  }

  struct Provider {
    std::size_t version;
    struct deppossi* provided;
  };

  const std::vector<Step>& steps_;
  std::vector<Version> versions_;
  std::map<const struct pkgset*, std::vector<std::size_t>> of_set_;
  std::map<const struct pkgset*, std::vector<Provider>> providers_;
  std::set<const struct pkgset*> touched_;
  std::vector<Clause> clauses_;
};

std::vector<Version> installed_versions(const std::vector<Step>& steps) {
  std::map<std::string, std::int32_t> step_of;
  for (const Step& step : steps) {
    step_of.emplace(step.package, static_cast<std::int32_t>(step_of.size()));
  }
  std::vector<Version> versions;
  struct pkg_hash_iter* packages = pkg_hash_iter_new();
  for (struct pkginfo* pkg = pkg_hash_iter_next_pkg(packages); pkg != nullptr;
       pkg = pkg_hash_iter_next_pkg(packages)) {
    if (!is_there(pkg)) continue;
    const auto found = step_of.find(dpkg_impl::name_of(pkg));
    versions.push_back({pkg, &pkg->installed,
                        found == step_of.end() ? Clause::kOutside : found->second,
                        found == step_of.end() ? Side::Old : Side::New});
  }
  pkg_hash_iter_free(packages);
  return versions;
}

}  // namespace

std::string bare_control(const std::string& package, const std::string& version) {
  const auto colon = package.find(':');
  return "Package: " + package.substr(0, colon) + "\nVersion: " + version +
         "\nArchitecture: " + (colon == std::string::npos ? "all" : package.substr(colon + 1)) +
         "\nMaintainer: -\nDescription: -\n";
}

Result<std::vector<Clause>> clauses_today(const std::vector<Step>& steps,
                                          const std::vector<std::string>& old_control) {
  std::vector<MemoryFile> files;
  std::vector<std::string> paths;
  for (const std::string& control : old_control) {
    paths.emplace_back();
    if (control.empty()) continue;
    files.emplace_back();  // libdpkg reads stanzas from files only
    if (files.back().fd() < 0 || !files.back().write(control))
      return Error{"unable to write to memory: " + std::generic_category().message(errno)};
    paths.back() = files.back().path();
  }
  std::vector<Version> old_sides(steps.size(), Version{nullptr, nullptr, 0, Side::Old});
  Reading reading{&paths, old_sides.data()};
  const dpkg_impl::Memory memory;
  if (Status done = dpkg_impl::guarded("read dpkg's database", read_all, &reading); !done)
    return done.error();
  std::vector<Version> versions = installed_versions(steps);
  for (std::size_t i = 0; i < old_sides.size(); ++i) {
    if (old_sides[i].pkg == nullptr) continue;
    old_sides[i].step = static_cast<std::int32_t>(i);
    versions.push_back(old_sides[i]);
  }
  return Builder(steps, std::move(versions)).build();
}

}  // namespace aptkeep
