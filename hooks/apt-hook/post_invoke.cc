// DPkg::Post-Invoke ends the plan; APT::Update::Post-Invoke-Success looks again at what must be
// pinned away, because the lists have changed, as "aptkeep retry" and "release" have it done.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "adapters/proc.h"
#include "adapters/run_guardian.h"
#include "adapters/run_settings.h"
#include "adapters/run_tools.h"
#include "core/config.h"
#include "core/guard_arguments.h"
#include "engine/finish.h"
#include "guards.h"
#include "hook.h"
#include "outdated.h"
#include "services.h"

namespace aptkeep::hook {
namespace {

bool has_state() {
  return ::access(paths::kStateDb, F_OK) == 0;
}

void print_summary(const Ending& ending, const PlanFlags& flags) {
  const auto text = summary_text(ending, flags.native_arch, flags.bypassed);
  if (!text.empty()) (void)std::fputs(shown_lines(text).c_str(), stderr);
}

void end_plan(const Frontend& frontend) {
  auto store = Store::open(paths::kStateDb, Store::Mode::ReadWrite);
  if (!store) return complain_once(frontend, store.error().message);
  const auto open = own_plan(*store);
  if (!open) return complain_once(frontend, open.error().message);
  if (!*open) return;
  // The repair after a bypassed driver runs dpkg, and apt says this only to some of its hooks.
  if (lock_holder()) ::setenv("DPKG_FRONTEND_LOCKED", "true", 1);
  const bool many_plans = (*open)->flags.quiet_exit && guardian_at_work(frontend);
  if (many_plans) {
    leave_needrestart_to_guardian(frontend);
  } else {
    ask_needrestart(*store, frontend);
  }
  RunTools tools(*store, complain, &**open);
  FinishPorts ports = tools.finish_ports();
  const auto units = units_by_bus();
  if (ports.units != nullptr && units != nullptr) ports.units = units.get();
  const auto ending = finish_plan((*open)->frontend, ports, paths::kPins, now());
  if (!ending) return complain(ending.error().message);
  print_summary(*ending, (*open)->flags);
  if (!many_plans) forget_run_settings(frontend);
  // Opening apt's cache anew is dear, and unattended-upgrades comes here after each of its many
  // small steps.
  if (!ending->keeps.empty() || !ending->lifted.empty()) refresh_blockers(*store);
}

}  // namespace

void post_invoke() {
  if (!has_state()) return;
  const auto frontend = own_frontend();
  if (!frontend) return;
  end_plan(*frontend);
  // Not before that: a repair runs maintainer scripts.
  forget_services(paths::kRunDir, *frontend);
}

void blockers() {
  if (!has_state()) return;
  auto store = Store::open(paths::kStateDb, Store::Mode::ReadWrite);
  if (!store) return complain(store.error().message);
  refresh_blockers(*store);
}

void update() {
  if (!has_state()) return;
  auto store = Store::open(paths::kStateDb, Store::Mode::ReadWrite);
  if (!store) return complain(store.error().message);
  const auto keeps = store->keeps();
  if (!keeps) return complain(keeps.error().message);
  const auto blocked = store->blocked();
  if (!blocked) return complain(blocked.error().message);
  const bool due = lift_due(*store);
  if (lift_guarded(*store) || due) return refresh_blockers(*store);
  if (keeps->empty() && blocked->empty()) return;
  refresh_blockers(*store);
}

}  // namespace aptkeep::hook
