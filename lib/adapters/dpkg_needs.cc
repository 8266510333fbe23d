#include "adapters/dpkg_needs.h"

#include <map>
#include <string>
#include <utility>

#include "adapters/dpkg_impl.h"

namespace aptkeep {
namespace {

using StepsOfName = std::multimap<std::string, std::uint32_t>;

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

std::vector<Literal> literals_of(const struct dependency& dep, const std::vector<Step>& steps,
                                 const StepsOfName& steps_of) {
  std::vector<Literal> literals;
  for (const auto* possi = dep.list; possi != nullptr; possi = possi->next) {
    const auto [first, last] = steps_of.equal_range(possi->ed->name);
    for (auto step = first; step != last; ++step) {
      literals.push_back({step->second, Side::New});
      const std::string& old_version = steps[step->second].old_version;
      if (!old_version.empty() && satisfied_by(*possi, old_version))
        literals.push_back({step->second, Side::Old});
    }
  }
  return literals;
}

}  // namespace

Result<std::vector<Clause>> needs_among(const std::vector<Step>& steps) {
  StepsOfName steps_of;
  std::vector<const char*> names;
  for (const Step& step : steps) {
    steps_of.emplace(step.package.substr(0, step.package.find(':')), names.size());
    names.push_back(step.package.c_str());
  }
  std::vector<struct pkginfo*> found(steps.size());
  Reading reading{names.data(), found.data(), found.size()};
  const dpkg_impl::Memory memory;
  if (Status done = dpkg_impl::guarded("read dpkg's database", find_all, &reading); !done)
    return done.error();
  std::vector<Clause> clauses;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (found[i] == nullptr) continue;
    for (auto* dep = found[i]->installed.depends; dep != nullptr; dep = dep->next) {
      if (dep->type != dep_depends && dep->type != dep_predepends) continue;
      Clause clause;
      clause.any_of = literals_of(*dep, steps, steps_of);
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

}  // namespace aptkeep
