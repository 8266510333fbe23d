#include "explain_rules.h"

#include <algorithm>
#include <array>
#include <iostream>
#include <map>
#include <set>
#include <string_view>

#include "core/dpkg_status.h"
#include "core/names.h"
#include "core/package_pattern.h"
#include "known_rules.h"
#include "now.h"
#include "text.h"

namespace aptkeep::cli {
namespace {

// systemd.unit(5)
constexpr std::array kSuffixes{".service", ".socket", ".path",  ".timer",  ".target",   ".mount",
                               ".swap",    ".slice",  ".scope", ".device", ".automount"};

bool is_unit(std::string_view name) {
  return std::any_of(kSuffixes.begin(), kSuffixes.end(),
                     [name](const char* suffix) { return name.ends_with(suffix); });
}

std::string name_alone(const std::string& package) {
  return package.substr(0, package.find(':'));
}

// What is there, and what apt would install; empty: nothing.
struct Available {
  std::string installed, candidate;
  bool known = false;
};

Available available(const std::string& package) {
  Available found;
  const auto value = [](const std::string& line) {
    const std::string text = line.substr(line.find(": ") + 2);
    return text == "(none)" ? std::string() : text;
  };
  for (const std::string& line :
       lines_of({"/usr/bin/env", "LC_ALL=C", "/usr/bin/apt-cache", "policy", "--", package})) {
    if (line.starts_with("  Installed: ")) {
      found.installed = value(line);
      found.known = true;
    } else if (line.starts_with("  Candidate: ")) {
      found.candidate = value(line);
    }
  }
  // apt has no candidate where a pin of ours is about the very version that is there, unconfigured.
  if (found.candidate.empty()) found.candidate = found.installed;
  return found;
}

// The installed packages that have the unit's file, or its template's, by dpkg's lists.
std::set<std::string> owners_of_unit(const std::string& unit) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:_.@-";
  // dpkg takes others for patterns.
  if (unit.find_first_not_of(kPlain) != std::string::npos) return {};
  const auto dot = unit.rfind('.');
  const auto at = unit.find('@');
  const std::string file = at < dot ? unit.substr(0, at + 1) + unit.substr(dot) : unit;
  std::vector<std::string> asking{"/usr/bin/env", "LC_ALL=C", "/usr/bin/dpkg-query", "-S", "--"};
  for (const char* folder : {"/usr/lib/systemd/system/", "/lib/systemd/system/"})
    asking.push_back(folder + file);
  if (file.ends_with(".service")) asking.push_back("/etc/init.d/" + file.substr(0, dot));
  std::set<std::string> owners;
  for (const std::string& line : lines_of(asking)) {
    for (const std::string& owner : owners_in(line)) owners.insert(name_alone(owner));
  }
  return owners;
}

class Telling {
 public:
  explicit Telling(const Rules& rules) : rules_(rules) {
    const auto words = lines_of({"/usr/bin/dpkg", "--print-architecture"});
    native_arch_ = words.empty() ? "" : words.front();
    for (const auto& [package, now] : packages_now(native_arch_)) {
      if (now.state.size() > 1 && now.state[1] != 'n' && now.state[1] != 'c') {
        installed_[name_alone(package)] = now.version;
        if (!now.config_version.empty()) configured_[{package, now.version}] = now.config_version;
      }
    }
  }

  bool package(const std::string& name, const std::vector<Considered>& tried, bool recorded) {
    if (!tried.empty()) {
      const auto tells = [this](const Considered& one) { return versions(one); };
      return std::count_if(tried.begin(), tried.end(), tells) > 0;
    }
    const Available now = available(name);
    const bool native = name.find(':') == std::string::npos;
    const std::string full = native ? name + ":" + native_arch_ : name;
    if (versions({full, now.installed, now.candidate}) || recorded || !now.known) {
      return !used_.empty();
    }
    std::cout << harmless(name) << ": nothing is recorded of it, and " << no_rule_names_it(rules_)
              << ".\n";
    return true;
  }

  bool unit(const std::string& name) {
    std::set<std::string> packages;
    bool any = false;
    for (const Rule& rule : rules_.rules) {
      if (!names(rule.services, name) && !names(rule.reload, name) && !names(rule.together, name)) {
        continue;
      }
      std::cout << (any ? "" : harmless(name) + " is named by\n") << "  " << short_name(rule)
                << " for";
      any = true;
      used_.insert(&rule);
      for (const std::string& pattern : rule.packages) {
        std::cout << " " << harmless(pattern);
        add_installed(pattern, packages);
      }
      std::cout << "\n";
      for (const DecisionLine& line : aptkeep::lines_of(rule)) {
        std::cout << "    " << in_short(line) << "\n";
      }
    }
    const auto owners = owners_of_unit(name);
    if (!any) {
      for (const std::string& owner : owners)
        std::cout << harmless(name) << " is of the package " << harmless(owner) << ".\n";
    }
    packages.insert(owners.begin(), owners.end());
    for (const std::string& one : packages) {
      package(one, {}, true);
    }
    return any || !owners.empty();
  }

  void sources() const {
    if (!used_.empty()) {
      std::cout << "Rules:\n" << with_sources(used_, "  ");
    }
  }

 private:
  static bool names(const RuleList<std::string>& list, const std::string& unit) {
    return std::any_of(list.entries.begin(), list.entries.end(), [&](const std::string& entry) {
      return entry == unit || glob_matches(entry, unit);
    });
  }

  void add_installed(const std::string& pattern, std::set<std::string>& packages) const {
    for (const auto& [name, version] : installed_) {
      if (glob_matches(pattern, name)) {
        packages.insert(name);
      }
    }
  }

  bool versions(const Considered& one) {
    auto step = step_of(one);
    // Of what was tried last, and of what comes next.
    for (const std::string& there : {one.new_version, one.old_version}) {
      const auto last = configured_.find({one.package, there});
      if (last != configured_.end() && last->second != one.old_version)
        step.config_version = last->second;
    }
    const RuleFacts facts{compare_versions, [&](std::string_view name) {
                            const auto then = one.with.find(std::string(name));
                            if (then != one.with.end()) return then->second;
                            const auto found = installed_.find(std::string(name));
                            return found == installed_.end() ? std::string() : found->second;
                          }};
    const StepDecisions decisions = decide(rules_.rules, step, facts);
    std::vector<const Rule*> others;
    for (const Rule& rule : rules_.rules) {
      const bool named =
          std::any_of(rule.packages.begin(), rule.packages.end(), [&](const std::string& pattern) {
            return glob_matches(pattern, name_alone(one.package));
          });
      const auto& applying = decisions.applying;
      if (named && std::find(applying.begin(), applying.end(), &rule) == applying.end()) {
        others.push_back(&rule);
      }
    }
    if (decisions.applying.empty() && others.empty()) {
      return false;
    }
    tell(step, decisions, others);
    return true;
  }

  static Step step_of(const Considered& one) {
    Step step;
    step.package = one.package;
    step.old_version = one.old_version;
    step.new_version = one.new_version;
    const int order = one.old_version.empty() || one.new_version.empty()
                          ? 0
                          : compare_versions(one.old_version, one.new_version);
    step.action = one.old_version.empty()   ? Action::Install
                  : one.new_version.empty() ? Action::Remove
                  : order < 0               ? Action::Upgrade
                  : order > 0               ? Action::Downgrade
                                            : Action::Reinstall;
    return step;
  }

  void tell_beaten(const std::vector<const Rule*>& rules, const char* field, const char* indent) {
    for (const Rule* rule : rules) {
      std::cout << indent << "beats " << in_one_line(said_in(*rule, field)) << " ["
                << short_name(*rule) << "]\n";
      used_.insert(rule);
    }
  }

  void tell(const Step& one, const StepDecisions& decisions,
            const std::vector<const Rule*>& others) {
    const bool both = !one.old_version.empty() && !one.new_version.empty();
    const bool moves = both && one.old_version != one.new_version;
    const std::string version = one.old_version.empty() ? one.new_version : one.old_version;
    std::cout << "What rules decide about " << name_of(one.package, native_arch_)
              << harmless(moves ? " from " + one.old_version + " to " + one.new_version
                                : (version.empty() ? "" : " ") + version)
              << (one.config_version.empty()
                      ? ""
                      : harmless(" (last configured at " + one.config_version + ")"))
              << ":\n";
    for (const DecisionLine& line : decision_lines(decisions)) {
      std::cout << "  " << in_short(line) << "\n";
      tell_beaten(line.beaten, line.field, "    ");
      if (!line.if_unmet) continue;
      std::cout << "    " << in_short(*line.if_unmet) << "\n";
      tell_beaten(line.if_unmet->beaten, "If-Unmet", "      ");
    }
    used_.insert(decisions.applying.begin(), decisions.applying.end());
    for (const Rule* rule : others) {
      std::cout << "  not about this: [" << short_name(*rule)
                << "], whose versions, architecture or When-Installed do not fit\n";
      used_.insert(rule);
    }
  }

  const Rules& rules_;
  std::string native_arch_;
  std::map<std::string, std::string> installed_;
  // By "name:arch" and the version that is there, which never was.
  std::map<std::pair<std::string, std::string>, std::string> configured_;
  std::set<const Rule*> used_;
};

}  // namespace

Rules rules_to_tell(const std::vector<std::string>& folders) {
  auto rules = try_known_rules(folders);
  // The story is worth telling without them.
  return rules ? std::move(*rules) : Rules{{}, {rules.error().message}, {}};
}

bool tell_rules(const std::string& about, const std::vector<Considered>& tried, const Rules& rules,
                bool recorded) {
  Telling telling(rules);
  const bool unit = is_unit(about);
  bool told = unit && telling.unit(about);
  // A unit's name could be a package's, and fits its patterns.
  const bool package = !unit || recorded || !tried.empty() || available(about).known;
  if (package && is_package_reference(about)) {
    told = telling.package(about, tried, recorded || told) || told;
  }
  telling.sources();
  std::cout << notes_of(rules);
  return told;
}

}  // namespace aptkeep::cli
