#include "subcommands.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <set>

#include "adapters/dpkg_db.h"
#include "adapters/proc.h"
#include "adapters/run_settings.h"
#include "adapters/run_tools.h"
#include "adapters/table_file.h"
#include "adapters/tell_once.h"
#include "core/config.h"
#include "core/guard_arguments.h"
#include "engine/finish.h"
#include "engine/left_islands.h"
#include "policy/holds.h"
#include "policy/triggers.h"

namespace aptkeep {
namespace {

std::int64_t now() {
  return static_cast<std::int64_t>(std::time(nullptr));
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
  RealDatabase database;
  const auto db = database.read();
  const auto not_done =
      db ? not_done_after(*store, *db) : Result<std::vector<LeftIsland>>(db.error());
  auto earlier = store->units_in_trouble(newest);
  if (!earlier || !not_done) {
    complain(earlier ? not_done.error().message : earlier.error().message);
    return 2;
  }
  for (const LeftIsland& one : *not_done) {
    if (one.run != newest) (*earlier)[one.run];
  }
  bool all_well = true;
  std::set<std::string> told;  // why what stays down does
  const auto tell = [&](const Result<std::vector<UnitRecord>>& trouble) {
    if (!trouble) {
      complain(trouble.error().message);
      return false;
    }
    for (const UnitRecord& unit : *trouble) {
      std::printf("%s: %s\n", unit.name.c_str(), shown_lines(unit.trouble).c_str());
      if (unit.trouble.starts_with(kStaysDown)) told.insert(unit.trouble.substr(kStaysDown.size()));
    }
    all_well = all_well && trouble->empty();
    return true;
  };
  if (!tell(restore_run(*store, newest, nullptr, true))) return 2;
  for (const auto& [run, units] : *earlier) {
    if (!tell(restore_left_down(*store, run, units))) return 2;
  }
  const auto still = not_done_after(*store, *db);
  if (!still) {
    complain(still.error().message);
    return 2;
  }
  for (const LeftIsland& one : *still) {
    const std::string& trouble = trouble_after(one.step);
    if (!told.contains(trouble)) std::printf("%s\n", shown_lines(trouble).c_str());
  }
  return all_well && still->empty() ? 0 : 1;
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
