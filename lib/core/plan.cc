#include "core/plan.h"

namespace aptkeep {

std::string display_name(std::string_view package, std::string_view native_arch) {
  const auto colon = package.rfind(':');
  if (colon != std::string_view::npos && package.substr(colon + 1) == native_arch) {
    return std::string(package.substr(0, colon));
  }
  return std::string(package);
}

bool is_replaced(const Step& step) {
  return step.action != Action::Configure && !step.new_version.empty() && !step.old_version.empty();
}

const std::string& trouble_after(const Step& step) {
  static const std::string none;
  return step.afterwards == kIslandDone ? none : step.afterwards;
}

bool has_untried_end(const Step& step) {
  const bool has_end = !step.island->checks.empty() || !step.island->after.empty();
  return has_end && step.afterwards.empty();
}

const char* to_string(Action action) {
  switch (action) {
    case Action::Install:
      return "install";
    case Action::Upgrade:
      return "upgrade";
    case Action::Downgrade:
      return "downgrade";
    case Action::Reinstall:
      return "reinstall";
    case Action::Configure:
      return "configure";
    case Action::Remove:
      return "remove";
    case Action::Purge:
      return "purge";
  }
  return "unknown";
}

const char* to_string(Side side) {
  switch (side) {
    case Side::Old:
      return "old";
    case Side::New:
      return "new";
  }
  return "unknown";
}

const char* to_string(ClauseKind kind) {
  switch (kind) {
    case ClauseKind::PreDepends:
      return "pre-depends";
    case ClauseKind::Depends:
      return "depends";
    case ClauseKind::Breaks:
      return "breaks";
    case ClauseKind::Conflicts:
      return "conflicts";
    case ClauseKind::Lockstep:
      return "lockstep";
  }
  return "unknown";
}

const char* to_string(StepState state) {
  switch (state) {
    case StepState::Waiting:
      return "waiting";
    case StepState::Unpacked:
      return "unpacked";
    case StepState::Done:
      return "done";
    case StepState::FailedOld:
      return "failed-old";
    case StepState::FailedNew:
      return "failed-new";
    case StepState::Kept:
      return "kept";
    case StepState::Stranded:
      return "stranded";
    case StepState::NotReached:
      return "not-reached";
    case StepState::Returning:
      return "returning";
  }
  return "unknown";
}

const char* to_string(Phase phase) {
  switch (phase) {
    case Phase::Unpack:
      return "unpack";
    case Phase::Configure:
      return "configure";
    case Phase::Remove:
      return "remove";
    case Phase::Purge:
      return "purge";
    case Phase::Trigger:
      return "trigger";
  }
  return "unknown";
}

}  // namespace aptkeep
