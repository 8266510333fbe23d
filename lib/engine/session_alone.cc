// What dpkg alone may do where the driver is killed, and how a run ends that a person stops.
#include <algorithm>

#include "core/rule.h"
#include "engine/session.h"

namespace aptkeep {

bool is_saved_first(const Step& step) {
  return step.island && !(step.island->backup.empty() && step.island->before.empty());
}

// What is to be saved or prepared first, and what cannot be new without it.
const std::set<std::uint32_t>& Session::only_with_the_driver() {
  std::vector<std::uint32_t> roots;
  const bool has_islands = ports_.units != nullptr && ports_.holds != nullptr;
  for (std::uint32_t i = 0; has_islands && i < open_.states.size(); ++i) {
    if (is_saved_first(plan().steps[i]) && open_.states[i] == StepState::Waiting &&
        !begun_.contains(i))
      roots.push_back(i);
  }
  if (!roots.empty()) {
    for (const auto& member : kept_.members) {
      if (member.failed) roots.push_back(member.step);
    }
  }
  if (roots == unsaved_roots_) return only_with_the_driver_;
  only_with_the_driver_.clear();
  if (!roots.empty()) {
    for (const auto& member : least_kept_set(plan(), roots).members)
      only_with_the_driver_.insert(member.step);
  }
  unsaved_roots_ = std::move(roots);
  return only_with_the_driver_;
}

void Session::announce(const std::vector<std::string>& in_call, std::vector<std::string> after) {
  const auto& kept = only_with_the_driver();
  const auto left_out = std::erase_if(after, [&](const std::string& archive) {
    const std::int32_t step = step_of_archive(archive);
    return step >= 0 && kept.contains(static_cast<std::uint32_t>(step));
  });
  ports_.progress.calling(in_call, after, left_out);
}

CallEnd Session::stop_interrupted() {
  ports_.say("stopping: it was interrupted");
  may_configure_ = true;
  return CallEnd{true, 1, 0};
}

void Session::note_passed(std::uint32_t step, const std::string& why) {
  std::string& passed = open_.plan.steps[step].passed;
  passed += (passed.empty() ? "" : "; ") + why;
  const Status noted = ports_.store.set_passed(open_.id, step, passed);
  if (!noted) ports_.say(noted.error().message);
}

void Session::note_afterwards(std::uint32_t step, const std::string& what) {
  open_.plan.steps[step].afterwards = what;
  const Status noted = ports_.store.set_afterwards(open_.id, step, what);
  if (!noted) ports_.say(noted.error().message);
}

}  // namespace aptkeep
