// `driver resume [--boot]`: finishes or undoes a run that has no end, and reports it as cut off.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <fstream>

#include "adapters/proc.h"
#include "adapters/run_lock.h"
#include "adapters/run_tools.h"
#include "adapters/selections.h"
#include "adapters/snapshot_fs.h"
#include "adapters/spawn.h"
#include "core/config.h"
#include "engine/session.h"
#include "subcommands.h"

namespace aptkeep {
namespace {

// A run that takes the machine down each time it is gone on with must not do so at each boot.
// Counts how often that was begun for this plan; who cannot count it begins all the same, once.
constexpr int kMostBoots = 2;
constexpr const char* kBoots = "boots";

bool may_resume_at_boot(std::int64_t plan) {
  std::int64_t counted = 0;
  int boots = 0;
  std::ifstream(std::string(paths::kStateDir) + "/" + kBoots) >> counted >> boots;
  if (counted != plan) boots = 0;
  if (boots >= kMostBoots) return false;
  const snapshot::Fd folder(::open(paths::kStateDir, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const std::string text = std::to_string(plan) + " " + std::to_string(boots + 1) + "\n";
  const Status written = snapshot::write_file(folder.get(), kBoots, text, snapshot::Sync::Now);
  if (!written) complain(written.error().message);
  return true;
}

// As long as a dpkg call of a large upgrade may take that a killed frontend has left behind.
constexpr int kPatience = 3600;

}  // namespace

bool end_untouched(Store& store, OpenPlan& open) {
  RealDatabase database;
  const auto db = database.read();
  if (!db || !open.failures.empty()) return false;
  for (std::size_t i = 0; i < open.states.size(); ++i) {
    if (open.states[i] != StepState::Waiting || !whole_at_old_side(open.plan.steps[i], *db))
      return false;
  }
  RunTools tools(store, complain, &open);
  FinishPorts ports = tools.finish_ports();
  ports.dpkg = nullptr;
  const auto ended =
      finish_plan(open.frontend, ports, paths::kPins, std::time(nullptr), "nothing was begun");
  if (!ended) complain(ended.error().message);
  return true;
}

void protect_kept() {
  (void)run_to_end(paths::kAptHook, {"update"});
}

int resume(Resume when) {
  const bool at_boot = when == Resume::AtBoot;
  if (::geteuid() != 0) {
    complain("unable to resume: only root may");
    return 2;
  }
  if (::access(paths::kOff, F_OK) == 0 || ::access(paths::kStateDb, F_OK) != 0) return 0;
  auto store = Store::open(paths::kStateDb, Store::Mode::ReadWrite);
  if (!store) {
    complain(store.error().message);
    return 1;
  }
  const auto found = store->unended_plan();
  if (!found) {
    complain(found.error().message);
    return 1;
  }
  if (!*found) {
    if (::access(paths::kPinsDue, F_OK) == 0) protect_kept();
    return 0;
  }
  if (is_alive((*found)->frontend)) {
    complain("unable to resume: " + (*found)->frontend.command + " is still at work");
    return 1;
  }
  if (at_boot && !may_resume_at_boot((*found)->id)) {
    complain(
        "the run that was cut off is not gone on with at boot any more, since it was cut off "
        "there too: try 'aptkeep resume'");
    return 1;
  }
  const auto lock = RunLock::of_frontend();
  if (!lock) {
    complain(lock.error().message);
    return 1;
  }
  ::setenv("DPKG_FRONTEND_LOCKED", "true", 1);
  // Before the services are up nothing is to be started, and a start that waits for this very unit
  // would wait for ever: systemctl(1) then only does what needs no manager.
  if (at_boot) ::setenv("SYSTEMD_OFFLINE", "1", 1);
  if (!wait_for_orphans(kPatience)) {
    complain("unable to resume: a dpkg that was left behind is still at work");
    return 1;
  }
  const int done = resume_plan(*store);
  protect_kept();
  if (at_boot) {
    // Units may have changed, and those that are still to start are to be the new ones.
    ::unsetenv("SYSTEMD_OFFLINE");
    reload_units();
  }
  return done;
}

int resume_below() {
  auto store = Store::open(paths::kStateDb, Store::Mode::ReadWrite);
  if (!store) {
    complain(store.error().message);
    return 1;
  }
  const auto found = store->unended_plan();
  if (!found || !*found || is_alive((*found)->frontend) || !own_frontend()) return 0;
  ::setenv("DPKG_FRONTEND_LOCKED", "true", 1);
  if (!wait_for_orphans(kPatience)) return 1;
  return resume_plan(*store);
}

int want_again(const std::vector<std::string>& packages) {
  auto store = Store::open(paths::kStateDb, Store::Mode::ReadOnly);
  const auto keeps = store ? store->keeps() : Result<std::vector<Keep>>(store.error());
  RealDatabase database;
  const auto db = keeps ? database.read() : Result<DbSnapshot>(keeps.error());
  if (!db) {
    complain(db.error().message);
    return 1;
  }
  std::vector<Keep> chosen;
  for (const Keep& keep : *keeps) {
    const bool named = std::find(packages.begin(), packages.end(), keep.package) != packages.end();
    if (packages.empty() || named) chosen.push_back(keep);
  }
  const Status wanted = set_wants(wants_again(chosen, *db));
  if (wanted) return 0;
  complain(wanted.error().message);
  return 1;
}

int resume_plan(Store& store) {
  auto found = store.unended_plan();  // anew: who was waited for has gone on with it
  if (!found) {
    complain(found.error().message);
    return 1;
  }
  if (!*found) return 0;
  OpenPlan& open = **found;
  if (end_untouched(store, open)) return 0;
  complain("finishing what was cut off: " + open.frontend.command);
  RunTools tools(store, complain, &open);
  FinishPorts ports = tools.finish_ports();
  const Status resumed = aptkeep::resume(open, ports);
  if (!resumed) {
    complain(resumed.error().message);
    return 1;
  }
  const auto ending = finish_plan(open.frontend, ports, paths::kPins,
                                  static_cast<std::int64_t>(std::time(nullptr)), "cut off");
  if (!ending) {
    complain(ending.error().message);
    return 1;
  }
  print_summary(*ending, open.flags.native_arch, open.flags.bypassed);
  return 0;
}

}  // namespace aptkeep
