#include "subcommands.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>

#include "adapters/dpkg_db.h"
#include "adapters/dpkg_needs.h"
#include "adapters/proc.h"
#include "adapters/run_settings.h"
#include "adapters/run_tools.h"
#include "adapters/selections.h"
#include "adapters/spawn.h"
#include "adapters/table_file.h"
#include "adapters/tell_once.h"
#include "adapters/unit_holds.h"
#include "adapters/units_systemctl.h"
#include "core/config.h"
#include "core/guard_arguments.h"
#include "engine/downtime.h"
#include "engine/finish.h"
#include "engine/plain.h"
#include "policy/holds.h"
#include "policy/triggers.h"

namespace aptkeep {
namespace {

std::int64_t now() {
  return static_cast<std::int64_t>(std::time(nullptr));
}

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

// With libapt-pkg, for the rules; where that is not to be had it is as without aptkeep.
void take_services_down(const std::vector<std::string>& arguments) {
  bool unpacks = false;
  for (const auto& argument : arguments) {
    unpacks = unpacks || argument == "-i" || argument == "--install" || argument == "--unpack";
  }
  if (!unpacks || !has_service_manager()) return;
  std::vector<std::string> words{"plain"};
  words.insert(words.end(), arguments.begin() + 1, arguments.end());
  (void)run_to_end(paths::kAptHook, words);
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
  const bool any = !held.empty();
  const auto db = any ? database.read() : Result<DbSnapshot>(DbSnapshot());
  if (!db) complain(db.error().message);
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
                        ports, paths::kPins, now(), held);
  if (!ending) {
    complain(ending.error().message);
    return 0;
  }
  print_summary(*ending, native, false);
  return 0;
}

void end_plan(const Frontend& frontend) {
  auto store = Store::open(paths::kStateDb, Store::Mode::ReadWrite);
  if (!store) return complain_once(frontend, store.error().message);
  const auto open = own_plan(*store);
  if (!open || !*open) return;
  RunTools tools(*store, complain, &**open);
  FinishPorts ports = tools.finish_ports();
  const auto ending = finish_plan((*open)->frontend, ports, paths::kPins, now());
  if (!ending) return complain(ending.error().message);
  print_summary(*ending, native_architecture(), (*open)->flags.bypassed);
  forget_run_settings(frontend);
}

}  // namespace

void print_summary(const Ending& ending, const std::string& native_arch, bool bypassed) {
  const std::string text = summary_text(ending, native_arch, bypassed);
  if (!text.empty()) std::fputs(shown_lines(text).c_str(), stderr);
}

// What a rule's command or a package's script has printed may be in it, and a user other than root
// may have made that.
void complain(const std::string& message) {
  std::fputs(shown_lines("aptkeep: " + message + "\n").c_str(), stderr);
}

void complain_once(const Frontend& frontend, const std::string& message) {
  tell_once(paths::kRunDir, static_cast<long>(frontend.pid), message.c_str());
}

int end_run() {
  const auto frontend = own_frontend();
  if (!frontend) return 0;
  end_plan(*frontend);
  // Where there was no plan, nobody else starts what policy-rc.d has stopped.
  policy::let_all_go(paths::kRunDir);
  policy::end_triggers(paths::kRunDir, true);
  const auto removed = remove_table(paths::kRunDir);
  if (!removed) complain_once(*frontend, removed.error().message);
  return 0;
}

int dpkg_hook(const std::string& when) {
  if (::geteuid() != 0) return 0;
  const auto dpkg = dpkg_ancestor();
  if (!dpkg || !changes_packages_here(dpkg->arguments)) return 0;
  if (when == "pre") {
    const bool removes = removes_aptkeep(dpkg->arguments);
    if (removes) want_again({});
    const int done = before_dpkg(dpkg->process, removes);
    if (look_at_plans() != Planned::Ours) take_services_down(dpkg->arguments);
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

int kept(const std::string& pid) {
  const auto frontend = process_info(std::strtoll(pid.c_str(), nullptr, 10));
  auto store = Store::open(paths::kStateDb, Store::Mode::ReadOnly);
  if (!frontend || !store) return 2;
  const auto keeps = store->keeps();
  const auto run = store->run_of_process(*frontend);
  if (!keeps || !run) return 2;
  for (const auto& keep : *keeps) {
    if (*run != 0 && keep.run == *run) return 1;
  }
  return 0;
}

int restore_services() {
  auto store = Store::open(paths::kStateDb, Store::Mode::ReadWrite);
  const auto runs = store ? store->runs(1) : Result<std::vector<RunSummary>>(store.error());
  if (!runs) {
    complain(runs.error().message);
    return 2;
  }
  if (runs->empty()) return 0;
  const std::int64_t newest = runs->front().id;
  const auto earlier = store->units_left_down(newest);
  if (!earlier) {
    complain(earlier.error().message);
    return 2;
  }
  bool all_well = true;
  const auto tell = [&](const Result<std::vector<UnitRecord>>& trouble) {
    if (!trouble) {
      complain(trouble.error().message);
      return false;
    }
    for (const UnitRecord& unit : *trouble)
      std::printf("%s: %s\n", unit.name.c_str(), shown_lines(unit.trouble).c_str());
    all_well = all_well && trouble->empty();
    return true;
  };
  if (!tell(restore_run(*store, newest, nullptr))) return 2;
  for (const auto& [run, units] : *earlier) {
    if (!tell(restore_left_down(*store, run, units))) return 2;
  }
  const auto found = store->report(newest);
  const RunReport report = found && *found ? **found : RunReport{};
  for (const StepOutcome& outcome : report.steps) {
    const std::string& trouble = trouble_after(outcome.step);
    if (trouble.empty() || is_told_by(report.units, trouble)) continue;
    std::printf("%s\n", shown_lines(trouble).c_str());
    all_well = false;
  }
  return all_well ? 0 : 1;
}

int uninstall() {
  policy::let_all_go(paths::kRunDir);
  policy::end_triggers(paths::kRunDir, true);
  if (::unlink(paths::kPins) != 0 && errno != ENOENT) {
    complain(std::string("unable to remove ") + paths::kPins);
    return 1;
  }
  return 0;
}

}  // namespace aptkeep
