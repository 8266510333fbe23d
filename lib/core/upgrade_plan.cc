#include "core/upgrade_plan.h"

#include <algorithm>
#include <iterator>

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
  } else if (said == OnFailure::LeaveUnconfigured) {
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

// The steps that their own guards keep take all with them that cannot be without them.
void keep(const PlanParts& parts, const PlanSettings& settings, std::vector<PlannedStep>& planned) {
  std::vector<std::uint32_t> kept;
  std::vector<const std::string*> reasons(planned.size(), nullptr);
  for (std::uint32_t i = 0; i < planned.size(); ++i) {
    if (planned[i].judged.verdict != GuardVerdict::Keep) continue;
    kept.push_back(i);
    reasons[i] = &planned[i].judged.reason;
  }
  if (kept.empty()) return;
  const auto set = least_kept_set(parts.plan, kept);
  for (const auto& member : set.members) {
    auto& one = planned[member.step];
    one.fate = Fate::Kept;
    one.cause = cause_chain(parts.plan, set, member.step, settings.native_arch);
    if (one.cause.empty()) continue;
    // The chain ends at what failed; here nothing has.
    const KeptMember& root = root_of(set, member);
    if (!root.failed || reasons[root.step] == nullptr) continue;
    const auto& package = parts.plan.steps[root.step].package;
    one.cause.back() =
        display_name(package, settings.native_arch) + " kept: " + *reasons[root.step];
  }
}

void leave(const PlanParts& parts, const PlanSettings& settings,
           std::vector<PlannedStep>& planned) {
  for (std::uint32_t i = 0; i < planned.size() && i < parts.left.size(); ++i) {
    if (parts.left[i].empty()) continue;
    const auto& package = parts.plan.steps[i].package;
    planned[i].fate = Fate::Kept;
    planned[i].cause = {display_name(package, settings.native_arch) +
                        " not configured: " + parts.left[i]};
    set_outcome(planned[i], IfItFails::LeftUnconfigured, parts.left[i]);
  }
}

// One guard that says stop is enough.
void stop(const PlanParts& parts, const PlanSettings& settings, std::vector<PlannedStep>& planned) {
  const auto found = std::find_if(planned.begin(), planned.end(), [](const auto& one) {
    return one.judged.verdict == GuardVerdict::Stop;
  });
  if (found == planned.end()) return;
  const auto& package = parts.plan.steps[found->step].package;
  const std::string why =
      display_name(package, settings.native_arch) + " stops the run: " + found->judged.reason;
  for (auto& one : planned) {
    one.fate = Fate::NotBegun;
    one.cause = {why};
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
  if (!settings.bypassed) keep(parts, settings, planned);
  leave(parts, settings, planned);
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
