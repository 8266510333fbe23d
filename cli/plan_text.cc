// The plan for a person.
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <map>
#include <set>

#include "core/denied_units.h"
#include "core/guard_policy.h"
#include "core/rule_text.h"
#include "known_rules.h"
#include "plan.h"
#include "text.h"

namespace aptkeep::cli {
namespace {

std::string as_typed(const AptArguments& arguments) {
  std::string text = "apt-get " + arguments.command;
  for (const auto* words : {&arguments.options, &arguments.packages}) {
    for (const std::string& word : *words) {
      text += " " + word;
    }
  }
  return harmless(text);
}

void tell_heading(const PlanView& view) {
  if (view.planned.empty()) {
    std::cout << as_typed(view.arguments) << " would change nothing.\n";
    return;
  }
  std::map<Action, std::size_t> counts;
  for (const Step& step : view.plan.steps) {
    ++counts[step.action];
  }
  std::string text;
  for (const auto& [action, count] : counts) {
    text += (text.empty() ? "" : ", ") + std::to_string(count) + " to " + to_string(action);
  }
  std::cout << as_typed(view.arguments) << ": " << text << "\n";
  if (!view.settings.keep_going) {
    std::cout << "aptkeep is switched off for this: the first failure would stop the run.\n";
  } else if (view.settings.bypassed) {
    std::cout << "This frontend runs dpkg itself: nothing is kept from it, and what fails is put "
                 "back at the end.\n";
  }
}

void tell_step(const PlanView& view, const PlannedStep& planned, std::size_t number) {
  const Step& step = view.plan.steps[planned.step];
  const std::string& origin = view.simulation.steps[planned.step].origin;
  const bool both = !step.old_version.empty() && !step.new_version.empty() &&
                    step.old_version != step.new_version;
  std::string text =
      std::to_string(number) + ". " + to_string(step.action) + " " + view.name(planned.step) + " " +
      step.old_version + (both ? " -> " : "") +
      (step.old_version == step.new_version ? "" : step.new_version) +
      (step.config_version.empty() ? "" : " (last configured at " + step.config_version + ")") +
      (origin.empty() ? "" : " (" + origin + ")");
  std::cout << harmless(text) << (step.security ? loud(", security update") : "") << "\n";
}

void use(const Rule* by, const std::vector<const Rule*>& beaten, std::set<const Rule*>& used) {
  used.insert(beaten.begin(), beaten.end());
  if (by != nullptr) used.insert(by);
}

// A guard's line has its state too; the guards are in the order of their lines.
void tell_rules(const PlanView& view, const PlannedStep& planned, std::set<const Rule*>& used) {
  std::size_t guard = 0;
  for (const DecisionLine& line : decision_lines(view.decisions[planned.step])) {
    std::cout << "     " << in_short(line);
    const auto& found = view.guards[planned.step];
    const bool is_guard = line.field == std::string_view("Guard") && line.value != "none";
    if (is_guard && guard < found.size()) {
      const GuardResult& result = found[guard++].result;
      std::cout << "\n       "
                << (result.met() ? word_of(result.state) : loud(word_of(result.state)))
                << (result.why.empty() ? "" : ": " + in_one_line(result.why));
    }
    std::cout << "\n";
    use(line.by, line.beaten, used);
    if (!line.if_unmet) continue;
    std::cout << "       " << in_short(*line.if_unmet) << "\n";
    use(line.if_unmet->by, line.if_unmet->beaten, used);
  }
}

// Of a package with many units most have the same to be said.
void tell_services(const PlanView& view, const PlannedStep& planned, std::set<const Rule*>& used) {
  constexpr std::size_t kNamed = 4;
  const PlannedServices& services = view.services[planned.step];
  std::vector<std::pair<const PlannedService*, std::vector<std::string>>> groups;
  for (const PlannedService& one : services.units) {
    const auto group = std::find_if(groups.begin(), groups.end(), [&](const auto& known) {
      const PlannedService& other = *known.first;
      return other.service_class == one.service_class && other.by == one.by &&
             other.why == one.why && services.is_denied(other) == services.is_denied(one);
    });
    if (group == groups.end()) {
      groups.push_back({&one, {one.unit}});
    } else {
      group->second.push_back(one.unit);
    }
  }
  for (const auto& [one, units] : groups) {
    std::string names;
    for (std::size_t i = 0; i < units.size() && i < kNamed; ++i)
      names += (i == 0 ? "" : ", ") + units[i];
    if (units.size() > kNamed) names += " and " + std::to_string(units.size() - kNamed) + " more";
    std::string from = services.installed_scripts ? "read from the scripts of the installed version"
                                                  : "read from its scripts";
    if (one->by != nullptr) {
      from = "by rule [" + short_name(*one->by) + "]";
      used.insert(one->by);
    }
    std::cout << "     " << harmless(names) << ": " << rule_word(one->service_class) << ", " << from
              << (one->by != nullptr ? "" : ": " + in_one_line(one->why))
              << (services.is_denied(*one) ? ", but policy-rc.d denies it" : "") << "\n";
  }
  for (const std::string& unit : services.goes_on)
    std::cout << "     " << harmless(goes_on_text(unit, view.name(planned.step))) << "\n";
}

std::string named(const std::vector<std::string>& units) {
  std::string text;
  for (const std::string& unit : units) text += (text.empty() ? "" : ", ") + harmless(unit);
  return text;
}

// With the first of those that are replaced apart together: what goes down with them.
void tell_apart(const PlanView& view, const PlannedStep& planned) {
  if (planned.apart == 0) return;
  std::vector<std::string> down;
  std::vector<std::string> parked;
  const PlannedStep* first = nullptr;
  const auto add = [](std::vector<std::string>& all, const std::vector<std::string>& units) {
    for (const std::string& unit : units) {
      if (std::find(all.begin(), all.end(), unit) == all.end()) all.push_back(unit);
    }
  };
  for (const PlannedStep& other : view.planned) {
    if (other.apart != planned.apart) continue;
    if (first == nullptr) first = &other;
    add(down, view.services[other.step].down);
    add(parked, view.services[other.step].parked);
  }
  if (view.settings.bypassed) {
    const PlannedServices& its = view.services[planned.step];
    if (!its.down.empty())
      std::cout << "     down while dpkg is at work: " << named(its.down) << "\n";
    if (!its.parked.empty())
      std::cout << "     parked meanwhile, with clients waiting: " << named(its.parked) << "\n";
    return;
  }
  if (first != &planned) {
    std::cout << "     replaced together with " << harmless(view.name(first->step)) << "\n";
    return;
  }
  std::cout << "     replaced apart, when the rest of its call is configured"
            << (down.empty() ? "" : "; down meanwhile: " + named(down))
            << (parked.empty() ? "" : "; parked, with clients waiting: " + named(parked)) << "\n";
}

void tell_end(const PlanView& view, const PlannedStep& planned) {
  if (planned.fate == Fate::Kept || planned.fate == Fate::NotBegun) return;
  const PlannedEnd& end = view.ends[planned.step];
  const std::string when = "     when it is configured: ";
  for (const std::string& command : end.checks)
    std::cout << when << "its configuration is checked by " << harmless(command) << "\n";
  if (!end.starts.empty())
    std::cout << when << "what was left down is started: " << named(end.starts) << "\n";
  for (const std::string& command : end.after)
    std::cout << when << "what comes after is run: " << harmless(command) << "\n";
}

std::string what_if_it_fails(const PlannedStep& planned) {
  switch (planned.if_it_fails) {
    case IfItFails::LeftUnconfigured:
      return "it is left unconfigured, not put back";
    case IfItFails::StopsRun:
      return "the run stops";
    case IfItFails::PutBack:
    case IfItFails::RemovedAgain:
    case IfItFails::StaysAsItIs:
      return "";  // the footer tells
  }
  return "";
}

void tell_fate(const PlanView& view, const PlannedStep& planned) {
  const std::string indent = "     ";
  for (std::size_t i = 0; i < planned.cause.size() && planned.fate != Fate::NotBegun; ++i) {
    std::cout << indent << (i == 0 ? loud("stays as it is") + ": " : "  because ")
              << in_one_line(planned.cause[i]) << "\n";
  }
  if (planned.fate == Fate::Goes && !planned.judged.reason.empty()) {
    const bool kept_else = planned.judged.verdict == GuardVerdict::Keep;
    std::cout << indent
              << (kept_else ? "goes on, since this frontend runs dpkg itself: "
                            : "goes on although: ")
              << in_one_line(planned.judged.reason) << "\n";
  }
  if (planned.fate == Fate::Asks) {
    std::cout << indent << "you will be asked: " << in_one_line(planned.judged.reason) << "\n";
  }
  // What was left unconfigured stays so: nothing is tried that could fail.
  const bool left =
      planned.fate == Fate::Kept && view.plan.steps[planned.step].action == Action::Configure;
  const std::string outcome = left ? "" : what_if_it_fails(planned);
  if (view.settings.keep_going && !outcome.empty()) {
    std::cout << indent << "if it fails: " << (planned.tried_again ? "tried again, then " : "")
              << outcome << ": " << in_one_line(planned.if_it_fails_why) << "\n";
  }
}

void tell_kept(const PlanView& view) {
  if (!view.kept.keeps.empty()) {
    std::cout << "Kept back by aptkeep already (see aptkeep status):\n";
  }
  for (const aptkeep_keep& keep : view.kept.keeps) {
    std::cout << "  " << headline(view.kept, keep) << "\n";
    // Nothing else would say so: apt calls nobody where it has nothing to do.
    if (is_forced(view.settings.forced, keep.package))
      std::cout << "    forced, but apt sees no new version of it before aptkeep release\n";
  }
  // What aptkeep has pinned apt keeps back too.
  auto backs = view.simulation.kept_back;
  std::erase_if(backs, [&](const KeptBack& back) {
    return std::ranges::any_of(view.kept.keeps, [&](const aptkeep_keep& keep) {
      return std::string_view(keep.package) == back.package;
    });
  });
  if (!backs.empty()) {
    std::cout << "Kept back by apt (its dependencies, a hold, a phase, or one of the above):\n";
  }
  for (const KeptBack& back : backs) {
    std::cout << "  " << name_of(back.package, view.settings.native_arch)
              << harmless(back.old_version.empty()
                              ? ""
                              : " stays at " + back.old_version + ", there is " + back.new_version)
              << (back.phased ? " (phased)" : "") << "\n";
  }
}

void tell_unknown(const PlanView& view) {
  const auto unknown = [](const GuardFinding& finding) {
    return finding.result.state == GuardState::Unknown;
  };
  const bool any = std::any_of(view.guards.begin(), view.guards.end(), [&](const auto& found) {
    return std::any_of(found.begin(), found.end(), unknown);
  });
  if (any && ::geteuid() != 0) {
    std::cout << "Root may be able to tell of more guards.\n";
  }
}

void tell_stop(const PlanView& view) {
  if (view.planned.empty() || view.planned.front().fate != Fate::NotBegun) return;
  for (const std::string& why : view.planned.front().cause)
    std::cout << loud("Nothing of it would begin") << ": " << in_one_line(why) << "\n";
}

}  // namespace

const char* word_of(GuardState state) {
  switch (state) {
    case GuardState::Met:
      return "met";
    case GuardState::Unmet:
      return "unmet";
    case GuardState::Unknown:
      return "unknown";
  }
  return "unknown";
}

void print_plan(const PlanView& view) {
  std::set<const Rule*> used;
  tell_heading(view);
  tell_stop(view);
  std::size_t number = 0;
  for (const PlannedStep& planned : view.planned) {
    tell_step(view, planned, ++number);
    tell_rules(view, planned, used);
    tell_services(view, planned, used);
    tell_apart(view, planned);
    tell_end(view, planned);
    tell_fate(view, planned);
  }
  tell_unknown(view);
  if (std::any_of(view.services.begin(), view.services.end(),
                  [](const PlannedServices& one) { return one.installed_scripts; })) {
    std::cout << "Scripts of new versions are read when their archives have been downloaded.\n";
  }
  tell_kept(view);
  if (!view.planned.empty() && view.settings.keep_going) {
    std::cout << "What fails would be put back, or removed again if it is new, unless it says "
                 "otherwise.\n";
  }
  if (!used.empty()) {
    std::cout << "Rules:\n" << with_sources(used, "  ");
  }
  for (const std::string& complaint : view.complaints) {
    std::cout << "Note: " << in_one_line(complaint) << "\n";
  }
}

}  // namespace aptkeep::cli
