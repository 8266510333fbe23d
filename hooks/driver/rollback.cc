// `driver rollback --show|--do|--show-and-do [--run N] [PACKAGE...]`: takes back what an earlier
// run did, as far as its snapshots are kept. aptkeep(8) shows, asks, and has it done.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>

#include "adapters/dpkg_relations.h"
#include "adapters/proc.h"
#include "adapters/run_lock.h"
#include "adapters/run_tools.h"
#include "adapters/units_systemctl.h"
#include "core/config.h"
#include "engine/downtime.h"
#include "engine/services.h"
#include "engine/undo.h"
#include "subcommands.h"

namespace aptkeep {
namespace {

struct Request {
  bool show = false;
  bool carry_out = false;
  std::int64_t run = 0;
  std::set<std::string> packages;  // "name:arch"
};

struct Found {
  Undo undo;
  Origin origin;
};

bool changed(const OpenPlan& plan, const std::string& package) {
  for (std::size_t i = 0; i < plan.plan.steps.size(); ++i) {
    const Step& step = plan.plan.steps[i];
    if (step.package == package && step.action != Action::Configure &&
        (plan.states[i] == StepState::Done || is_left_unfinished(plan.states[i]))) {
      return true;
    }
  }
  return false;
}

bool concerns(const OpenPlan& plan, const Request& request) {
  if (request.packages.empty()) return true;
  return std::all_of(request.packages.begin(), request.packages.end(),
                     [&](const std::string& package) { return changed(plan, package); });
}

std::string names_of(const Request& request) {
  std::string names;
  for (const auto& package : request.packages) names += (names.empty() ? "" : ", ") + package;
  return names.empty() ? "run " + std::to_string(request.run) : names;
}

// What is known of the old versions: all that dpkg knew of them, or at least which they are.
Result<std::vector<Clause>> clauses_of(const std::vector<Step>& steps, const std::string& folder) {
  const auto saved = snapshot_packages(folder);
  std::vector<std::string> controls;
  for (const Step& step : steps) {
    if (step.old_version.empty()) {
      controls.emplace_back();
    } else if (!std::binary_search(saved.begin(), saved.end(), step.package)) {
      controls.push_back(bare_control(step.package, step.old_version));
    } else {
      auto snapshot = read_snapshot(folder, step.package);
      if (!snapshot) return snapshot.error();
      controls.push_back(std::move(snapshot->control));
    }
  }
  return clauses_today(steps, controls);
}

// The newest plan that changed them all: what came before it is not what is there now.
Result<Found> find(Store& store, const Request& request) {
  const auto plans = store.plans(request.run);
  if (!plans) return plans.error();
  RealDatabase database;
  const auto db = database.read();
  if (!db) return db.error();
  for (const std::int64_t id : *plans) {
    const auto plan = store.plan(id);
    if (!plan) return plan.error();
    if (!*plan || !concerns(**plan, request)) continue;
    Found found;
    found.origin.folder = snapshot_folder((*plan)->run, id);
    SnapshotOptions options;
    options.folder = found.origin.folder;
    RealSnapshots snapshots(options);
    UndoPorts ports;
    ports.has_snapshot = [&](const std::string& package) { return snapshots.has(package); };
    ports.clauses = [&](const std::vector<Step>& steps) {
      return clauses_of(steps, found.origin.folder);
    };
    auto undo = undo_of(**plan, request.packages, ports, *db);
    // A rollback that failed has put nothing back, and has no snapshots.
    if (is_on_request(**plan) && (!undo || undo->plan.plan.steps.empty())) continue;
    if (!undo) return undo.error();
    found.undo = std::move(*undo);
    const auto report = store.report((*plan)->run);
    if (!report) return report.error();
    // Without an end everything counts as changed since.
    found.origin.since =
        std::max(*report ? (*report)->summary.ended : 0, std::int64_t{1}) * 1'000'000'000;
    return found;
  }
  return Error{"unable to put back " + names_of(request) +
               ": no run on record changed that and can be undone"};
}

void show(const Undo& undo) {
  std::printf("To be put back:\n");
  for (const auto& line : undo.lines) std::printf("  %s\n", line.c_str());
  if (!undo.stays.empty()) std::printf("Not to be put back:\n");
  for (const auto& line : undo.stays) std::printf("  %s\n", line.c_str());
  std::fflush(stdout);
}

int carry_out(Store& store, const Request& request) {
  const auto lock = RunLock::of_frontend();
  if (!lock) {
    complain(lock.error().message);
    return 1;
  }
  ::setenv("DPKG_FRONTEND_LOCKED", "true", 1);
  auto found = find(store, request);  // anew, now that nobody changes anything
  auto frontend = process_info(::getpid());
  if (!found || !frontend) {
    complain(found ? "unable to read /proc" : found.error().message);
    return 1;
  }
  if (request.show) show(found->undo);
  frontend->command = "aptkeep rollback " + names_of(request);
  const auto now = static_cast<std::int64_t>(std::time(nullptr));
  OpenPlan open = found->undo.plan;
  const auto plan = store.begin_plan(*frontend, open.flags, open.plan, now);
  std::map<std::uint32_t, StepState> states;
  for (std::uint32_t i = 0; i < open.states.size(); ++i) states[i] = open.states[i];
  Status recorded = plan ? store.set_states(*plan, states) : Status(plan.error());
  for (const Failure& failure : open.failures) {
    const auto added = recorded ? store.add_failure(*plan, failure) : Result<std::int64_t>(0);
    if (!added) recorded = added.error();
  }
  const auto begun =
      recorded ? store.open_plan(*frontend) : Result<std::optional<OpenPlan>>(recorded.error());
  if (!begun || !*begun) {
    complain(begun ? "unable to record the rollback" : begun.error().message);
    return 1;
  }
  open = **begun;
  if (const auto noted = note_origin(open.run, open.id, found->origin); !noted) {
    complain(noted.error().message);
    return 1;
  }
  RunTools tools(store, complain, &open);
  NoProgress progress;
  tools.save_forward(open);
  CallPorts ports = tools.call_ports(progress);
  // As a run of apt has it: what goes down is to be up again, or told.
  if (ports.units != nullptr) {
    ServicePorts services{*ports.units, store, complain, units_of_packages};
    const Status noted = note_units(open.run, open.plan.steps, services);
    if (!noted) complain(noted.error().message);
  }
  go_back_on_request(open, ports);
  FinishPorts finish = tools.finish_ports();
  finish.drop_snapshots = [](const OpenPlan& ended, bool) { forget_origin(ended.run, ended.id); };
  const auto ending = finish_plan(*frontend, finish, paths::kPins, now, "asked for by a person");
  if (!ending) {
    complain(ending.error().message);
    return 1;
  }
  protect_kept();
  if (ending->keeps.empty() && std::ranges::none_of(ending->outcomes, is_back))
    complain("nothing was put back");
  print_summary(*ending, open.flags.native_arch, false);
  const bool all = found->undo.stays.empty() && std::ranges::all_of(ending->outcomes, is_back);
  return all ? 0 : 1;
}

}  // namespace

int rollback(const std::vector<std::string>& args) {
  Request request;
  const std::string native = native_architecture();
  for (std::size_t i = 0; i < args.size(); ++i) {
    if (args[i] == "--show" || args[i] == "--do" || args[i] == "--show-and-do") {
      request.show = args[i] != "--do";
      request.carry_out = args[i] != "--show";
    } else if (args[i] == "--run" && i + 1 < args.size()) {
      request.run = std::strtoll(args[++i].c_str(), nullptr, 10);
    } else {
      const bool bare = args[i].find(':') == std::string::npos;
      request.packages.insert(bare ? args[i] + ":" + native : args[i]);
    }
  }
  auto store = Store::open(paths::kStateDb,
                           request.carry_out ? Store::Mode::ReadWrite : Store::Mode::ReadOnly);
  if (!store) {
    complain(store.error().message);
    return 2;
  }
  if (request.carry_out) return carry_out(*store, request);
  const auto found = find(*store, request);
  if (!found) {
    complain(found.error().message);
    return 2;
  }
  show(found->undo);
  return 0;
}

}  // namespace aptkeep
