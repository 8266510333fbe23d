#include "core/unit.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <set>

namespace aptkeep {
namespace {

constexpr std::array<std::string_view, 5> kSuffixes = {".service", ".socket", ".path", ".timer",
                                                       ".target"};
constexpr std::array<std::string_view, 3> kFolders = {
    "/lib/systemd/system/", "/usr/lib/systemd/system/", "/etc/systemd/system/"};
constexpr std::string_view kInit = "/etc/init.d/";
constexpr std::pair<PutOff::Kind, std::string_view> kKinds[] = {
    {PutOff::Kind::Restart, "restart"}, {PutOff::Kind::Reboot, "reboot"},
    {PutOff::Kind::Failed, "failed"},   {PutOff::Kind::Users, "users"},
    {PutOff::Kind::Listed, "listed"},   {PutOff::Kind::Left, "left"},
};

bool has_suffix(std::string_view unit) {
  return std::any_of(kSuffixes.begin(), kSuffixes.end(),
                     [&](std::string_view suffix) { return unit.ends_with(suffix); });
}

// systemctl(1) quotes a name with a backslash in it, as systemd.unit(5) escapes them: "a\\x2db".
std::string unquoted(std::string_view word) {
  if (word.size() < 2 || !word.starts_with('"') || !word.ends_with('"')) return std::string(word);
  std::string plain;
  for (std::size_t i = 1; i + 1 < word.size(); ++i) {
    if (word[i] == '\\' && i + 2 < word.size()) ++i;
    plain += word[i];
  }
  return plain;
}

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const auto end = std::min(text.find(' '), text.size());
    if (end > 0) words.push_back(unquoted(text.substr(0, end)));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return words;
}

// "/run/x (Stream)" in each line.
void add_listeners(UnitFacts& facts, std::string_view lines) {
  while (!lines.empty()) {
    const auto end = std::min(lines.find('\n'), lines.size());
    const std::string_view line = lines.substr(0, end);
    lines.remove_prefix(std::min(end + 1, lines.size()));
    const auto open = line.rfind(" (");
    if (open == std::string_view::npos || !line.ends_with(')')) continue;
    const std::string_view type = line.substr(open + 2, line.size() - open - 3);
    facts.listens.push_back(std::string(type) + " " + std::string(line.substr(0, open)));
  }
}

const UnitFacts* find(const std::map<std::string, UnitFacts>& now, const std::string& unit) {
  const auto found = now.find(unit);
  return found == now.end() ? nullptr : &found->second;
}

// Who leaves when nobody needs it comes when somebody does: by its socket, or by its name on the
// bus.
bool comes_by_itself(const UnitFacts& unit, const std::map<std::string, UnitFacts>& now) {
  if (unit.file_state == "enabled" || unit.active_state == "failed") return false;
  if (unit.type == "dbus" && unit.file_state == "static") return true;
  return std::any_of(unit.triggered_by.begin(), unit.triggered_by.end(),
                     [&](const std::string& trigger) {
                       const UnitFacts* facts = find(now, trigger);
                       return facts != nullptr && facts->is_up();
                     });
}

UnitDecision leave(const UnitRecord& record) {
  return {record.name, UnitWish::Leave, "", ""};
}

UnitDecision tell(const UnitRecord& record, std::string reason) {
  return {record.name, UnitWish::Tell, std::move(reason), ""};
}

// What else was to run of its package, and is there.
std::vector<const UnitFacts*> siblings(const UnitRecord& record,
                                       const std::vector<UnitRecord>& before,
                                       const std::map<std::string, UnitFacts>& now) {
  std::vector<const UnitFacts*> found;
  for (const UnitRecord& other : before) {
    const bool sibling = other.wanted && other.name != record.name && !record.package.empty() &&
                         other.package == record.package;
    const UnitFacts* facts = sibling ? find(now, other.name) : nullptr;
    if (facts != nullptr) found.push_back(facts);
  }
  return found;
}

UnitDecision decide(const UnitRecord& record, const UnitFacts* unit,
                    const std::map<std::string, UnitFacts>& now, Standing standing) {
  if (unit == nullptr || unit->is_up()) return leave(record);
  const bool own = !record.package.empty();
  if (own && standing == Standing::Gone) return leave(record);
  const bool had_failed = record.state.starts_with("failed");
  // Nothing has changed that could make it work now.
  if (had_failed && (!own || standing != Standing::Upgraded)) return leave(record);
  if (unit->load_state == "masked") return tell(record, "it is masked now");
  if (own && standing == Standing::Unfinished) return tell(record, std::string(kNotConfigured));
  if (unit->load_state != "loaded") {
    return own ? tell(record, "its package has no such unit any more") : leave(record);
  }
  if (comes_by_itself(*unit, now)) return leave(record);
  return {record.name, UnitWish::Start, "it was " + record.state, ""};
}

}  // namespace

bool UnitFacts::is_up() const {
  return active_state == "active" || active_state == "reloading" || active_state == "refreshing" ||
         (active_state == "activating" && !sub_state.starts_with("auto-restart"));
}

std::string unit_of_path(std::string_view path) {
  if (path.starts_with(kInit)) {
    const std::string_view name = path.substr(kInit.size());
    const bool script = !name.empty() && name.find_first_of("/.") == std::string_view::npos;
    return script ? std::string(name) + ".service" : "";
  }
  for (const std::string_view folder : kFolders) {
    if (!path.starts_with(folder)) continue;
    const std::string_view name = path.substr(folder.size());
    if (name.find('/') == std::string_view::npos && has_suffix(name)) return std::string(name);
  }
  return "";
}

std::vector<std::string> units_of_paths(const std::vector<std::string>& paths) {
  std::set<std::string> units;
  for (const std::string& path : paths) units.insert(unit_of_path(path));
  units.erase("");
  return {units.begin(), units.end()};
}

bool is_instance_or_same(std::string_view unit, std::string_view file) {
  if (unit == file) return true;
  const auto at = file.find("@.");
  if (at == std::string_view::npos) return false;
  const std::string_view suffix = file.substr(at + 1);
  return unit.size() > file.size() && unit.starts_with(file.substr(0, at + 1)) &&
         unit.ends_with(suffix);
}

bool is_displaced(const UnitFacts& unit, const std::vector<const UnitFacts*>& others) {
  const auto names = [](const UnitFacts& one, const UnitFacts& other) {
    return std::find(one.conflicts.begin(), one.conflicts.end(), other.name) != one.conflicts.end();
  };
  return std::any_of(others.begin(), others.end(), [&](const UnitFacts* other) {
    return other->load_state == "loaded" && names(*other, unit) && !names(unit, *other);
  });
}

bool is_trigger(std::string_view unit) {
  return unit.ends_with(".socket") || unit.ends_with(".path") || unit.ends_with(".timer");
}

bool is_service_or_trigger(std::string_view unit) {
  return unit.ends_with(".service") || is_trigger(unit);
}

bool is_wanted(const UnitFacts& facts) {
  if (facts.type == "oneshot" && !facts.remains) return false;
  return facts.is_up() || facts.active_state == "failed" || facts.active_state == "activating";
}

std::string state_text(const UnitFacts& facts) {
  return facts.active_state + " (" + facts.sub_state + ")";
}

std::vector<UnitDecision> decide_units(
    const std::vector<UnitRecord>& before, const std::map<std::string, UnitFacts>& now,
    const std::function<Standing(const std::string& package)>& standing,
    const std::map<std::string, std::vector<std::string>>& new_units) {
  std::vector<UnitDecision> decisions;
  std::set<std::string> chosen;
  for (const UnitRecord& record : before) {
    if (!record.wanted) continue;
    const Standing its = record.package.empty() ? Standing::Unchanged : standing(record.package);
    const UnitFacts* unit = find(now, record.name);
    UnitDecision decision = decide(record, unit, now, its);
    // postfix@-.service is another instance's since postfix.service has the first one's processes.
    if (decision.wish == UnitWish::Start && is_displaced(*unit, siblings(record, before, now)))
      decision = leave(record);
    const auto heirs = new_units.find(record.package);
    const bool vanished = decision.wish == UnitWish::Tell && unit->load_state != "loaded" &&
                          unit->load_state != "masked" && its == Standing::Upgraded;
    if (vanished && heirs != new_units.end()) {
      // Renamed, or split: what is enabled has its place, of the same kind if there is one.
      for (const std::string& heir : heirs->second) {
        const UnitFacts* facts = find(now, heir);
        if (facts == nullptr || facts->file_state != "enabled") continue;
        decision = leave(record);
        if (!facts->is_up() && facts->load_state == "loaded" && chosen.insert(heir).second) {
          decisions.push_back(
              {heir, UnitWish::Start, "it takes the place of " + record.name, record.name});
        }
      }
    }
    decisions.push_back(std::move(decision));
  }
  return decisions;
}

std::string to_line(const PutOff& one) {
  std::string line;
  for (const auto& [kind, word] : kKinds) {
    if (one.kind == kind) line = word;
  }
  return line + " " + one.unit + " " + one.package + "\n";
}

std::vector<PutOff> parse_put_off(std::string_view text) {
  std::vector<PutOff> all;
  std::set<std::vector<std::string>> known;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto words = words_of(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (words.size() != 3 || !known.insert(words).second) continue;
    for (const auto& [kind, word] : kKinds) {
      if (word == words[0]) all.push_back({kind, words[1], words[2]});
    }
  }
  return all;
}

std::vector<PutOff> still_put_off(const std::vector<UnitRecord>& records) {
  std::vector<PutOff> left;
  for (const UnitRecord& record : records) {
    const std::string package = record.package.empty() ? std::string(kNoPackage) : record.package;
    if (record.trouble == kUntilReboot)
      left.push_back({PutOff::Kind::Reboot, record.name, package});
    if (record.trouble == kLeftAlone) left.push_back({PutOff::Kind::Left, record.name, package});
    if (record.trouble.starts_with(kNotRestarted))
      left.push_back({PutOff::Kind::Restart, record.name, package});
  }
  return left;
}

void set_property(UnitFacts& facts, std::string_view name, std::string_view value) {
  if (name == "Id") facts.name = value;
  if (name == "LoadState") facts.load_state = value;
  if (name == "ActiveState") facts.active_state = value;
  if (name == "SubState") facts.sub_state = value;
  if (name == "UnitFileState") facts.file_state = value;
  if (name == "Type") facts.type = value;
  if (name == "RemainAfterExit") facts.remains = value == "yes";
  if (name == "NeedDaemonReload") facts.needs_reload = value == "yes";
  if (name == "Triggers") facts.triggers = words_of(value);
  if (name == "TriggeredBy") facts.triggered_by = words_of(value);
  if (name == "InactiveExitTimestamp" && value.starts_with('@')) {
    value.remove_prefix(1);
    (void)std::from_chars(value.data(), value.data() + value.size(), facts.up_since);
  }
  if (name == "InactiveExitTimestampMonotonic")
    (void)std::from_chars(value.data(), value.data() + value.size(), facts.start_mark);
  if (name == "RefuseManualStop") facts.refuses_stop = value == "yes";
  if (name == "CanReload") facts.can_reload = value == "yes";
  if (name == "Conflicts") facts.conflicts = words_of(value);
  if (name == "Listen") add_listeners(facts, value);
  if (name == "Accept") facts.accepts = value == "yes";
  if (name == "DropInPaths") facts.drop_ins = words_of(value);
  if (name == "NRestarts")
    (void)std::from_chars(value.data(), value.data() + value.size(), facts.restarts);
  for (const std::string_view relation :
       {"RequiredBy", "BoundBy", "ConsistsOf", "Requires", "BindsTo", "PartOf"}) {
    if (name != relation) continue;
    const bool above = name == "Requires" || name == "BindsTo" || name == "PartOf";
    for (std::string& word : words_of(value)) {
      if (above) facts.goes_with.push_back(word);
      facts.related.push_back(std::move(word));
    }
  }
}

std::vector<std::string> show_arguments(const std::vector<std::string>& names) {
  std::vector<std::string> args = {"show", "--no-pager", "--timestamp=unix",
                                   "--property=" + std::string(kUnitProperties), "--"};
  args.insert(args.end(), names.begin(), names.end());
  return args;
}

std::vector<UnitFacts> parse_show(std::string_view text) {
  std::vector<UnitFacts> units;
  UnitFacts unit;
  bool begun = false;
  const auto end_unit = [&] {
    if (begun) units.push_back(std::move(unit));
    unit = UnitFacts{};
    begun = false;
  };
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const auto equals = line.find('=');
    if (line.empty()) end_unit();
    if (equals == std::string_view::npos) continue;
    begun = true;
    set_property(unit, line.substr(0, equals), line.substr(equals + 1));
  }
  end_unit();
  return units;
}

bool is_wanted_down(const UnitRecord& record, const UnitFacts& now) {
  return now.load_state != "loaded" ||
         (now.file_state == "disabled" && record.file_state != "disabled");
}

bool is_trouble_over(const UnitRecord& record, const UnitFacts& now, std::int64_t ended) {
  if (now.is_up()) return now.up_since >= ended && !record.trouble.starts_with(kUnwell);
  // A job that is not up between its turns.
  const bool went_well = now.type == "oneshot" && !now.remains && now.active_state == "inactive";
  return is_wanted_down(record, now) || went_well;
}

bool is_told_by(const std::vector<UnitRecord>& units, const std::string& reason) {
  return std::ranges::any_of(units, [&](const UnitRecord& unit) {
    return unit.trouble.starts_with(kStaysDown) && unit.trouble.substr(kStaysDown.size()) == reason;
  });
}

}  // namespace aptkeep
