// Plans written down by hand, for tests.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/plan.h"

namespace aptkeep::test {

class PlanBuilder {
 public:
  std::uint32_t upgrade(const std::string& name, int trust = 2) {
    return add(name, Action::Upgrade, "1.0", "2.0", trust);
  }
  std::uint32_t install(const std::string& name, int trust = 2) {
    return add(name, Action::Install, "", "2.0", trust);
  }
  std::uint32_t remove(const std::string& name, int trust = 2) {
    return add(name, Action::Remove, "1.0", "", trust);
  }

  // The clause's index.
  std::uint32_t clause(Literal owner, ClauseKind kind, const std::string& relation,
                       std::vector<Literal> any_of) {
    const Step& step = plan.steps[owner.step];
    return add({static_cast<std::int32_t>(owner.step), owner.side, kind, step.package,
                owner.side == Side::Old ? step.old_version : step.new_version, relation,
                std::move(any_of)});
  }
  std::uint32_t outside(const std::string& name, ClauseKind kind, const std::string& relation,
                        std::vector<Literal> any_of) {
    return add(
        {Clause::kOutside, Side::Old, kind, name + ":amd64", "1.0", relation, std::move(any_of)});
  }
  // Two architectures of one package.
  void lockstep(std::uint32_t a, std::uint32_t b) {
    for (const auto& [one, other] : {std::pair(a, b), std::pair(b, a)}) {
      for (const Side side : {Side::Old, Side::New}) {
        const Step& step = plan.steps[other];
        clause({one, side}, ClauseKind::Lockstep,
               step.package + " (= " + (side == Side::Old ? "1.0" : "2.0") + ")", {{other, side}});
      }
    }
  }

  Plan plan;

 private:
  std::uint32_t add(const std::string& name, Action action, const std::string& old_version,
                    const std::string& new_version, int trust) {
    Step step;
    step.package = name.find(':') == std::string::npos ? name + ":amd64" : name;
    step.action = action;
    step.old_version = old_version;
    step.new_version = new_version;
    step.trust = trust;
    plan.steps.push_back(step);
    return static_cast<std::uint32_t>(plan.steps.size() - 1);
  }
  std::uint32_t add(Clause clause) {
    plan.clauses.push_back(std::move(clause));
    return static_cast<std::uint32_t>(plan.clauses.size() - 1);
  }
};

inline Literal old_of(std::uint32_t step) {
  return {step, Side::Old};
}
inline Literal new_of(std::uint32_t step) {
  return {step, Side::New};
}

}  // namespace aptkeep::test
