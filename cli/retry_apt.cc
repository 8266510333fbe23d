#include "retry_apt.h"

#include <algorithm>
#include <iostream>
#include <optional>

#include "adapters/apt_cache.h"
#include "adapters/apt_rules.h"
#include "adapters/apt_simulate.h"
#include "text.h"

namespace aptkeep::cli {
namespace {

void append(std::vector<std::string>& words, const std::vector<std::string>& more) {
  words.insert(words.end(), more.begin(), more.end());
}

AptArguments arguments_of(const OneCall& call) {
  AptArguments arguments;
  arguments.command = "install";
  if (call.newcomers.empty()) arguments.options.emplace_back("--only-upgrade");
  if (!call.downgrades.empty()) arguments.options.emplace_back("--allow-downgrades");
  if (call.purges) arguments.options.emplace_back("--purge");
  append(arguments.packages, call.upgrades);
  append(arguments.packages, call.downgrades);
  append(arguments.packages, call.newcomers);
  for (const std::string& package : call.removals) arguments.packages.push_back(package + "-");
  return arguments;
}

// What apt-get would do; nothing where it would refuse.
std::optional<std::vector<Step>> steps_of(const OneCall& call, const std::string& native_arch) {
  const auto simulation = simulate(arguments_of(call), native_arch, compare_versions);
  if (!simulation) return std::nullopt;
  std::vector<Step> steps;
  for (const SimulatedStep& one : simulation->steps) steps.push_back(one.step);
  return steps;
}

std::vector<std::string> removed_beside(const std::vector<Step>& steps,
                                        const std::vector<std::string>& agreed) {
  std::vector<std::string> removed;
  for (const Step& step : steps) {
    const bool is_agreed = std::find(agreed.begin(), agreed.end(), step.package) != agreed.end();
    if (step.new_version.empty() && !is_agreed) removed.push_back(step.package);
  }
  return removed;
}

std::string names_of(const std::vector<std::string>& packages, const std::string& native_arch) {
  std::string names;
  for (const std::string& package : packages) {
    names += (names.empty() ? " " : ", ") + name_of(package, native_arch);
  }
  return names;
}

// Named are only those that do not come by themselves.
void leave_out_what_comes_anyway(OneCall& call, const std::string& native_arch) {
  if (call.newcomers.empty() || (call.upgrades.empty() && call.downgrades.empty())) return;
  OneCall without = call;
  without.newcomers.clear();
  without.removals.clear();  // what is to come in their place is wanted for itself
  const auto steps = steps_of(without, native_arch);
  if (!steps) return;
  std::erase_if(call.newcomers, [&](const std::string& package) {
    return std::any_of(steps->begin(), steps->end(), [&](const Step& step) {
      return step.package == package && !step.new_version.empty();
    });
  });
}

std::vector<std::string> typed_out(const OneCall& call, bool yes) {
  const AptArguments arguments = arguments_of(call);
  std::vector<std::string> command{"/usr/bin/apt-get", arguments.command};
  append(command, arguments.options);
  if (yes) command.emplace_back("--yes");
  command.emplace_back("--");
  append(command, arguments.packages);
  return command;
}

}  // namespace

std::vector<std::string> command_for(const OneCall& wanted, const std::string& native_arch,
                                     bool yes) {
  OneCall call = wanted;
  if (!call.removals.empty()) {
    const auto steps = steps_of(call, native_arch);
    const auto more = steps ? removed_beside(*steps, wanted.removals) : std::vector<std::string>{};
    if (!steps || !more.empty()) {
      std::cout << "Removals that waited are left to apt-get: "
                << (steps ? "they would take" + names_of(more, native_arch) + " along"
                          : "it does not do them with the rest")
                << "." << std::endl;
      call.removals.clear();
      call.purges = false;
    }
  }
  leave_out_what_comes_anyway(call, native_arch);
  if (!yes) return typed_out(call, false);
  const auto steps = steps_of(call, native_arch);
  const auto more = steps ? removed_beside(*steps, wanted.removals) : std::vector<std::string>{};
  if (!more.empty()) {
    std::cout << "This would also remove" << names_of(more, native_arch)
              << ", which did not wait for it: apt-get asks." << std::endl;
  }
  return typed_out(call, more.empty());
}

}  // namespace aptkeep::cli
