// The few lines at the end of a run that kept something.
#include <algorithm>

#include "engine/finish.h"

namespace aptkeep {
namespace {

std::string how_it_ended(const Keep& keep) {
  std::string text = keep.script.empty() ? std::string(to_string(keep.phase)) : keep.script;
  if (keep.signal != 0) return text + " was killed by a signal";
  if (keep.exit_code >= 0) return text + " exit " + std::to_string(keep.exit_code);
  return text + " failed";
}

bool is_unfinished(const Keep& keep) {
  return keep.db_state.size() > 1 && (keep.db_state[1] == 'U' || keep.db_state[1] == 'F' ||
                                      keep.db_state[1] == 'H' || keep.db_state.size() > 2);
}

std::string what_it_is(const Keep& keep) {
  const bool unfinished = is_unfinished(keep);
  if (keep.version.empty()) return "not removed";
  if (unfinished) return keep.version + " left unfinished (" + keep.db_state + ")";
  if (keep.old_version.empty()) return keep.version + " not installed";
  return "kept at " + keep.old_version + " (" + keep.version + " tried)";
}

// A rule's reason: otherwise it would look as if nothing was done about the failure.
std::string why_not_put_back(const Keep& keep, const std::vector<StepOutcome>& outcomes) {
  if (!is_unfinished(keep)) return {};
  for (const auto& outcome : outcomes) {
    const bool same = outcome.step.package == keep.package && !outcome.step.never_back.empty();
    if (same) return "    not put back, because " + outcome.step.never_back + "\n";
  }
  return {};
}

}  // namespace

std::string summary_text(const Ending& ending, const std::string& native_arch, bool bypassed) {
  if (ending.keeps.empty()) return {};
  std::vector<const Keep*> failed;
  std::size_t with_them = 0;
  bool security = false;
  for (const auto& keep : ending.keeps) {
    security = security || keep.security;
    if (keep.failed) {
      failed.push_back(&keep);
    } else {
      ++with_them;
    }
  }
  // Security versions first: they are what must not be overlooked.
  std::stable_sort(failed.begin(), failed.end(),
                   [](const Keep* a, const Keep* b) { return a->security && !b->security; });
  const auto done = std::count_if(ending.outcomes.begin(), ending.outcomes.end(),
                                  [](const StepOutcome& o) { return o.state == StepState::Done; });
  std::string text = "aptkeep: " + std::to_string(done) + " of " +
                     std::to_string(ending.outcomes.size()) + " package changes done, " +
                     std::to_string(ending.keeps.size()) + " not:\n";
  for (const Keep* keep : failed) {
    text += "  " + display_name(keep->package, native_arch) + " " + what_it_is(*keep) + ": " +
            how_it_ended(*keep) + (keep->security ? "  SECURITY UPDATE" : "") + "\n" +
            why_not_put_back(*keep, ending.outcomes);
  }
  if (with_them > 0) {
    text += "  and " + std::to_string(with_them) + " more because of " +
            (failed.size() == 1 ? std::string("it") : std::string("them")) + "\n";
  }
  if (bypassed) text += "  (the frontend called dpkg past aptkeep; its plan was finished for it)\n";
  if (security) text += "aptkeep: SECURITY UPDATES are among the packages that were kept back\n";
  return text + "aptkeep: see 'aptkeep status'\n";
}

}  // namespace aptkeep
