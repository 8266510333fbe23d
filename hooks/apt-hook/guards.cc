// Guards: what rules want to hold before a package's step is looked at before anything is changed.
#include "adapters/guards.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "adapters/apt_rules.h"
#include "adapters/backup_room.h"
#include "adapters/dpkg_db.h"
#include "core/config.h"
#include "core/dpkg_status.h"
#include "core/failure_class.h"
#include "core/guard_policy.h"
#include "core/held_up.h"
#include "core/if_unmet.h"
#include "core/step_rules.h"
#include "guards.h"
#include "hook.h"

namespace aptkeep::hook {
namespace {

constexpr int kPatience = 120'000;  // ms that a person has for an answer

std::vector<std::string> forced_packages(const Conversation& conversation) {
  std::string text;
  for (const auto& value : conversation.list("Aptkeep::Force")) text += value + " ";
  if (const char* variable = std::getenv("APTKEEP_FORCE")) text += variable;
  Force force = read_force(text);
  for (const auto& refused : force.refused) {
    complain("unable to force " + refused + ": it is no package");
  }
  return std::move(force.packages);
}

// Standard input is apt's conversation with us.
bool says_yes(const std::string& question) {
  const int terminal = ::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
  if (terminal < 0) return false;
  const std::string text = "aptkeep: " + question + " [y/N] ";
  bool yes = false;
  if (::write(terminal, text.data(), text.size()) == static_cast<ssize_t>(text.size())) {
    pollfd wait{terminal, POLLIN, 0};
    char answer[64] = {};
    if (::poll(&wait, 1, kPatience) == 1 && ::read(terminal, answer, sizeof answer - 1) > 0) {
      yes = answer[0] == 'y' || answer[0] == 'Y';
    } else {
      (void)!::write(terminal, "\n", 1);
    }
  }
  ::close(terminal);
  return yes;
}

struct Looked {
  StepGuards guards;
  GuardSetting setting;
};

std::vector<Looked> look(const std::vector<Step>& steps, const std::vector<StepDecisions>& decided,
                         GuardOutcome& outcome, Store& store) {
  const auto remembered = store.remembered();
  if (!remembered) complain(remembered.error().message);
  const std::map<std::string, Remembered> nothing;
  std::vector<Looked> looked;
  for (StepGuards& guards : probe_steps(steps, decided, remembered ? *remembered : nothing)) {
    GuardSetting setting;
    const auto& if_unmet = decided[guards.step].if_unmet;
    if (if_unmet) setting.if_unmet = if_unmet->value;
    auto& answers = outcome.answers[steps[guards.step].package];
    answers.insert(guards.now.begin(), guards.now.end());
    looked.push_back({std::move(guards), std::move(setting)});
  }
  return looked;
}

GuardDecision decide(const Looked& looked, const std::string& name) {
  GuardSetting setting = looked.setting;
  GuardDecision decision = judge_guards(looked.guards.findings, setting);
  if (decision.verdict != GuardVerdict::Ask) return decision;
  if (says_yes(name + ": " + decision.reason + ". Go on with it nevertheless?")) {
    setting.accepted = decision.unmet;
  } else {
    setting.asked = true;
  }
  return judge_guards(looked.guards.findings, setting);
}

bool holds_now(Store& store, const Keep& keep, const RuleIndex& index, const DbSnapshot& db,
               const std::string& native_arch) {
  Step step;
  step.package = keep.package;
  step.action = keep.version.empty()       ? Action::Remove
                : keep.old_version.empty() ? Action::Install
                                           : Action::Upgrade;
  step.old_version = keep.old_version;
  step.new_version = keep.version;
  const auto installed = [&db](std::string_view name) -> std::string {
    for (const auto& [package, entry] : db) {
      if (package.substr(0, package.find(':')) == name && entry.state.substr(1, 1) != "c") {
        return entry.version;
      }
    }
    return {};
  };
  GuardOutcome outcome;
  auto decided = decide_steps(index, {compare_versions, installed}, {step});
  want_room_for_backups(paths::kBackups, native_arch, {step}, decided);
  const auto looked = look({step}, decided, outcome, store);
  for (const Looked& one : looked) {
    const auto decision = judge_guards(one.guards.findings, one.setting);
    if (decision.verdict != GuardVerdict::Go && decision.verdict != GuardVerdict::Warn)
      return false;
  }
  return true;
}

}  // namespace

GuardOutcome judge_steps(const Conversation& conversation, const PlanFlags& flags,
                         const std::vector<StepDecisions>& decisions, Store& store,
                         std::vector<Step>& steps) {
  GuardOutcome outcome;
  const auto forced = forced_packages(conversation);
  auto looked = look(steps, decisions, outcome, store);
  for (Looked& one : looked) {
    Step& step = steps[one.guards.step];
    one.setting.person = !flags.unattended;
    one.setting.forced = is_forced(forced, step.package);
    const std::string name = display_name(step.package, flags.native_arch);
    const GuardDecision decision = decide(one, name);
    step.passed = passed_past(decision);
    step.guards = guards_to_repeat(one.guards.findings, decision);
    step.if_unmet =
        one.setting.forced ? IfUnmet::Force : if_unmet_of_backups(decisions[one.guards.step]);
    if (decision.reason.empty()) continue;
    switch (decision.verdict) {
      case GuardVerdict::Keep:
      case GuardVerdict::Ask:
        outcome.kept.emplace_back(one.guards.step, decision.reason);
        break;
      case GuardVerdict::Stop:
        outcome.stop += (outcome.stop.empty() ? "" : "; ") + name + ": " + decision.reason;
        break;
      case GuardVerdict::Go:
      case GuardVerdict::Warn:
        complain(name + " goes on: " + decision.reason);
        break;
    }
  }
  return outcome;
}

void find_waiting(const Plan& plan, const std::string& native_arch, GuardOutcome& outcome) {
  // What is left so is named as to be configured: most runs need not read the database for this.
  const auto is_configured = [](const Step& step) { return step.action == Action::Configure; };
  if (std::ranges::none_of(plan.steps, is_configured)) return;
  RealDatabase database;
  const auto db = database.read();
  if (!db) return complain(db.error().message);
  std::vector<bool> left;
  for (const Step& step : plan.steps) {
    const auto found = db->find(step.package);
    left.push_back(is_configured(step) && found != db->end() &&
                   is_left_unconfigured(found->second.state));
  }
  if (std::ranges::find(left, true) == left.end()) return;
  outcome.waiting = waiting_for_left(plan, left, native_arch);
  std::erase_if(outcome.waiting, [&](const auto& one) {
    return std::ranges::any_of(outcome.kept,
                               [&](const auto& kept) { return kept.first == one.first; });
  });
}

void record_kept(Store& store, std::int64_t plan, const std::vector<Step>& steps,
                 const GuardOutcome& outcome, const std::string& native_arch) {
  if (const auto noted = store.note_answers(plan, outcome.answers); !noted) {
    complain(noted.error().message);
  }
  std::map<std::uint32_t, StepState> states;
  const auto record = [&](std::uint32_t index, const std::string& reason, FailureClass kind,
                          bool tell = true) {
    const Step& step = steps[index];
    Failure failure = guard_failure(step, index, reason);
    failure.failure_class = kind;
    const auto added = store.add_failure(plan, failure);
    if (!added) return complain(added.error().message);
    states[index] = StepState::FailedOld;
    if (tell) complain(display_name(step.package, native_arch) + " is not touched: " + reason);
  };
  for (const auto& [index, reason] : outcome.kept) record(index, reason, FailureClass::Guard);
  // Of a library that all need that may be hundreds.
  constexpr std::size_t kMostTold = 5;
  for (std::size_t i = 0; i < outcome.waiting.size(); ++i) {
    const auto& [index, reason] = outcome.waiting[i];
    record(index, reason, FailureClass::Waiting, i < kMostTold);
  }
  if (outcome.waiting.size() > kMostTold)
    complain("nor are " + std::to_string(outcome.waiting.size() - kMostTold) +
             " more that need what is left unconfigured");
  if (const auto set = store.set_states(plan, states); !set) complain(set.error().message);
}

bool lift_guarded(Store& store) {
  const auto keeps = store.keeps();
  if (!keeps) return false;
  const auto guarded = [](const Keep& keep) {
    return keep.failed && keep.failure_class == FailureClass::Guard;
  };
  if (std::none_of(keeps->begin(), keeps->end(), guarded)) return false;
  const auto rules = read_rules(rule_folders());
  RealDatabase database;
  const auto db = database.read();
  if (!rules || !db) return false;
  const auto runs = store.runs(1);
  const std::string native_arch = runs && !runs->empty() ? runs->front().native_arch : "";
  const RuleIndex index(rules->rules);
  bool any = false;
  for (const Keep& root : *keeps) {
    if (!guarded(root) || !holds_now(store, root, index, *db, native_arch)) continue;
    any = lift_with_those_that_wait(store, *keeps, root.package, "its guard holds") || any;
  }
  return any;
}

}  // namespace aptkeep::hook
