// The few lines at the end of a run that kept something.
#include <algorithm>

#include "core/dpkg_status.h"
#include "core/failure_class.h"
#include "engine/finish.h"
#include "engine/undo.h"

namespace aptkeep {
namespace {

constexpr std::size_t kMostSentences = 5;  // `aptkeep explain` has them all

bool is_request(const Keep& keep) {
  return keep.message == kPutBackOnRequest;
}

std::string how_it_ended(const Keep& keep) {
  if (is_untried(keep.failure_class)) return keep.message;
  std::string text = keep.script.empty() ? std::string(to_string(keep.phase)) : keep.script;
  if (keep.signal != 0) return text + " was killed by a signal";
  if (keep.exit_code >= 0) return text + " exit " + std::to_string(keep.exit_code);
  return text + " failed";
}

bool is_unfinished(const Keep& keep) {
  return is_half_done(keep.db_state);
}

// More of it than its configuration.
bool is_there(const StepOutcome& outcome) {
  const std::string& state = outcome.db_state;
  return state.size() > 1 && state[1] != 'n' && state[1] != 'c';
}

const StepOutcome* outcome_of(const Keep& keep, const Ending& ending) {
  for (const auto& outcome : ending.outcomes) {
    if (outcome.step.package == keep.package) return &outcome;
  }
  return nullptr;
}

bool is_put_back(const Keep& keep, const Ending& ending) {
  const StepOutcome* outcome = outcome_of(keep, ending);
  return outcome != nullptr && outcome->rolled_back && !is_unfinished(keep);
}

// Of either version: a way back may have failed.
std::string what_is_unfinished(const Keep& keep, const Ending& ending) {
  const StepOutcome* outcome = outcome_of(keep, ending);
  const std::string& tried = keep.version.empty() ? keep.old_version : keep.version;
  const bool known = outcome != nullptr && !outcome->db_version.empty();
  return (known ? outcome->db_version : tried) + " left unfinished (" + keep.db_state + ")";
}

std::string what_it_is(const Keep& keep, bool back) {
  if (keep.version.empty()) {
    if (back) return "not removed, put back";
    return keep.failed && keep.phase == Phase::Purge ? "not purged" : "not removed";
  }
  if (keep.old_version.empty()) return keep.version + (back ? " removed again" : " not installed");
  return (back ? "put back to " : "kept at ") + keep.old_version + " (" + keep.version +
         (is_request(keep) ? " before)" : " tried)");
}

// The sentence in the cause, without the name that stands at the line's beginning already.
std::string why_not_put_back(const Keep& keep) {
  for (const auto& sentence : keep.cause) {
    const auto at = sentence.find(kNotPutBack);
    if (at != std::string::npos) return "    " + sentence.substr(at + 1) + "\n";
  }
  return {};
}

std::string what_remains(const Keep& keep, const Ending& ending) {
  const StepOutcome* outcome = outcome_of(keep, ending);
  if (outcome == nullptr) return {};
  std::string text;
  const std::size_t count = outcome->remains.size();
  for (std::size_t i = 0; i < std::min(count, kMostSentences); ++i) {
    text += "    not as it was: " + outcome->remains[i] + "\n";
  }
  if (count > kMostSentences) {
    text += "    and " + std::to_string(count - kMostSentences) + " more are not as they were\n";
  }
  return text;
}

std::string what_to_do(const Keep& keep, const Ending& ending) {
  const StepOutcome* outcome = outcome_of(keep, ending);
  if (outcome == nullptr || outcome->step.repair.empty()) return {};
  return "    to do: " + outcome->step.repair + "\n";
}

std::string tell_failed(const Keep& keep, const Ending& ending, const std::string& native_arch) {
  const std::string name = display_name(keep.package, native_arch);
  const bool back = is_put_back(keep, ending);
  const std::string why = !is_request(keep) ? how_it_ended(keep)
                          : back            ? "as you asked"
                                            : "to be put back, which failed";
  const std::string what =
      is_unfinished(keep) ? what_is_unfinished(keep, ending) : what_it_is(keep, back);
  return "  " + name + " " + what + ": " + why + (keep.security ? "  SECURITY UPDATE" : "") + "\n" +
         why_not_put_back(keep) + what_remains(keep, ending) +
         (is_request(keep) ? "" : what_to_do(keep, ending));
}

// Those that are kept because of the failed ones: told one by one only where there is more to say.
std::string tell_others(const Ending& ending, const std::string& native_arch, bool one_failed) {
  std::size_t count = 0;
  std::size_t back = 0;
  std::string details;
  for (const auto& keep : ending.keeps) {
    if (keep.failed) continue;
    ++count;
    if (is_put_back(keep, ending)) ++back;
    const std::string more = why_not_put_back(keep) + what_remains(keep, ending);
    if (!more.empty()) details += "  " + display_name(keep.package, native_arch) + "\n" + more;
  }
  if (count == 0) return {};
  if (ending.on_request && !std::ranges::all_of(ending.outcomes, is_back)) return details;
  std::string text = "  and " + std::to_string(count) + " more because of " +
                     (one_failed ? std::string("it") : std::string("them"));
  if (back > 0) text += ", " + (back == count ? "all" : std::to_string(back)) + " put back";
  return text + "\n" + details;
}

std::string headline(const Ending& ending) {
  if (ending.on_request) {
    return "aptkeep: " + std::to_string(std::ranges::count_if(ending.outcomes, is_back)) + " of " +
           std::to_string(ending.outcomes.size()) + " package changes taken back:\n";
  }
  // Without what an earlier run has left unconfigured, and this one has left alone.
  const auto changes =
      std::count_if(ending.outcomes.begin(), ending.outcomes.end(), [](const StepOutcome& o) {
        return o.step.action != Action::Configure || o.state != StepState::Kept;
      });
  const auto done = std::count_if(ending.outcomes.begin(), ending.outcomes.end(),
                                  [](const StepOutcome& o) { return o.state == StepState::Done; });
  // The others have failed outside the plan: a trigger's handler, a leftover of an earlier run.
  const auto not_done =
      std::count_if(ending.keeps.begin(), ending.keeps.end(),
                    [&](const Keep& keep) { return outcome_of(keep, ending) != nullptr; });
  const auto outside = std::ssize(ending.keeps) - not_done;
  std::string text = "aptkeep: " + std::to_string(done) + " of " + std::to_string(changes) +
                     " package changes done";
  if (not_done > 0) text += ", " + std::to_string(not_done) + " not";
  if (outside > 0) {
    text += (not_done > 0 ? ", and " : ", but ") + std::to_string(outside) +
            (outside == 1 ? " other package" : " other packages") + " failed";
  }
  return text + ":\n";
}

// Where a person had packages put back and not all of them are: which is which. Without those that
// are told one by one.
std::string tell_apart(const Ending& ending, const std::string& native_arch) {
  std::string back, unfinished, stays;
  const auto add = [](std::string& list, const std::string& text) {
    list += (list.empty() ? "" : ", ") + text;
  };
  for (const StepOutcome& outcome : ending.outcomes) {
    const std::string name = display_name(outcome.step.package, native_arch);
    const auto keep = std::ranges::find(ending.keeps, outcome.step.package, &Keep::package);
    const bool told = keep != ending.keeps.end() && keep->failed;
    if (is_back(outcome)) {
      const std::string& version = outcome.step.old_version;
      if (!told) add(back, name + (version.empty() ? " (removed)" : " " + version));
    } else if (is_half_done(outcome.db_state)) {
      if (!told) add(unfinished, name + " " + outcome.db_version + " (" + outcome.db_state + ")");
    } else {
      add(stays, name + (is_there(outcome) ? " " + outcome.db_version : " (not installed)"));
    }
  }
  std::string text;
  if (!back.empty()) text += "  taken back: " + back + "\n";
  if (!unfinished.empty()) text += "  left unfinished: " + unfinished + "\n";
  if (!stays.empty()) text += "  not taken back: " + stays + "\n";
  return text;
}

std::string tell_services(const Ending& ending) {
  std::string text;
  if (!ending.units.empty()) text = "aptkeep: services that are not as they should be:\n";
  for (const UnitRecord& unit : ending.units) text += "  " + unit.name + ": " + unit.trouble + "\n";
  for (const StepOutcome& outcome : ending.outcomes) {
    const std::string& trouble = trouble_after(outcome.step);
    if (!trouble.empty() && !is_told_by(ending.units, trouble))
      text += "aptkeep: " + trouble + "\n";
  }
  return text.empty() ? text : text + "aptkeep: see 'aptkeep services'\n";
}

}  // namespace

bool is_back(const StepOutcome& outcome) {
  if (!outcome.rolled_back || is_half_done(outcome.db_state)) return false;
  if (outcome.step.old_version.empty()) return !is_there(outcome);
  return is_there(outcome) && outcome.db_version == outcome.step.old_version;
}

std::string summary_text(const Ending& ending, const std::string& native_arch, bool bypassed) {
  const bool told_of = ending.on_request && std::ranges::any_of(ending.outcomes, is_back);
  if (ending.keeps.empty() && !told_of) return tell_services(ending);
  std::vector<const Keep*> failed;
  bool security = false;
  for (const auto& keep : ending.keeps) {
    security = security || keep.security;
    if (keep.failed) failed.push_back(&keep);
  }
  // Security versions first: they are what must not be overlooked.
  std::stable_sort(failed.begin(), failed.end(),
                   [](const Keep* a, const Keep* b) { return a->security && !b->security; });
  std::string text = headline(ending);
  for (const Keep* keep : failed) text += tell_failed(*keep, ending, native_arch);
  text += tell_others(ending, native_arch, failed.size() == 1);
  if (ending.on_request && !std::ranges::all_of(ending.outcomes, is_back))
    text += tell_apart(ending, native_arch);
  if (bypassed) text += "  (the frontend called dpkg past aptkeep; its plan was finished for it)\n";
  if (security) text += "aptkeep: SECURITY UPDATES are among the packages that were kept back\n";
  return text + "aptkeep: see 'aptkeep status'\n" + tell_services(ending);
}

}  // namespace aptkeep
