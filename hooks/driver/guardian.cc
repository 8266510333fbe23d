// driver guardian PID START: see adapters/run_guardian.h.
#include "adapters/run_guardian.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "adapters/dpkg_db.h"
#include "adapters/guard_command.h"
#include "adapters/no_services.h"
#include "adapters/proc.h"
#include "adapters/run_lock.h"
#include "adapters/run_settings.h"
#include "adapters/spawn.h"
#include "adapters/unit_holds.h"
#include "adapters/units_scripts.h"
#include "adapters/units_systemctl.h"
#include "core/config.h"
#include "core/guard_arguments.h"
#include "core/table_layout.h"
#include "engine/downtime.h"
#include "engine/left_islands.h"
#include "engine/services.h"
#include "policy/triggers.h"
#include "subcommands.h"

namespace aptkeep {
namespace {

// Of the packages whose services are on record.
bool any_unfinished(Store& store, std::int64_t run) {
  RealDatabase database;
  const auto db = database.read();
  const auto units = db ? store.units(run) : Result<std::vector<UnitRecord>>(db.error());
  return units && std::ranges::any_of(*units, [&](const UnitRecord& unit) {
           return !unit.package.empty() && standing_in(*db, unit.package) == Standing::Unfinished;
         });
}

// A frontend that was killed leaves its driver and dpkg behind, which end what they were told.
constexpr int kLongestCall = 24 * 60 * 60;

// After a plain dpkg that was killed: nobody is bound to come who would finish what it has begun,
// so that clients would wait for ever. What is half replaced stays held, and is down.
void end_parking() {
  RealDatabase database;
  RunHolds holds;
  const auto db = database.read();
  const auto units = units_here();
  if (!db || units == nullptr) return;
  let_whole_parked_go([&](const std::string& package) { return standing_in(*db, package); }, *units,
                      holds);
  std::vector<HeldUnit> left = holds.all();
  std::erase_if(left, [](const HeldUnit& one) { return !one.parked; });
  for (HeldUnit& one : left) {
    if (!is_trigger(one.unit)) holds.unpark(one.unit, true);
    one.parked = false;
  }
  if (const Status put = holds.put(left); !put) complain(put.error().message);
}

// What a person tries again.
void set_for_a_person(ServicePorts& ports, const std::optional<RunReport>& report,
                      const std::vector<UnitRecord>& records, const DbSnapshot& db) {
  ports.failure_of = failure_of;
  ports.ends_well = ends_well;
  ports.is_there = [&db](const Step& step) { return at_new_side(step, db); };
  ports.is_over = [&db](const Step& step) {
    const auto now = db.find(step.package);
    return now != db.end() && now->second.configured() && now->second.version != step.new_version;
  };
  // What waits for the next boot has come by then.
  if (report && report->summary.frontend.boot == boot_id())
    ports.put_off = [left = still_put_off(records)] { return left; };
  ports.forget_put_off = [] {};
}

Result<std::vector<UnitRecord>> in_trouble_still(const std::vector<UnitRecord>& units,
                                                 std::int64_t ended, Units& manager) {
  std::vector<std::string> names;
  for (const UnitRecord& unit : units) names.push_back(unit.name);
  const auto now = manager.ask(names);
  if (!now) return now.error();
  std::vector<UnitRecord> left = units;
  std::erase_if(left, [&](const UnitRecord& unit) {
    const auto found = now->find(unit.name);
    return found == now->end() || is_trouble_over(unit, found->second, ended);
  });
  return left;
}

}  // namespace

Result<std::vector<UnitRecord>> restore_run(Store& store, std::int64_t run,
                                            const Frontend* frontend, bool lets_go) {
  RealDatabase database;
  const auto db = database.read();
  if (!db) return db.error();
  // What had failed before is tried as well: whatever it was may be mended by now.
  const auto standing = [&](const std::string& package) { return standing_in(*db, package); };
  auto units = units_here();
  auto records = store.units(run);
  if (units == nullptr && records && !records->empty())
    return Error{"unable to ask for services: no init runs here"};
  // What is to be done for data is done all the same.
  if (units == nullptr) units = std::make_unique<NoUnits>();
  if (lets_go) {
    RunHolds holds;
    end_left_islands(database, {store, units.get(), &holds, failure_of, complain});
    let_whole_go(standing, *units, holds);
  }
  ServicePorts ports{*units, store, complain, units_of_packages};
  ports.complaint_of = complaint_of;
  ports.ends_well = ends_well;
  if (frontend != nullptr) {
    if (const auto settings = read_run_settings(*frontend)) {
      ports.settle = settings->settle * 1000;
      ports.release_upgrade = settings->release_upgrade;
    }
    forget_run_settings(*frontend);
    ports.put_off = [&] { return read_put_off(*frontend); };
    ports.forget_put_off = [&] { forget_put_off(*frontend); };
  }
  if (records && frontend == nullptr) {
    const auto report = store.report(run);
    if (!report) return report.error();
    set_for_a_person(ports, *report, *records, *db);
  }
  return records ? restore_units(run, std::move(*records), standing, ports) : std::move(records);
}

Result<std::vector<UnitRecord>> restore_left_down(Store& store, std::int64_t run,
                                                  const std::vector<UnitRecord>& units) {
  RealDatabase database;
  const auto db = database.read();
  if (!db) return db.error();
  const auto standing = [&](const std::string& package) { return standing_in(*db, package); };
  std::unique_ptr<Units> manager = units_here();
  if (manager == nullptr && !units.empty())
    return Error{"unable to ask for services: no init runs here"};
  if (manager == nullptr) manager = std::make_unique<NoUnits>();
  const auto report = store.report(run);
  if (!report) return report.error();
  const auto left = in_trouble_still(units, *report ? (*report)->summary.ended : 0, *manager);
  if (!left) return left.error();
  ServicePorts ports{*manager, store, complain, units_of_packages};
  ports.complaint_of = complaint_of;
  set_for_a_person(ports, *report, *left, *db);
  return restore_units(run, *left, standing, ports);
}

int config_refused(const std::string& unit) {
  const auto frontend = own_frontend();
  auto store = Store::open(paths::kStateDb, Store::Mode::ReadOnly);
  const auto run = frontend && store ? store->run_of_process(*frontend) : Result<std::int64_t>(0);
  const auto records = run && *run != 0 ? store->units(*run) : std::vector<UnitRecord>{};
  if (!records) return 0;
  for (const UnitRecord& record : *records) {
    if (record.name != unit) continue;
    for (const std::string& command : record.checks) {
      const std::string why = complaint_of(command);
      if (why.empty()) continue;
      complain(unit + " is not restarted now, since its new version refuses its configuration: " +
               command + ": " + why);
      return table::kConfigRefused;
    }
  }
  return 0;
}

int guardian(const std::string& pid, const std::string& start_time) {
  Frontend frontend;
  frontend.pid = std::strtoll(pid.c_str(), nullptr, 10);
  frontend.start_time = std::strtoull(start_time.c_str(), nullptr, 10);
  frontend.boot = boot_id();
  {
    const GuardianLock lock(frontend);
    if (!lock) return 0;
    wait_for_end(frontend);
    (void)wait_for_orphans(kLongestCall);
  }
  auto store = Store::open(paths::kStateDb, Store::Mode::ReadWrite);
  if (!store) {
    complain(store.error().message);
    return 0;
  }
  const auto run = store->run_of_process(frontend);
  auto open = store->open_plan(frontend);
  if (!run || !open || !has_service_manager()) return 0;
  if (*run == 0) {
    end_parking();
    return 0;
  }
  // What uses replaced files, once for all plans; the hook notes it where this looks then.
  if (const auto settings = read_run_settings(frontend); settings && settings->at_its_end) {
    (void)run_to_end(paths::kAptHook, {"outdated", pid, start_time});
  }
  // Else its own end has seen to all, and let all go: what is held by now another one holds.
  RunHolds holds;
  if (!*open && read_put_off(frontend).empty()) {
    forget_run_settings(frontend);
    return 0;
  }
  policy::end_triggers(paths::kRunDir, false);
  const auto trouble = restore_run(*store, *run, &frontend, open->has_value());
  if (!trouble) {
    complain(trouble.error().message);
    return 0;
  }
  for (const UnitRecord& unit : *trouble) complain(unit.name + ": " + unit.trouble);
  // Services of half replaced packages are down until these are whole, if no script that outlived
  // its dpkg has let them go. Whoever calls apt meanwhile does the same, below its own lock.
  if (*open && end_untouched(*store, **open)) return 0;
  if (*open && (!holds.all().empty() || any_unfinished(*store, *run))) (void)resume(Resume::ByHand);
  return 0;
}

}  // namespace aptkeep
