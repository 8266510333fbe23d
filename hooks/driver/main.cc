// /usr/lib/aptkeep/driver: what the launcher starts for each of apt's dpkg calls, and a few small
// uses that must work while libraries are being replaced.
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <string>
#include <vector>

#include "adapters/guards.h"
#include "adapters/interrupt.h"
#include "adapters/proc.h"
#include "adapters/progress.h"
#include "adapters/run_lock.h"
#include "adapters/run_tools.h"
#include "core/config.h"
#include "engine/call.h"
#include "subcommands.h"

namespace aptkeep {
namespace {

// Ended without a word to the launcher: it then runs the real dpkg with the same arguments.
constexpr int kNotHandled = 125;
const CallEnd kUnhandled{false, 0, 0};

// The archives that `--recursive FOLDER` names, as dpkg would take them (sorted by name), each by
// the path that its link points to, which is what the plan knows it by.
std::vector<std::string> archives_of(const DpkgCall& call) {
  if (!call.recursive) return call.operands;
  std::vector<std::string> archives;
  for (const auto& folder : call.operands) {
    std::vector<std::filesystem::path> entries;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      entries.push_back(entry.path());
    }
    std::sort(entries.begin(), entries.end());
    for (const auto& entry : entries) {
      archives.push_back(std::filesystem::is_symlink(entry)
                             ? std::filesystem::read_symlink(entry).string()
                             : entry.string());
    }
  }
  return archives;
}

// At once: from here to the end nothing may come that could end us in another way.
[[noreturn]] void end_as(const CallEnd& end, Progress& progress) {
  progress.finished();
  if (end.signal == 0) std::_Exit(end.exit_code);
  ::signal(end.signal, SIG_DFL);
  ::raise(end.signal);
  std::_Exit(128 + end.signal);
}

// Whether the launcher, this program and the record are still there for the calls to come: a
// package of this very run may take them away.
bool record_holds(const OpenPlan& open) {
  const std::string launcher = std::string(paths::kBinDir) + "/dpkg";
  if (::access(launcher.c_str(), X_OK) != 0 || ::access(paths::kDriver, X_OK) != 0) return false;
  auto store = Store::open(paths::kStateDb, Store::Mode::ReadOnly);
  if (!store) return false;
  const auto found = store->open_plan(open.frontend);
  return found && *found && (*found)->id == open.id &&
         (*found)->failures.size() == open.failures.size();
}

std::vector<GuardResult> look_at_guards(Store& store, const std::string& package,
                                        const std::vector<GuardCall>& calls) {
  Remembered before;
  auto remembered = store.remembered();
  if (!remembered) {
    complain(remembered.error().message);
  } else if (const auto found = remembered->find(package); found != remembered->end()) {
    before = found->second;
  }
  std::vector<GuardResult> results;
  for (const auto& report : probe_guards(calls, before)) results.push_back(report.result);
  return results;
}

CallEnd carry_out(const DpkgCall& call, const Frontend& frontend, Progress& progress) {
  auto store = Store::open(paths::kStateDb, Store::Mode::ReadWrite);
  if (!store) {
    complain_once(frontend, store.error().message);
    return kUnhandled;
  }
  auto open = own_plan(*store);
  if (!open) {
    complain_once(frontend, open.error().message);
    return kUnhandled;
  }
  if (!*open || (*open)->flags.bypassed) return kUnhandled;
  RunTools tools(*store, complain, &**open);
  CallPorts ports = tools.call_ports(progress, call.options);
  ports.record_holds = [&] { return record_holds(**open); };
  ports.look_at_guards = [&](const std::string& package, const std::vector<GuardCall>& calls) {
    return look_at_guards(*store, package, calls);
  };
  const auto archives =
      call.verb == DpkgCall::Verb::Unpack ? archives_of(call) : std::vector<std::string>{};
  return run_call(call, archives, **open, ports);
}

int drive(int progress_fd, const std::vector<std::string>& args) {
  const auto call = parse_dpkg_call(args);
  if (!call) return kNotHandled;
  const auto frontend = own_frontend();
  if (!frontend) return kNotHandled;
  const auto progress = MemfdProgress::open(progress_fd);
  if (!progress) return kNotHandled;
  note_interrupts();
  const RunLock lock = RunLock::of_driver();
  const CallEnd end = carry_out(*call, *frontend, **progress);
  if (!end.handled) return kNotHandled;
  end_as(end, **progress);
}

int subcommand(const std::vector<std::string>& args) {
  if (args.size() >= 2 && args[0] == "dpkg") {
    return drive(std::atoi(args[1].c_str()), {args.begin() + 2, args.end()});
  }
  if (args.size() == 1 && args[0] == "end-run") return end_run();
  if (args.size() == 2 && args[0] == "dpkg-hook") return dpkg_hook(args[1]);
  if (args.size() == 3 && args[0] == "kept" && args[1] == "--frontend") return kept(args[2]);
  if (args.size() == 1 && args[0] == "uninstall") return uninstall();
  if (args.size() == 1 && args[0] == "restore-services") return restore_services();
  if (args.size() == 2 && args[0] == "config-refused") return config_refused(args[1]);
  if (args.size() == 3 && args[0] == "guardian") return guardian(args[1], args[2]);
  if (!args.empty() && args[0] == "rollback") return rollback({args.begin() + 1, args.end()});
  if (!args.empty() && args[0] == "want-again") return want_again({args.begin() + 1, args.end()});
  if (!args.empty() && args[0] == "resume" && args.size() <= 2) {
    const bool at_boot = args.size() == 2 && args[1] == "--boot";
    if (args.size() == 1 || at_boot) return resume(at_boot ? Resume::AtBoot : Resume::ByHand);
    if (args[1] == "--below") return resume_below();
  }
  complain("unable to run the driver: it is started by apt and dpkg, not by hand");
  return 2;
}

}  // namespace
}  // namespace aptkeep

int main(int argc, char** argv) {
  try {
    return aptkeep::subcommand({argv + 1, argv + std::max(argc, 1)});
  } catch (const std::exception& error) {
    aptkeep::complain(std::string("unable to go on: ") + error.what());
  }
  return 125;
}
