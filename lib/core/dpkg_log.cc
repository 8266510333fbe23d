#include "core/dpkg_log.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>

namespace aptkeep {
namespace {

// DATE TIME ACTION PACKAGE OLD NEW
std::optional<std::array<std::string_view, 6>> six_words(std::string_view line) {
  std::array<std::string_view, 6> words;
  std::size_t count = 0;
  while (!line.empty()) {
    const auto space = line.find(' ');
    if (count == words.size()) return std::nullopt;
    words[count++] = line.substr(0, space);
    if (space == std::string_view::npos) break;
    line.remove_prefix(space + 1);
  }
  if (count != words.size()) return std::nullopt;
  return words;
}

std::string slot_name(std::string_view package, std::string_view native_arch) {
  std::string name(package);
  const auto colon = name.find(':');
  if (colon == std::string::npos) return name + ":" + std::string(native_arch);
  if (name.substr(colon) == ":all") return name.substr(0, colon + 1) + std::string(native_arch);
  return name;
}

std::string version_or_none(std::string_view word) {
  return word == "<none>" ? std::string() : std::string(word);
}

std::optional<Step> step_of(const std::array<std::string_view, 6>& words,
                            std::string_view native_arch) {
  Step step;
  step.package = slot_name(words[3], native_arch);
  step.old_version = version_or_none(words[4]);
  step.new_version = version_or_none(words[5]);
  const std::string_view action = words[2];
  if (action == "install") {
    // A package of which only conffiles are left is "installed" over its old version.
    step.action = Action::Install;
    step.old_version.clear();
  } else if (action == "upgrade") {
    step.action = step.old_version == step.new_version ? Action::Reinstall : Action::Upgrade;
  } else if (action == "remove" || action == "purge") {
    step.action = action == "remove" ? Action::Remove : Action::Purge;
    step.new_version.clear();
  } else if (action == "configure") {
    step.action = Action::Configure;
    step.new_version = step.old_version;
  } else {
    return std::nullopt;
  }
  return step;
}

}  // namespace

std::vector<Step> steps_from_dpkg_log(std::string_view log, std::string_view native_arch) {
  std::vector<Step> steps;
  while (!log.empty()) {
    const auto end = log.find('\n');
    if (end == std::string_view::npos) break;
    const auto words = six_words(log.substr(0, end));
    log.remove_prefix(end + 1);
    if (!words) continue;
    const auto step = step_of(*words, native_arch);
    if (!step) continue;
    const auto same = [&](const Step& other) { return other.package == step->package; };
    const auto before = std::find_if(steps.begin(), steps.end(), same);
    if (before == steps.end()) {
      steps.push_back(*step);
    } else if (before->action == Action::Remove && step->action == Action::Purge) {
      before->action = Action::Purge;  // dpkg removes first what it purges
    }
  }
  return steps;
}

}  // namespace aptkeep
