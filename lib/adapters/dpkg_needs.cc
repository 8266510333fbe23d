#include "adapters/dpkg_needs.h"

#include <map>
#include <string>
#include <utility>

#include "adapters/dpkg_impl.h"

namespace aptkeep {
namespace {

struct Reading {
  const char* const* names;  // of the steps' packages
  struct pkginfo** found;
  std::size_t count;
};

void find_all(void* data) {
  const auto* reading = static_cast<const Reading*>(data);
  dpkg_impl::open_for_reading();
  for (std::size_t i = 0; i < reading->count; ++i)
    reading->found[i] = dpkg_impl::find_package(reading->names[i]);
}

bool satisfied_by(const struct deppossi& possi, const std::string& version) {
  if (possi.verrel == DPKG_RELATION_NONE) return true;
  struct dpkg_version parsed {};
  dpkg_version_blank(&parsed);
  if (parseversion(&parsed, version.c_str(), nullptr) < 0) return false;
  return dpkg_version_relate(&parsed, possi.verrel, &possi.version);
}

bool is_there(const struct pkginfo* pkg) {
  return pkg != nullptr && pkg->status != PKG_STAT_NOTINSTALLED &&
         pkg->status != PKG_STAT_CONFIGFILES;
}

bool is_configured(const struct pkginfo* pkg) {
  return pkg->status == PKG_STAT_INSTALLED || pkg->status == PKG_STAT_TRIGGERSPENDING;
}

std::string version_of(const struct pkginfo* pkg) {
  return versiondescribe(&pkg->installed.version, vdew_nonambig);
}

// What is provided, by what is there.
template <typename Visit>
void for_each_provider(struct deppossi* possi, const Visit& visit) {
  for (auto* it = possi->ed->depended.installed; it != nullptr; it = it->rev_next) {
    struct pkginfo* provider = it->up->up;
    if (it->up->type == dep_provides && is_there(provider) &&
        deparchsatisfied(&provider->installed, it->arch, possi) &&
        pkg_virtual_deppossi_satisfied(possi, it)) {
      visit(provider);
    }
  }
}

// By a configured package that `counts`.
template <typename Counts>
bool is_met(struct deppossi* possi, const Counts& counts) {
  bool met = false;
  for (auto* pkg = &possi->ed->pkg; pkg != nullptr; pkg = pkg->arch_next) {
    met = met || (is_configured(pkg) && counts(pkg) &&
                  deparchsatisfied(&pkg->installed, pkg->installed.arch, possi) &&
                  versionsatisfied(&pkg->installed, possi));
  }
  for_each_provider(possi, [&](const struct pkginfo* provider) {
    met = met || (is_configured(provider) && counts(provider));
  });
  return met;
}

bool is_need(const struct dependency& dep) {
  return dep.type == dep_depends || dep.type == dep_predepends;
}

// Finds whom a relation means.
class Meaning {
 public:
  Meaning(const std::vector<Step>& steps, const std::vector<struct pkginfo*>& found)
      : steps_(steps), found_(found) {
    for (std::uint32_t i = 0; i < steps.size(); ++i) {
      of_name_.emplace(steps[i].package.substr(0, steps[i].package.find(':')), i);
      if (found[i] != nullptr) of_package_.emplace(found[i], i);
    }
  }

  // Steps that would do. None where what is no step does already: then it is not waited for.
  std::vector<Literal> steps_for(const struct dependency& dep) const {
    std::vector<Literal> literals;
    for (auto* possi = dep.list; possi != nullptr; possi = possi->next) {
      if (is_met(possi, [&](const struct pkginfo* pkg) { return !is_step(pkg); })) return {};
      add_named(possi, literals);
      add_providing(possi, literals);
    }
    return literals;
  }

 private:
  bool is_step(const struct pkginfo* pkg) const { return of_package_.count(pkg) != 0; }

  void add_named(struct deppossi* possi, std::vector<Literal>& literals) const {
    const auto [first, last] = of_name_.equal_range(possi->ed->name);
    for (auto step = first; step != last; ++step) {
      struct pkginfo* pkg = found_[step->second];
      // Of a new one that is not there nobody knows more than its name.
      if (is_there(pkg) && !deparchsatisfied(&pkg->installed, pkg->installed.arch, possi)) continue;
      literals.push_back({step->second, Side::New});
      const std::string& old_version = steps_[step->second].old_version;
      if (!old_version.empty() && satisfied_by(*possi, old_version))
        literals.push_back({step->second, Side::Old});
    }
  }

  void add_providing(struct deppossi* possi, std::vector<Literal>& literals) const {
    for_each_provider(possi, [&](const struct pkginfo* provider) {
      const auto step = of_package_.find(provider);
      if (step == of_package_.end()) return;
      literals.push_back({step->second, Side::New});
      if (version_of(provider) == steps_[step->second].old_version)
        literals.push_back({step->second, Side::Old});
    });
  }

  const std::vector<Step>& steps_;
  const std::vector<struct pkginfo*>& found_;
  std::multimap<std::string, std::uint32_t> of_name_;
  std::map<const struct pkginfo*, std::uint32_t> of_package_;
};

}  // namespace

Result<std::vector<Clause>> needs_among(const std::vector<Step>& steps) {
  std::vector<const char*> names;
  for (const Step& step : steps) names.push_back(step.package.c_str());
  std::vector<struct pkginfo*> found(steps.size());
  Reading reading{names.data(), found.data(), found.size()};
  const dpkg_impl::Memory memory;
  if (Status done = dpkg_impl::guarded("read dpkg's database", find_all, &reading); !done)
    return done.error();
  const Meaning meaning(steps, found);
  std::vector<Clause> clauses;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (found[i] == nullptr) continue;
    for (auto* dep = found[i]->installed.depends; dep != nullptr; dep = dep->next) {
      if (!is_need(*dep)) continue;
      Clause clause;
      clause.any_of = meaning.steps_for(*dep);
      if (clause.any_of.empty()) continue;
      clause.owner_step = static_cast<std::int32_t>(i);
      clause.owner_side = Side::New;
      clause.kind = dep->type == dep_depends ? ClauseKind::Depends : ClauseKind::PreDepends;
      clause.owner = steps[i].package;
      clause.owner_version = steps[i].new_version;
      clause.relation = dpkg_impl::text_of(dep);
      clauses.push_back(std::move(clause));
    }
  }
  return clauses;
}

Result<std::vector<std::string>> unmet_needs(const std::string& package) {
  const char* name = package.c_str();
  struct pkginfo* found = nullptr;
  Reading reading{&name, &found, 1};
  const dpkg_impl::Memory memory;
  if (Status done = dpkg_impl::guarded("read dpkg's database", find_all, &reading); !done)
    return done.error();
  std::vector<std::string> unmet;
  for (auto* dep = found == nullptr ? nullptr : found->installed.depends; dep != nullptr;
       dep = dep->next) {
    bool met = !is_need(*dep);
    for (auto* possi = dep->list; possi != nullptr; possi = possi->next)
      met = met || is_met(possi, [](const struct pkginfo*) { return true; });
    if (!met) unmet.push_back(dpkg_impl::text_of(dep));
  }
  return unmet;
}

}  // namespace aptkeep
