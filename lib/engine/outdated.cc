#include "engine/outdated.h"

#include <fnmatch.h>

#include <algorithm>
#include <optional>

#include "core/rule_text.h"

namespace aptkeep {
namespace {

std::string_view next_word(std::string_view& rest) {
  const auto end = std::min(rest.find(' '), rest.size());
  const std::string_view word = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return word;
}

// False: no line that is understood.
bool take_line(std::string_view line, Outdated& found) {
  const std::string_view what = next_word(line);
  const std::string rest(line);
  if (rest.empty()) return false;
  if (what == "mode") {
    found.mode = rest == "a"   ? Outdated::Mode::Restart
                 : rest == "i" ? Outdated::Mode::Ask
                               : Outdated::Mode::List;
  } else if (what == "restart") {
    found.units.push_back(rest);
  } else if (what == "left") {
    found.left.push_back(rest);
  } else if (what == "other") {
    found.other.push_back(rest);
  } else if (what == "special") {
    const std::string name(next_word(line));
    if (!line.starts_with('/')) return false;
    found.special.push_back({name, std::string(line)});
  } else {
    return false;
  }
  return true;
}

bool about_any_version(const Rule& rule) {
  return rule.upgrade_from.empty() && rule.upgrade_to.empty() && rule.when_installed.empty();
}

template <typename T>
void add(const RuleList<T>& list, std::vector<std::string>& texts) {
  if (list.none) texts.clear();
  for (const T& entry : list.entries) texts.push_back(to_string(entry));
}

struct Words {
  bool never = false;
  std::vector<std::string> checks;
  std::vector<std::string> probes;
};

Words words_about(const std::vector<Rule>& rules, const std::string& unit) {
  Words words;
  for (const Rule& rule : rules) {
    const bool about = std::ranges::any_of(rule.services.entries, [&](const std::string& pattern) {
      return ::fnmatch(pattern.c_str(), unit.c_str(), FNM_NOESCAPE) == 0;
    });
    if (!about || !about_any_version(rule)) continue;
    if (rule.service_class) words.never = *rule.service_class == ServiceClass::Never;
    add(rule.check_config, words.checks);
    add(rule.probe, words.probes);
  }
  return words;
}

class Planning {
 public:
  Planning(const Outdated& found, const std::map<std::string, UnitFacts>& now,
           const std::vector<Rule>& rules, bool release_upgrade)
      : found_(found), now_(now), rules_(rules), release_upgrade_(release_upgrade) {}

  OutdatedPlan plan() {
    const bool restarts = found_.mode == Outdated::Mode::Restart;
    const auto kind = restarts ? PutOff::Kind::Restart : PutOff::Kind::Listed;
    for (const std::string& unit : found_.units) take(unit, kind);
    for (const std::string& unit : found_.left) take(unit, PutOff::Kind::Left);
    for (const Outdated::Special& special : found_.special) {
      const bool unit = now_.contains(special.name) && now_.at(special.name).is_up();
      const bool runs = restarts && !waits(special.name);
      if (runs) plan_.programs.push_back(special.program);
      if (unit && !runs) take(special.name, PutOff::Kind::Left);
    }
    return std::move(plan_);
  }

 private:
  // For the next boot.
  bool waits(const std::string& unit) const {
    return release_upgrade_ || words_about(rules_, unit).never;
  }

  void take(const std::string& unit, PutOff::Kind kind) {
    const auto found = now_.find(unit);
    // What ends by itself has ended, or is at work.
    if (found == now_.end() || !found->second.is_up() || !is_wanted(found->second)) return;
    const Words words = words_about(rules_, unit);
    plan_.records.push_back(
        {unit, "", state_text(found->second), true, "", "", words.checks, words.probes});
    if (waits(unit)) kind = PutOff::Kind::Reboot;
    plan_.put_off.push_back({kind, unit, std::string(kNoPackage)});
  }

  const Outdated& found_;
  const std::map<std::string, UnitFacts>& now_;
  const std::vector<Rule>& rules_;
  bool release_upgrade_;
  OutdatedPlan plan_;
};

}  // namespace

Result<Outdated> parse_outdated(std::string_view text) {
  Outdated found;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line == "end") return found;
    if (!take_line(line, found)) break;
  }
  return Error{"unable to read what needrestart finds"};
}

OutdatedPlan plan_outdated(const Outdated& found, const std::map<std::string, UnitFacts>& now,
                           const std::vector<Rule>& rules, bool release_upgrade) {
  return Planning(found, now, rules, release_upgrade).plan();
}

}  // namespace aptkeep
