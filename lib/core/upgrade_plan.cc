#include "core/upgrade_plan.h"

#include <algorithm>
#include <iterator>

#include "core/held_up.h"
#include "core/island.h"
#include "core/kept_set.h"
#include "core/order.h"

namespace aptkeep {
namespace {

// In the order in which they are made, as engine/unpack.cc does: of each call first what nobody
// waits for, then, one after the other, what is replaced while its services are down.
class Order {
 public:
  Order(const PlanParts& parts, bool bypassed, std::vector<PlannedStep>& planned)
      : parts_(parts),
        bypassed_(bypassed),
        planned_(planned),
        states_(planned.size(), StepState::Waiting) {}

  std::vector<std::uint32_t> all() {
    const auto count = static_cast<std::uint32_t>(planned_.size());
    for (std::uint32_t i = 0; i < count; ++i) {
      if (states_[i] == StepState::Done) continue;
      std::vector<std::uint32_t> call;
      for (std::uint32_t k = i; k < count; ++k) {
        if (parts_.calls[k] == parts_.calls[i] && (parts_.calls[i] >= 0 || k == i))
          call.push_back(k);
      }
      if (parts_.calls[i] >= 0 && bypassed_) {
        take_all_down(call);
        place(call);
      } else if (parts_.calls[i] >= 0) {
        unpack(call);
      } else {
        place(call);
      }
    }
    return order_;
  }

 private:
  void place(const std::vector<std::uint32_t>& steps) {
    for (const std::uint32_t step : steps) {
      states_[step] = StepState::Done;
      order_.push_back(step);
    }
  }

  void take_all_down(const std::vector<std::uint32_t>& call) {
    for (const std::uint32_t step : call) {
      if (parts_.plan.steps[step].island) planned_[step].apart = 1;
    }
  }

  void unpack(std::vector<std::uint32_t> call) {
    std::vector<std::uint32_t> goes;
    std::ranges::copy_if(call, std::back_inserter(goes), [&](std::uint32_t step) {
      return planned_[step].fate == Fate::Goes || planned_[step].fate == Fate::Asks;
    });
    const auto groups = island_groups(parts_.plan, goes);
    for (const auto& group : groups) {
      ++groups_;
      for (const std::uint32_t step : group) planned_[step].apart = groups_;
    }
    std::erase_if(call, [&](std::uint32_t step) { return planned_[step].apart != 0; });
    place(unpack_order(parts_.plan, call, states_));
    for (const auto& group : groups) place(unpack_order(parts_.plan, group, states_));
  }

  const PlanParts& parts_;
  bool bypassed_;
  std::vector<PlannedStep>& planned_;
  std::vector<StepState> states_;
  std::vector<std::uint32_t> order_;
  std::uint32_t groups_ = 0;
};

GuardDecision judge(const PlanParts& parts, std::uint32_t step, const PlanSettings& settings) {
  const auto& decisions = parts.decisions[step];
  GuardSetting setting;
  if (decisions.if_unmet) setting.if_unmet = decisions.if_unmet->value;
  setting.forced = is_forced(settings.forced, parts.plan.steps[step].package);
  setting.person = settings.person;
  return judge_guards(parts.guards[step], setting);
}

void set_outcome(PlannedStep& planned, IfItFails outcome, const std::string& why) {
  planned.if_it_fails = outcome;
  planned.if_it_fails_why = why;
}

void say_outcome(PlannedStep& planned, const Step& step, const PlanSettings& settings) {
  const FailureRule rule = step.on_failure.value_or(FailureRule{});
  const OnFailure said = rule.wish;
  planned.tried_again = said == OnFailure::Retry;
  if (!settings.keep_going) {
    set_outcome(planned, IfItFails::StopsRun, "aptkeep does not go on past failures now");
  } else if (said == OnFailure::StopRun) {
    set_outcome(planned, IfItFails::StopsRun, rule.why);
  } else if (said == OnFailure::LeaveUnconfigured || said == OnFailure::LeaveNew) {
    set_outcome(planned, IfItFails::LeftUnconfigured, rule.why);
  } else if (!step.never_back.empty()) {
    set_outcome(planned, IfItFails::LeftUnconfigured, step.never_back);
  } else if (step.action == Action::Configure) {
    set_outcome(planned, IfItFails::LeftUnconfigured, "its old version is gone already");
  } else if (!settings.rollback) {
    set_outcome(planned, IfItFails::LeftUnconfigured, "rollback is switched off");
  } else if (step.old_version.empty()) {
    const bool purge = step.new_version.empty();
    set_outcome(planned, purge ? IfItFails::StaysAsItIs : IfItFails::RemovedAgain, "");
  }
}

// What does not go, and why: each with a sentence of its own, and with it all that cannot be
// without it.
class Keeping {
 public:
  Keeping(const PlanParts& parts, const PlanSettings& settings, std::vector<PlannedStep>& planned)
      : parts_(parts),
        settings_(settings),
        planned_(planned),
        states_(planned.size(), StepState::Waiting),
        reasons_(planned.size()) {}

  void run() {
    for (std::uint32_t i = 0; i < planned_.size(); ++i) {
      const bool unmet = planned_[i].judged.verdict == GuardVerdict::Keep && !settings_.bypassed;
      if (i < parts_.left.size() && !parts_.left[i].empty()) {
        leave(i);
      } else if (unmet) {
        keep(i, {name(i) + " kept: " + planned_[i].judged.reason});
      }
    }
    do {
      take_along();
    } while (keep_what_is_held_up());
  }

 private:
  std::string name(std::uint32_t step) const {
    return display_name(parts_.plan.steps[step].package, settings_.native_arch);
  }

  void keep(std::uint32_t step, std::vector<std::string> reason) {
    reasons_[step] = std::move(reason);
    kept_.push_back(step);
  }

  void leave(std::uint32_t step) {
    planned_[step].fate = Fate::Kept;
    planned_[step].cause = {name(step) + " not configured: " + parts_.left[step]};
    set_outcome(planned_[step], IfItFails::LeftUnconfigured, parts_.left[step]);
    states_[step] = StepState::FailedNew;
    any_left_ = true;
  }

  void take_along() {
    if (kept_.empty()) return;
    const auto set = least_kept_set(parts_.plan, kept_);
    for (const auto& member : set.members) {
      auto& one = planned_[member.step];
      if (one.fate == Fate::Kept) continue;
      one.fate = Fate::Kept;
      states_[member.step] = StepState::Kept;
      one.cause = cause_chain(parts_.plan, set, member.step, settings_.native_arch);
      // The chain ends at what failed; here nothing has.
      const KeptMember& root = root_of(set, member);
      const auto& reason = reasons_[root.step];
      if (one.cause.empty() || !root.failed || reason.empty()) continue;
      one.cause.pop_back();
      one.cause.insert(one.cause.end(), reason.begin(), reason.end());
    }
  }

  // What needs a package that stays unconfigured cannot be configured, and goes back if it can.
  bool keep_what_is_held_up() {
    if (!any_left_) return false;
    for (std::uint32_t i = 0; i < planned_.size(); ++i) {
      const IfItFails outcome = planned_[i].if_it_fails;
      const bool goes_back = outcome == IfItFails::PutBack || outcome == IfItFails::RemovedAgain;
      if (states_[i] != StepState::Waiting || !goes_back) continue;
      const auto stuck = held_up(parts_.plan, states_, i);
      if (!stuck) continue;
      std::vector<std::string> reason = planned_[stuck->because].cause;
      reason.insert(reason.begin(),
                    name(i) + " kept: needs " + parts_.plan.clauses[stuck->clause].relation);
      keep(i, std::move(reason));
      return true;
    }
    return false;
  }

  const PlanParts& parts_;
  const PlanSettings& settings_;
  std::vector<PlannedStep>& planned_;
  std::vector<StepState> states_;
  std::vector<std::uint32_t> kept_;
  bool any_left_ = false;
  std::vector<std::vector<std::string>> reasons_;  // of what stays for its own sake
};

// One guard that says stop is enough.
void stop(const PlanParts& parts, const PlanSettings& settings, std::vector<PlannedStep>& planned) {
  // All of them: who sees to one is not to be stopped by the next.
  std::vector<std::string> why;
  for (const auto& one : planned) {
    if (one.judged.verdict != GuardVerdict::Stop) continue;
    const auto& package = parts.plan.steps[one.step].package;
    why.push_back(display_name(package, settings.native_arch) +
                  " stops the run: " + one.judged.reason);
  }
  if (why.empty()) return;
  for (auto& one : planned) {
    one.fate = Fate::NotBegun;
    one.cause = why;
  }
}

}  // namespace

std::vector<PlannedStep> plan_upgrade(const PlanParts& parts, const PlanSettings& settings) {
  std::vector<PlannedStep> planned(parts.plan.steps.size());
  for (std::uint32_t i = 0; i < planned.size(); ++i) {
    planned[i].step = i;
    planned[i].judged = judge(parts, i, settings);
    if (planned[i].judged.verdict == GuardVerdict::Ask) planned[i].fate = Fate::Asks;
    say_outcome(planned[i], parts.plan.steps[i], settings);
  }
  Keeping(parts, settings, planned).run();
  stop(parts, settings, planned);
  std::vector<PlannedStep> ordered;
  ordered.reserve(planned.size());
  for (const auto step : Order(parts, settings.bypassed, planned).all())
    ordered.push_back(std::move(planned[step]));
  return ordered;
}

const char* to_string(Fate fate) {
  switch (fate) {
    case Fate::Goes:
      return "goes";
    case Fate::Asks:
      return "asks";
    case Fate::Kept:
      return "kept";
    case Fate::NotBegun:
      return "not_begun";
  }
  return "kept";
}

const char* to_string(IfItFails outcome) {
  switch (outcome) {
    case IfItFails::PutBack:
      return "put_back";
    case IfItFails::RemovedAgain:
      return "removed_again";
    case IfItFails::LeftUnconfigured:
      return "left_unconfigured";
    case IfItFails::StopsRun:
      return "stops_run";
    case IfItFails::StaysAsItIs:
      return "stays_as_it_is";
  }
  return "left_unconfigured";
}

}  // namespace aptkeep
