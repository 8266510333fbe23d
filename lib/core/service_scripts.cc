// read_scripts(): which services maintainer scripts stop, restart and start.
#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "core/service_class.h"
#include "core/shell_run.h"

namespace aptkeep {
namespace {

using shell::Argument;
using shell::Truth;
using Words = std::vector<Argument>;

constexpr std::size_t kMostUnits = 1000;

enum class Verb { Other, Stop, Restart, Start };

constexpr std::array<std::string_view, 8> kRestarts = {
    "restart",           "try-restart",  "condrestart",           "force-restart",
    "reload-or-restart", "force-reload", "try-reload-or-restart", "full-restart"};

Verb verb_of(std::string_view word) {
  if (word == "stop") return Verb::Stop;
  if (word == "start") return Verb::Start;
  const bool restart = std::find(kRestarts.begin(), kRestarts.end(), word) != kRestarts.end();
  return restart ? Verb::Restart : Verb::Other;
}

bool is_known(std::string_view text) {
  return text.find_first_of("\x01\x02") == std::string_view::npos;
}

std::string_view base_name(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

// As systemctl(1) takes names: a service where no kind is said, but for patterns.
std::string unit_name(std::string_view word) {
  static constexpr std::array<std::string_view, 9> kKinds = {
      ".service", ".socket", ".path", ".timer", ".target", ".mount", ".slice", ".scope", ".swap"};
  const bool kind = std::any_of(kKinds.begin(), kKinds.end(),
                                [&](std::string_view suffix) { return word.ends_with(suffix); });
  const bool pattern = word.find_first_of("*?[") != std::string_view::npos;
  return std::string(word) + (kind || pattern ? "" : ".service");
}

bool is_unit_name(std::string_view word) {
  static constexpr std::string_view kSigns = "@:-_.\\*?[]!";
  return !word.empty() && word.front() != '-' && word.size() < 256 &&
         std::all_of(word.begin(), word.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  kSigns.find(c) != std::string_view::npos;
         });
}

// What a command does with services.
struct Request {
  std::string tool;
  std::vector<std::string> verbs;
  std::vector<std::string> units;
  bool init_only = false;
};

void add_units(Request& request, const Argument& word) {
  for (const std::string& value : word) {
    std::string_view rest = value;
    while (!rest.empty()) {
      const auto end = std::min(rest.find_first_of(" \t\n"), rest.size());
      const std::string_view name = rest.substr(0, end);
      rest.remove_prefix(std::min(end + 1, rest.size()));
      if (is_known(name) && is_unit_name(name)) request.units.push_back(unit_name(name));
    }
  }
}

bool is_option(const Argument& word) {
  return word.size() == 1 && word[0].starts_with('-');
}

// deb-systemd-invoke and systemctl: options, a verb, units.
Request systemds_request(std::string tool, const Words& words, std::size_t at) {
  static constexpr std::array<std::string_view, 14> kWithValue = {
      "-s", "-t",       "-p",     "-P",         "-H",     "-M",        "-n",
      "-o", "--signal", "--type", "--property", "--host", "--machine", "--root"};
  Request request;
  request.tool = std::move(tool);
  for (; at < words.size(); ++at) {
    if (!is_option(words[at])) {
      if (request.verbs.empty()) {
        request.verbs = words[at];
      } else {
        add_units(request, words[at]);
      }
      continue;
    }
    if (words[at][0] == "--user") return {};  // the managers of people, not the system's
    if (std::find(kWithValue.begin(), kWithValue.end(), words[at][0]) != kWithValue.end()) ++at;
  }
  return request;
}

// invoke-rc.d, service: options, a name, a verb. With --allow-activation it is not to be down:
// whoever asks next gets it again.
Request init_request(std::string tool, const Words& words, std::size_t at) {
  const bool soft = std::ranges::any_of(
      words, [](const auto& word) { return !word.empty() && word[0] == "--allow-activation"; });
  if (soft) return {};
  Request request;
  request.tool = std::move(tool);
  for (; at < words.size() && is_option(words[at]); ++at)
    request.init_only = request.init_only || words[at][0] == "--skip-systemd-native";
  if (at + 1 >= words.size()) return {};
  add_units(request, words[at]);
  request.verbs = words[at + 1];
  return request;
}

Request request_of(const Words& words) {
  std::size_t at = 0;
  const auto is = [&](std::string_view text) {
    return at < words.size() && words[at].size() == 1 && words[at][0] == text;
  };
  for (;;) {
    if (is("command") || is("exec") || is("nohup") || is("env") || is("nice") || is("eval")) {
      ++at;
    } else if (is("timeout")) {  // its options, and how long
      do {
        ++at;
      } while (at < words.size() && words[at].size() == 1 &&
               words[at][0].find_first_of("-0123456789") == 0);
    } else {
      break;
    }
  }
  if (at >= words.size() || words[at].size() != 1 || !is_known(words[at][0])) return {};
  const std::string program = words[at][0];
  const std::string name(base_name(program));
  if (program.starts_with("/etc/init.d/") && at + 1 < words.size()) {
    Request request;
    request.tool = program;
    add_units(request, {name});
    request.verbs = words[at + 1];
    return request;
  }
  if (name == "deb-systemd-invoke" || name == "systemctl")
    return systemds_request(name, words, at + 1);
  if (name == "invoke-rc.d" || name == "service") return init_request(name, words, at + 1);
  return {};
}

std::string plain_name(const std::string& unit) {
  return unit.ends_with(".service") ? unit.substr(0, unit.rfind('.')) : unit;
}

// The command, as if it were for this unit alone.
std::string told(const Request& request, const std::string& verb, const std::string& unit) {
  if (request.tool.starts_with('/')) return request.tool + " " + verb;
  const bool systemds = request.tool == "deb-systemd-invoke" || request.tool == "systemctl";
  return request.tool + (systemds ? " " + verb + " " + unit : " " + plain_name(unit) + " " + verb);
}

// Of one script, called in one way.
struct Found {
  ScriptActions actions;
  bool postinst_stops = false;
};
using FoundUnits = std::map<std::string, Found>;

class Reading {
 public:
  Reading(std::string label, bool before, FoundUnits& found)
      : label_(std::move(label)), before_(before), found_(found) {}

  Truth note(const Words& words) {
    const Request request = request_of(words);
    for (const std::string& verb : request.verbs) {
      const Verb known = verb_of(verb);
      if (known == Verb::Other) continue;
      if (found_.size() > kMostUnits) return Truth::Maybe;
      for (const std::string& unit : request.units) {
        const bool init = request.init_only && unit.ends_with(".service");
        const std::string key = init ? "/etc/init.d/" + plain_name(unit) : unit;
        add(found_[key], known, label_ + ": " + told(request, verb, unit));
      }
    }
    return Truth::Maybe;
  }

 private:
  // What decides is told: a stop, else a restart, else a start.
  void add(Found& found, Verb verb, const std::string& where) {
    ScriptActions& actions = found.actions;
    const auto set = [&](bool& flag, bool decides) {
      if (!flag && decides) actions.where = where;
      flag = true;
    };
    if (before_) {
      if (verb == Verb::Stop) set(actions.stops, true);
      return;
    }
    if (verb == Verb::Restart) set(actions.restarts, !actions.stops);
    if (verb == Verb::Start) set(actions.starts, !actions.stops && !actions.restarts);
    if (verb == Verb::Stop) found.postinst_stops = true;
    // Stopped and started by hand is restarted.
    if (found.postinst_stops && actions.starts) actions.restarts = true;
  }

  std::string label_;
  bool before_;
  FoundUnits& found_;
};

bool is_shell(std::string_view text) {
  if (!text.starts_with("#!")) return false;
  const std::string_view first = text.substr(0, text.find('\n'));
  const std::string_view program = first.substr(0, first.find(' ', 3));
  const auto name = base_name(program);
  return name == "sh" || name == "dash" || name == "bash" || first.find("env sh") != first.npos ||
         first.find("env bash") != first.npos || name.empty();
}

void read_one(const std::string& text, const std::string& script,
              const std::vector<std::string>& arguments, const CompareVersions& compare,
              FoundUnits& found) {
  if (!is_shell(text)) return;
  const auto list = shell::parse(text);
  if (!list) return;
  const shell::Circumstances circumstances{
      arguments,
      {{"DPKG_ROOT", ""}, {"DPKG_MAINTSCRIPT_NAME", script}},
      {"/run/systemd/system", "/run/systemd/system/", "/run/systemd", "/sys/fs/cgroup/systemd",
       "/usr/bin/systemctl", "/bin/systemctl"},
      {},
      compare};
  FoundUnits added = found;
  const std::string label = arguments[0] == "triggered" ? "postinst for a trigger" : script;
  Reading reading(label, script != "postinst", added);
  const bool followed =
      shell::run(*list, circumstances, [&](const Words& words) { return reading.note(words); });
  if (followed) found = std::move(added);
}

}  // namespace

std::map<std::string, ScriptActions> read_scripts(const MaintainerScripts& scripts) {
  const auto known = [](const std::string& version) {
    return version.empty() ? std::string(1, shell::kSome) : version;
  };
  const std::string before = known(scripts.old_version);
  const std::string after = known(scripts.new_version);
  const CompareVersions& compare = scripts.compare;
  FoundUnits found;
  read_one(scripts.preinst, "preinst", {"upgrade", before, after}, compare, found);
  read_one(scripts.prerm, "prerm", {"upgrade", after}, compare, found);
  read_one(scripts.postinst, "postinst", {"configure", before}, compare, found);
  read_one(scripts.postinst, "postinst", {"triggered", "\x02"}, compare, found);
  std::map<std::string, ScriptActions> units;
  for (auto& [unit, its] : found) {
    const ScriptActions& actions = its.actions;
    if (actions.stops || actions.restarts || actions.starts) units.emplace(unit, its.actions);
  }
  return units;
}

}  // namespace aptkeep
