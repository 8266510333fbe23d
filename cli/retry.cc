// aptkeep retry [PKG...]: tries what is kept again, now.
#include <algorithm>
#include <iostream>
#include <optional>
#include <set>

#include "adapters/apt_cache.h"
#include "command.h"
#include "core/config.h"
#include "keeps.h"
#include "retry_apt.h"
#include "text.h"

namespace aptkeep::cli {
namespace {

using Command = std::vector<std::string>;

// What to run, by what each package needs now.
struct Work {
  Command configure{"/usr/bin/dpkg", "--configure"};
  Command reinstall{"/usr/bin/apt-get", "install", "--reinstall"};
  Command remove{"/usr/bin/apt-get", "remove"};
  Command purge{"/usr/bin/apt-get", "purge"};
  OneCall changes;                       // all else
  std::vector<aptkeep_keep> lift;        // before apt is called, which would heed their pins
  std::vector<aptkeep_keep> configured;  // to be lifted where dpkg configures them
  std::vector<aptkeep_keep> not_to_be_had;
};

// The failed ones that are meant, each with all that waits for it. Someone who names a waiting one
// means the one that it waits for too.
std::vector<aptkeep_keep> choose(const Kept& kept, const std::vector<std::string>& names) {
  std::set<std::string> roots;
  std::set<std::string> alone;
  for (const std::string& name : names) {
    const auto found = kept.named(name);
    if (found.empty()) {
      throw Failed("unable to retry " + harmless(name) + ": it is not kept back");
    }
    for (const aptkeep_keep& keep : found) {
      const aptkeep_keep* root = root_of(kept, keep);
      (root == nullptr ? alone : roots).insert(root == nullptr ? keep.package : root->package);
    }
  }
  std::vector<aptkeep_keep> chosen;
  for (const aptkeep_keep& keep : kept.keeps) {
    const aptkeep_keep* root = root_of(kept, keep);
    if (names.empty() || alone.contains(keep.package) ||
        (root != nullptr && roots.contains(root->package))) {
      chosen.push_back(keep);
    }
  }
  return chosen;
}

bool is_installed(const Now* now) {
  return now != nullptr && now->state.size() > 1 && now->state[1] != 'c' && now->state[1] != 'n';
}

// apt removes first what it purges, and may fail there. Nor does every frontend tell which of the
// two it means; dpkg's own word for a package that is to be purged is a p.
bool is_purge(const Kept& kept, const aptkeep_keep& keep, const Now* now) {
  return keep.phase == APTKEEP_PHASE_PURGE || kept.step(keep).action == APTKEEP_PURGE ||
         (now != nullptr && now->state.starts_with('p'));
}

// Those that apt does not have any more. Without its cache, apt-get itself will say.
std::set<std::string> lost_versions(const Kept& kept, const std::vector<aptkeep_keep>& chosen) {
  std::set<std::string> lost;
  std::optional<AptCache> cache;
  for (const aptkeep_keep& keep : chosen) {
    if (*keep.version == '\0' || kept.unfinished(keep) || is_reinstallation(keep)) continue;
    if (!cache) {
      auto opened = AptCache::open();
      if (!opened) return {};
      cache.emplace(std::move(*opened));
    }
    if (!cache->offers(keep.package, keep.version, !is_downgrade(keep))) lost.insert(keep.package);
  }
  return lost;
}

// Nothing is to be removed for what cannot be had, and what waits for it would not come either.
std::vector<aptkeep_keep> not_offered(const Kept& kept, const std::vector<aptkeep_keep>& chosen) {
  const auto lost = lost_versions(kept, chosen);
  std::vector<aptkeep_keep> found;
  for (const aptkeep_keep& keep : chosen) {
    const bool with_root = keep.failed == 0 && lost.contains(keep.root) && !kept.unfinished(keep);
    if (lost.contains(keep.package) || with_root) found.push_back(keep);
  }
  return found;
}

bool is_among(const std::vector<aptkeep_keep>& keeps, const aptkeep_keep& keep) {
  return std::any_of(keeps.begin(), keeps.end(), [&](const aptkeep_keep& other) {
    return std::string_view(other.package) == keep.package;
  });
}

// A removal is a call of its own only where nothing hangs on it.
void sort_out_removal(const Kept& kept, const aptkeep_keep& keep, Work& work) {
  const bool purge = is_purge(kept, keep, kept.find_now(keep));
  if (keep.failed != 0 && kept.waiting_for(keep).empty()) {
    (purge ? work.purge : work.remove).push_back(keep.package);
    return;
  }
  work.changes.purges = purge && (work.changes.removals.empty() || work.changes.purges);
  work.changes.removals.push_back(keep.package);
}

Work sort_out(const Kept& kept, const std::vector<aptkeep_keep>& chosen, bool yes) {
  Work work;
  for (Command* command : {&work.reinstall, &work.remove, &work.purge}) {
    if (yes) {
      command->push_back("--yes");
    }
    command->push_back("--");
  }
  work.configure.push_back("--");
  work.not_to_be_had = not_offered(kept, chosen);
  for (const aptkeep_keep& keep : chosen) {
    const Now* now = kept.find_now(keep);
    if (is_among(work.not_to_be_had, keep)) continue;
    if (kept.unfinished(keep)) {
      work.configure.push_back(now->name);
      work.configured.push_back(keep);
      continue;
    }
    if (*keep.version == '\0') {
      sort_out_removal(kept, keep, work);
    } else if (!is_installed(now)) {
      work.changes.newcomers.emplace_back(keep.package);
    } else if (is_reinstallation(keep)) {
      work.reinstall.push_back(keep.package);
    } else if (is_downgrade(keep)) {
      work.changes.downgrades.push_back(std::string(keep.package) + "=" + keep.version);
    } else {
      work.changes.upgrades.emplace_back(keep.package);
    }
    work.lift.push_back(keep);
  }
  return work;
}

bool has_operands(const Command& command) {
  return command.back() != "--";
}

void lift(const Kept& kept, const std::vector<aptkeep_keep>& keeps) {
  for (const aptkeep_keep& keep : keeps) {
    // dpkg's own hook may have been faster.
    const int lifted = aptkeep_state_lift(kept.state.get(), keep.package, "retry");
    if (lifted < 0 && lifted != APTKEEP_ENOENT) {
      throw Failed(aptkeep_error());
    }
  }
  if (!keeps.empty()) {
    write_pins(kept);
  }
}

bool went_well(const Command& command) {
  if (!has_operands(command)) {
    return true;
  }
  std::cout << "Running: " << typed(command) << std::endl;
  return run(command) == 0;
}

// "apt-get install" marks what it is given as installed by hand, so that autoremove never takes it;
// what was marked as installed for others' sake is to stay so.
bool changed_well(const Command& command) {
  if (!has_operands(command)) {
    return true;
  }
  Command show{"/usr/bin/apt-mark", "showauto", "--"};
  for (auto operand = std::find(command.begin(), command.end(), "--") + 1; operand != command.end();
       ++operand) {
    if (!operand->ends_with('-')) show.push_back(operand->substr(0, operand->find('=')));
  }
  Command mark{"/usr/bin/apt-mark", "-qq", "auto", "--"};
  // Without names apt-mark would show all there are.
  const auto automatic = has_operands(show) ? lines_of(show) : std::vector<std::string>{};
  mark.insert(mark.end(), automatic.begin(), automatic.end());
  const bool well = went_well(command);
  if (has_operands(mark)) {
    static_cast<void>(lines_of(mark));
  }
  return well;
}

// What was put back in vain may be whole by now, and dpkg still not want it.
void want_again(const Kept& kept, const std::vector<aptkeep_keep>& over) {
  Command command{paths::kDriver, "want-again"};
  for (const aptkeep_keep& keep : over) {
    const Now* now = kept.find_now(keep);
    if (now != nullptr && now->state.starts_with('u')) command.emplace_back(keep.package);
  }
  if (command.size() > 2 && run(command) != 0) {
    throw Failed("unable to have dpkg want again what it has configured");
  }
}

// A keep of a package that dpkg could not configure stays: nothing about it has changed.
void lift_configured(Kept& kept, const std::vector<aptkeep_keep>& tried) {
  kept.now = packages_now(kept.native_arch);
  std::vector<aptkeep_keep> over;
  std::copy_if(tried.begin(), tried.end(), std::back_inserter(over),
               [&](const aptkeep_keep& keep) { return !kept.unfinished(keep); });
  want_again(kept, over);
  lift(kept, over);
}

// What was lifted for apt-get, which then did nothing about it: it had no lock, or was told not to.
void tell_untried(Kept& kept, const std::vector<aptkeep_keep>& lifted) {
  kept.now = packages_now(kept.native_arch);
  const Kept after = read_kept({}, APTKEEP_READ);
  for (const aptkeep_keep& keep : lifted) {
    const Now* now = kept.find_now(keep);
    const bool there = is_installed(now);
    const bool as_before = there ? now->version == keep.old_version : *keep.old_version == '\0';
    if (as_before && after.named(keep.package).empty()) {
      std::cout << kept.name(keep) << " is no longer kept back, and was not tried.\n";
    }
  }
}

void tell_not_to_be_had(const Kept& kept, const std::vector<aptkeep_keep>& keeps) {
  for (const aptkeep_keep& keep : keeps) {
    const aptkeep_keep* root = root_of(kept, keep);
    const bool itself = root == nullptr || std::string_view(root->package) == keep.package;
    const aptkeep_keep& lost = itself || !is_among(keeps, *root) ? keep : *root;
    std::cout << kept.name(keep) << " stays kept back, and was not tried: " << kept.name(lost)
              << " " << lost.version << " is not offered any more.\n";
  }
}

}  // namespace

int retry(const std::vector<std::string>& packages, bool yes) {
  need_root(packages.empty() ? "retry" : "retry " + harmless(packages.front()));
  Kept kept = read_kept({}, APTKEEP_WRITE);
  const std::vector<aptkeep_keep> chosen = choose(kept, packages);
  if (chosen.empty()) {
    std::cout << "No package is kept back.\n";
    return kAllWell;
  }
  const Work work = sort_out(kept, chosen, yes);
  bool well = went_well(work.configure);
  lift_configured(kept, work.configured);
  lift(kept, work.lift);
  well = went_well(work.remove) && well;
  well = went_well(work.purge) && well;
  if (!work.changes.empty()) {
    well = changed_well(command_for(work.changes, kept.native_arch, yes)) && well;
  }
  well = changed_well(work.reinstall) && well;
  if (!well) {
    tell_untried(kept, work.lift);
  }
  tell_not_to_be_had(kept, work.not_to_be_had);
  return well && work.not_to_be_had.empty() ? kAllWell : kKept;
}

}  // namespace aptkeep::cli
