#include "engine/call.h"

#include <algorithm>

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

bool kept_something(const Session& session, const std::vector<StepState>& states) {
  return session.anything_failed() ||
         std::any_of(states.begin(), states.end(), [](StepState state) {
           return state == StepState::Kept || state == StepState::Stranded;
         });
}

std::optional<CallEnd> carry_out(Session& session, const std::vector<std::uint32_t>& steps) {
  switch (session.call().verb) {
    case DpkgCall::Verb::Unpack:
      return unpack_archives(session, steps);
    case DpkgCall::Verb::Configure:
      return configure_packages(session);
    case DpkgCall::Verb::Remove:
    case DpkgCall::Verb::Purge:
      return remove_packages(session);
    case DpkgCall::Verb::TriggersOnly:
      break;
  }
  return CallEnd{false, 0, 0};
}

}  // namespace

CallEnd run_call(const DpkgCall& call, const std::vector<std::string>& archives, OpenPlan& open,
                 CallPorts& ports) {
  Session session(call, open, ports);
  std::vector<std::uint32_t> steps;
  for (const auto& archive : archives) {
    const std::int32_t step = session.step_of_archive(archive);
    if (step < 0) return CallEnd{false, 0, 0};
    steps.push_back(static_cast<std::uint32_t>(step));
  }
  if (const auto end = carry_out(session, steps); end) return *end;
  // The exit code at the last call is told from the record. Where that could not be written, this
  // is the last chance to tell apt: it then stops, as it would have without us.
  const bool tell_now = session.record_lost() || is_last_call(call, open);
  if (!tell_now || open.flags.quiet_exit) return CallEnd{};
  return CallEnd{true, kept_something(session, open.states) ? 1 : 0, 0};
}

}  // namespace aptkeep
