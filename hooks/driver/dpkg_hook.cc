// `driver dpkg-hook pre|post`: around each dpkg (dpkg.cfg.d), for those that no frontend's hooks
// and driver look after.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <fstream>

#include "adapters/dpkg_db.h"
#include "adapters/dpkg_needs.h"
#include "adapters/guard_command.h"
#include "adapters/proc.h"
#include "adapters/run_tools.h"
#include "adapters/selections.h"
#include "adapters/spawn.h"
#include "adapters/unit_holds.h"
#include "adapters/units_systemctl.h"
#include "core/config.h"
#include "engine/downtime.h"
#include "engine/left_islands.h"
#include "engine/plain.h"
#include "policy/holds.h"
#include "policy/triggers.h"
#include "subcommands.h"

namespace aptkeep {
namespace {

std::string mark_file(std::int64_t pid) {
  return std::string(paths::kRunDir) + "/dpkg-" + std::to_string(pid);
}

enum class Planned {
  No,
  Ours,    // a frontend's hooks and driver look after this dpkg
  CutOff,  // a run has not ended, and its frontend is gone
};

Planned look_at_plans() {
  auto store = Store::open(paths::kStateDb, Store::Mode::ReadOnly);
  if (!store) return Planned::No;
  const auto own = own_plan(*store);
  if (own && *own) return Planned::Ours;
  const auto plan = store->unended_plan();
  return plan && *plan && !is_alive((*plan)->frontend) ? Planned::CutOff : Planned::No;
}

// dpkg's lock is free only before it begins: prerm would come too late.
bool removes_aptkeep(const std::vector<std::string>& arguments) {
  bool removes = false;
  bool aptkeep = false;
  for (const auto& argument : arguments) {
    removes = removes || argument == "-r" || argument == "--remove" || argument == "-P" ||
              argument == "--purge";
    aptkeep = aptkeep || argument == "aptkeep" || argument.starts_with("aptkeep:");
  }
  return removes && aptkeep;
}

bool installs(const std::vector<std::string>& arguments) {
  return std::ranges::count(arguments, "-i") + std::ranges::count(arguments, "--install") > 0;
}

// With libapt-pkg, for the rules; where that is not to be had it is as without aptkeep.
void take_services_down(const std::vector<std::string>& arguments) {
  const bool unpacks = installs(arguments) || std::ranges::count(arguments, "--unpack") > 0;
  if (!unpacks || !has_service_manager()) return;
  std::vector<std::string> words{"plain"};
  words.insert(words.end(), arguments.begin() + 1, arguments.end());
  (void)run_to_end(paths::kAptHook, words);
}

LeftPorts left_ports(Store& store, SystemctlUnits& units, RunHolds& holds) {
  const bool any = has_service_manager();
  return {store, any ? &units : nullptr, any ? &holds : nullptr, failure_of, complain};
}

// What an earlier run has left unconfigured, and this one configures, is checked before it starts.
// Archives are not read for it: what is of none of them is down, and is let go as it is.
void hold_left_down(const std::vector<std::string>& arguments) {
  const PlainCall call = plain_call(arguments);
  const bool named = !call.configures.empty();
  if (!(named || call.configures_all || installs(arguments)) || !has_service_manager()) return;
  auto store = Store::open(paths::kStateDb, Store::Mode::ReadOnly);
  if (!store) return;
  RealDatabase database;
  SystemctlUnits units;
  RunHolds holds;
  hold_left_islands(database, left_ports(*store, units, holds), [&](const std::string& package) {
    const std::string name = package.substr(0, package.find(':'));
    return !named || std::ranges::count(call.configures, package) > 0 ||
           std::ranges::count(call.configures, name) > 0;
  });
}

int before_dpkg(const Frontend& dpkg, bool removes_us) {
  const Planned planned = look_at_plans();
  // "dpkg --configure -a" is what apt tells people to type after a run was cut off. Where aptkeep
  // finishes that run first, what failed goes back; dpkg alone would leave it between its versions.
  if (planned == Planned::CutOff && !removes_us) (void)resume(Resume::ByHand);
  if (planned == Planned::Ours) return 0;
  // /run is root's alone, so a planted link cannot stand here; O_NOFOLLOW and O_EXCL all the same.
  if (::mkdir(paths::kRunDir, 0755) != 0 && errno != EEXIST) return 0;
  const std::string path = mark_file(dpkg.pid);
  ::unlink(path.c_str());
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) return 0;
  const std::string mark = dpkg_log_mark();
  const ssize_t written = ::write(fd, mark.data(), mark.size());
  ::close(fd);
  if (written != static_cast<ssize_t>(mark.size())) ::unlink(path.c_str());
  return 0;
}

// What the packages' own scripts have let go, and started, is not held any more. What is not whole
// stays down. Returns what was held.
std::vector<HeldUnit> let_go_after_dpkg() {
  RealDatabase database;
  SystemctlUnits units;
  RunHolds holds;
  std::vector<HeldUnit> held = holds.all();
  auto store = Store::open(paths::kStateDb, Store::Mode::ReadWrite);
  const auto left = store ? store->left_islands() : std::vector<LeftIsland>{};
  const bool any_left = left && !left->empty();
  const bool any = !held.empty() || any_left;
  const auto db = any ? database.read() : Result<DbSnapshot>(DbSnapshot());
  if (!db) complain(db.error().message);
  if (any_left && db) {
    const auto known = left_unconfigured(*store, *db);
    end_left_islands(database, left_ports(*store, units, holds));
    if (known) std::erase_if(held, [&](const auto& one) { return known->contains(one.package); });
  }
  if (any && db && has_service_manager()) {
    let_whole_go([&](const std::string& package) { return standing_in(*db, package); }, units,
                 holds);
  }
  policy::let_all_go(paths::kRunDir);
  return held;
}

int after_dpkg(const DpkgAncestor& dpkg, const std::vector<HeldUnit>& held) {
  const std::string path = mark_file(dpkg.process.pid);
  std::ifstream in(path);
  std::string mark;
  const bool began = static_cast<bool>(std::getline(in, mark));
  ::unlink(path.c_str());
  if (!began) return 0;
  auto store = Store::open(paths::kStateDb, Store::Mode::ReadWrite);
  if (!store) {
    complain(store.error().message);
    return 0;
  }
  RunTools tools(*store, complain);
  FinishPorts ports = tools.finish_ports();
  ports.dpkg = nullptr;  // and nothing is gone on with for him
  const auto units = units_here();
  ports.units = units.get();
  ports.needs_among = needs_among;
  ports.unmet_needs = unmet_needs;
  // Who calls dpkg by hand mends by hand as well, and expects `dpkg --configure -a` to go over what
  // has just failed: only what is over is wanted again.
  ports.set_wants = [](std::map<std::string, std::string> wants) {
    std::erase_if(wants, [](const auto& want) { return want.second != "install"; });
    return set_wants(wants);
  };
  const std::string native = native_architecture();
  const auto ending =
      record_plain_call(dpkg.process, dpkg_log_since(mark), plain_call(dpkg.arguments), native,
                        ports, paths::kPins, std::time(nullptr), held);
  if (!ending) {
    complain(ending.error().message);
    return 0;
  }
  print_summary(*ending, native, false);
  return 0;
}

}  // namespace

int dpkg_hook(const std::string& when) {
  if (::geteuid() != 0) return 0;
  const auto dpkg = dpkg_ancestor();
  if (!dpkg || !changes_packages_here(dpkg->arguments)) return 0;
  if (when == "pre") {
    const bool removes = removes_aptkeep(dpkg->arguments);
    if (removes) want_again({});
    const int done = before_dpkg(dpkg->process, removes);
    if (look_at_plans() != Planned::Ours) {
      take_services_down(dpkg->arguments);
      hold_left_down(dpkg->arguments);
    }
    return done;
  }
  if (when == "post") {
    // A frontend's own are ended with its plan; what is only unpacked has its service down.
    std::vector<HeldUnit> held;
    if (!plain_call(dpkg->arguments).only_unpacks && look_at_plans() != Planned::Ours) {
      held = let_go_after_dpkg();
      policy::end_triggers(paths::kRunDir, true);
    }
    return after_dpkg(*dpkg, held);
  }
  complain("unable to run the dpkg hook: neither 'pre' nor 'post': " + when);
  return 2;
}

}  // namespace aptkeep
