#include "engine/call.h"

#include <algorithm>

#include "engine/downtime.h"
#include "engine/left_islands.h"
#include "engine/services.h"
#include "engine/session.h"

namespace aptkeep {
namespace {

// Whether apt will call no more in this plan (design, promise 2).
bool is_last_call(const DpkgCall& call, const OpenPlan& open) {
  if (open.flags.configure_pending && open.flags.no_triggers) return call.ends_apt_run();
  // With other settings apt's last call looks like any other; but then nothing is left to do.
  return std::none_of(open.states.begin(), open.states.end(), [](StepState state) {
    return state == StepState::Waiting || state == StepState::Unpacked;
  });
}

bool any_waiting(const OpenPlan& open) {
  return std::find(open.states.begin(), open.states.end(), StepState::Waiting) != open.states.end();
}

bool kept_something(const Session& session, const std::vector<StepState>& states) {
  return session.anything_failed() ||
         std::any_of(states.begin(), states.end(), [](StepState state) {
           return state == StepState::Kept || state == StepState::Stranded;
         });
}

bool is_kept(StepState state) {
  return state == StepState::FailedOld || state == StepState::FailedNew ||
         state == StepState::Kept || state == StepState::Stranded;
}

// A new package that one of these steps brings, which are replaced.
bool is_pulled_in(const Plan& plan, const std::vector<bool>& told, std::uint32_t fresh) {
  return std::ranges::any_of(plan.clauses, [&](const Clause& clause) {
    const bool needs = clause.kind == ClauseKind::Depends || clause.kind == ClauseKind::PreDepends;
    return needs && clause.owner_step >= 0 && clause.owner_side == Side::New &&
           told[static_cast<std::size_t>(clause.owner_step)] &&
           std::ranges::count(clause.any_of, Literal{fresh, Side::New}) > 0;
  });
}

// What waits for a package that an earlier run has left unconfigured: apt has failed of it once,
// and is not to fail of each upgrade until a person has looked. What somebody wants to be new is
// another matter.
bool was_told_before(const OpenPlan& open, Store& store) {
  const bool only_waiting = std::ranges::all_of(open.failures, [](const Failure& failure) {
    return failure.healed || failure.failure_class == FailureClass::Waiting;
  });
  if (!only_waiting) return false;
  const auto keeps = store.keeps();
  if (!keeps) return false;
  std::vector<bool> told;
  for (const Step& step : open.plan.steps) {
    told.push_back(!step.old_version.empty() && std::ranges::any_of(*keeps, [&](const Keep& keep) {
      return keep.package == step.package && keep.version == step.new_version &&
             keep.old_version == step.old_version;
    }));
  }
  for (std::uint32_t i = 0; i < open.states.size(); ++i) {
    if (!is_kept(open.states[i]) || told[i]) continue;
    const bool fresh = open.plan.steps[i].old_version.empty();
    if (!fresh || !is_pulled_in(open.plan, told, i)) return false;
  }
  return true;
}

std::optional<CallEnd> carry_out(Session& session, const std::vector<std::uint32_t>& steps) {
  switch (session.call().verb) {
    case DpkgCall::Verb::Unpack:
      return unpack_archives(session, steps);
    case DpkgCall::Verb::Configure: {
      const auto end = configure_packages(session);
      return end ? end : configure_left_down(session, {});
    }
    case DpkgCall::Verb::Remove:
    case DpkgCall::Verb::Purge:
      return remove_packages(session);
    case DpkgCall::Verb::TriggersOnly:
      break;
  }
  return CallEnd{false, 0, 0};
}

// What apt's last call would have done, since apt is now told of a failure and makes no more calls.
void configure_the_rest(const DpkgCall& call, OpenPlan& open, CallPorts& ports) {
  DpkgCall configure;
  configure.verb = DpkgCall::Verb::Configure;
  configure.pending = true;
  for (const auto& option : call.options) {
    const bool only_then = option == "--no-triggers" || option == "--auto-deconfigure";
    if (!only_then) configure.options.push_back(option);
  }
  Session session(configure, open, ports, true);
  configure_packages(session);
}

}  // namespace

namespace {

CallEnd run_steps(Session& session, const std::vector<std::string>& archives, OpenPlan& open,
                  CallPorts& ports) {
  const DpkgCall& call = session.call();
  std::vector<std::uint32_t> steps;
  for (const auto& archive : archives) {
    const std::int32_t step = session.step_of_archive(archive);
    if (step < 0) return CallEnd{false, 0, 0};
    steps.push_back(static_cast<std::uint32_t>(step));
  }
  if (const auto end = carry_out(session, steps); end) {
    // Nobody will call for it, and what is unpacked is worse off left so.
    const bool more = !(call.verb == DpkgCall::Verb::Configure && call.pending);
    if (more && session.may_configure() && !ports.disk_full({})) {
      session.reach_no_more();
      configure_the_rest(call, open, ports);
    }
    return *end;
  }
  if (call.verb != DpkgCall::Verb::Configure) {
    // What stays unfinished now would be in the way of the calls to come; it is configured by them.
    if (const auto went = go_back(session); !went) ports.say(went.error().message);
  }
  if (open.flags.quiet_exit || !kept_something(session, open.states)) return CallEnd{};
  if (was_told_before(open, ports.store)) return CallEnd{};
  if (is_last_call(call, open)) return CallEnd{true, 1, 0};
  // The exit code at the last call is told from the record. Where that is lost, or we are being
  // removed, this is the last chance to tell apt, which then stops. So it may be where apt does not
  // end with --configure --pending: nothing is left but, perhaps, to configure.
  const bool holds = !session.record_lost() && (!ports.record_holds || ports.record_holds());
  const bool sure_of_more = open.flags.configure_pending || any_waiting(open);
  if (holds && sure_of_more) return CallEnd{};
  configure_the_rest(call, open, ports);
  return CallEnd{true, 1, 0};
}

void hold_what_was_left(const OpenPlan& open, CallPorts& ports, const LeftPorts& left) {
  hold_left_islands(ports.db, left, [&](const std::string& package) {
    return std::ranges::any_of(open.plan.steps, [&](const Step& step) {
      return step.package == package && step.action == Action::Configure;
    });
  });
}

}  // namespace

CallEnd run_call(const DpkgCall& call, const std::vector<std::string>& archives, OpenPlan& open,
                 CallPorts& ports) {
  Session session(call, open, ports);
  if (std::ranges::find(open.states, StepState::Returning) != open.states.end()) {
    if (const auto db = ports.db.read()) settle_returned(session, *db);
  }
  const bool configures = call.verb == DpkgCall::Verb::Configure;
  const LeftPorts left{ports.store, ports.units, ports.holds, ports.failure_of, ports.say};
  if (configures) hold_what_was_left(open, ports, left);
  const CallEnd end = run_steps(session, archives, open, ports);
  (void)end_left_downtimes(session, {});
  if (configures && !ports.rebooted) end_left_islands(ports.db, left);
  let_configured_go(ports);
  return end;
}

}  // namespace aptkeep
