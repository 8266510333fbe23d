#include "engine/plain.h"

#include <algorithm>
#include <array>
#include <utility>

#include "core/dpkg_log.h"
#include "core/held_up.h"
#include "core/kept_set.h"
#include "engine/services.h"
#include "engine/session.h"

namespace aptkeep {
namespace {

const std::string kOnlyUnpacked = "unpacked, and not configured";

std::optional<Failure> failure_of_step(const Step& step, std::int32_t index, const DbSnapshot& db,
                                       bool unpack_only) {
  Failure failure;
  failure.package = step.package;
  failure.step = index;
  failure.version = step.new_version;
  failure.old_version = step.old_version;
  if (step.new_version.empty()) {
    const bool purge = step.action == Action::Purge;
    // dpkg forgets what it has purged; until then its configuration is left.
    if (purge ? !db.contains(step.package) : at_new_side(step, db)) return std::nullopt;
    failure.phase = purge ? Phase::Purge : Phase::Remove;
    if (purge) failure.script = "postrm";
    failure.message =
        std::string("dpkg began to ") + (purge ? "purge" : "remove") + " it and did not finish";
    return failure;
  }
  if (!at_new_side(step, db)) {
    failure.phase = Phase::Unpack;
    failure.message = "dpkg began to unpack it and did not finish";
    return failure;
  }
  const std::string& state = db.at(step.package).state;
  if (db.at(step.package).configured() || (unpack_only && state.size() == 2 && state[1] == 'U')) {
    return std::nullopt;
  }
  failure.phase = Phase::Configure;
  if (state.size() > 1 && state[1] == 'F') failure.script = "postinst";
  failure.message = state.size() > 1 && state[1] == 'U'
                        ? kOnlyUnpacked
                        : "dpkg began to configure it and did not finish";
  return failure;
}

// What it waits for need not be of the call.
void tell_unmet_needs(std::vector<Failure>& failures, FinishPorts& ports) {
  for (Failure& failure : failures) {
    if (failure.message != kOnlyUnpacked || !ports.unmet_needs) continue;
    const auto unmet = ports.unmet_needs(failure.package);
    if (!unmet) continue;
    for (const std::string& relation : *unmet)
      failure.message += (&relation == &unmet->front() ? ": needs " : ", ") + relation;
  }
}

// What ran of these and does not now, as a run has it on record; whose it is not goes with whom it
// was held for, as the steps say then.
std::vector<UnitRecord> down_of(const std::vector<HeldUnit>& held, FinishPorts& ports,
                                std::vector<Step>& steps) {
  std::vector<std::string> names;
  std::vector<std::string> packages;
  for (const HeldUnit& one : held) {
    if (!one.ran || one.unit.find("@.") != std::string::npos) continue;
    names.push_back(one.unit);
    packages.push_back(one.package);
  }
  if (names.empty() || ports.units == nullptr || !ports.units_of) return {};
  const auto now = ports.units->ask(names);
  const auto files = ports.units_of(packages);
  if (!now || !files) {
    ports.say(now ? files.error().message : now.error().message);
    return {};
  }
  std::vector<UnitRecord> down;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto found = now->find(names[i]);
    if (found == now->end() || found->second.is_up()) continue;
    const auto its = files->find(packages[i]);
    const bool own =
        its != files->end() && std::ranges::any_of(its->second, [&](const std::string& file) {
          return is_instance_or_same(names[i], file);
        });
    down.push_back({names[i], own ? packages[i] : "", "active", true, "", ""});
    down.back().file_state = found->second.file_state;
    const auto step = std::ranges::find(steps, packages[i], &Step::package);
    if (own || step == steps.end()) continue;
    if (!step->island) step->island = Island{};
    step->island->together.push_back(names[i]);
  }
  return down;
}

}  // namespace

void add_unpacked(std::vector<Step>& steps, const DbSnapshot& db) {
  for (const auto& [package, now] : db) {
    const bool named =
        std::ranges::any_of(steps, [&](const Step& step) { return step.package == package; });
    if (named || now.state != "iU") continue;
    Step step;
    step.package = package;
    step.action = Action::Configure;
    step.old_version = step.new_version = now.version;
    steps.push_back(std::move(step));
  }
}

std::vector<Failure> failures_of_plain_call(const std::vector<Step>& steps, const DbSnapshot& db,
                                            bool unpack_only) {
  std::vector<Failure> failures;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const auto failure = failure_of_step(steps[i], static_cast<std::int32_t>(i), db, unpack_only);
    if (failure) failures.push_back(*failure);
  }
  return failures;
}

void leave_out_follow_ups(const Plan& plan, const DbSnapshot& db, std::vector<Failure>& failures) {
  const auto is_unpacked = [&](const Failure& failure) {
    const auto entry = db.find(failure.package);
    return failure.phase == Phase::Configure && failure.script.empty() && entry != db.end() &&
           entry->second.state.size() == 2 && entry->second.state[1] == 'U';
  };
  std::vector<StepState> states(plan.steps.size(), StepState::Done);
  std::vector<std::uint32_t> failed;
  for (const Failure& failure : failures) {
    const auto step = static_cast<std::uint32_t>(failure.step);
    const bool whole = whole_at_old_side(plan.steps[step], db);
    states[step] = whole ? StepState::FailedOld : StepState::FailedNew;
    if (!is_unpacked(failure)) failed.push_back(step);
  }
  // Of what is only unpacked, too, one may wait for the other.
  const KeptSet kept = least_kept_set(plan, failed);
  std::vector<Failure> own;
  for (const Failure& failure : failures) {
    const auto step = static_cast<std::uint32_t>(failure.step);
    const bool waits = root_of(kept, step) != nullptr || held_up(plan, states, step);
    if (!is_unpacked(failure) || !waits) own.push_back(failure);
  }
  if (!own.empty()) failures = std::move(own);  // else they wait for each other
}

Result<Ending> record_plain_call(const Frontend& dpkg, std::string_view log, PlainCall call,
                                 const std::string& native_arch, FinishPorts& ports,
                                 const std::string& pins_path, std::int64_t now,
                                 const std::vector<HeldUnit>& held) {
  const auto active = ports.store.keeps();
  if (!active) return active.error();
  auto steps = steps_from_dpkg_log(log, native_arch);
  if (steps.empty() && active->empty() && !call.configures_all) return Ending{};
  const auto database = ports.db.read();
  if (!database) return database.error();
  if (call.configures_all) add_unpacked(steps, *database);
  const auto down = down_of(held, ports, steps);
  OpenPlan open;
  open.flags.native_arch = native_arch;
  open.plan.steps = steps;
  open.states.assign(steps.size(), StepState::Waiting);
  open.failures = failures_of_plain_call(steps, *database, call.only_unpacks);
  if (open.failures.size() > 1 && ports.needs_among) {
    auto clauses = ports.needs_among(steps);
    if (!clauses) return clauses.error();
    open.plan.clauses = std::move(*clauses);
    leave_out_follow_ups(open.plan, *database, open.failures);
  }
  tell_unmet_needs(open.failures, ports);
  const bool changes = !fold(open, *database, *active, now).lifted.empty();
  if (open.failures.empty() && !changes && down.empty()) return Ending{};
  const auto plan = ports.store.begin_plan(dpkg, open.flags, open.plan, now);
  if (!plan) return plan.error();
  for (const auto& failure : open.failures) {
    if (const auto added = ports.store.add_failure(*plan, failure); !added) return added.error();
  }
  if (!down.empty()) {
    const auto run = ports.store.run_of_process(dpkg);
    const Status noted = run ? ports.store.note_units(*run, down) : Status(run.error());
    if (!noted) ports.say(noted.error().message);
  }
  return finish_plan(dpkg, ports, pins_path, now);
}

bool changes_packages_here(const std::vector<std::string>& arguments) {
  static constexpr std::array kVerbs{"-i", "--install",      "--unpack", "--configure",
                                     "-r", "--remove",       "-P",       "--purge",
                                     "-a", "--triggers-only"};
  bool verb = false;
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (argument == "--") break;
    if (argument == "--no-act" || argument == "--dry-run" || argument == "--simulate") return false;
    for (const auto& [option, here] :
         {std::pair{"--root", "/"}, {"--instdir", "/"}, {"--admindir", "/var/lib/dpkg"}}) {
      const std::string joined = std::string(option) + "=";
      const bool apart = argument == option && i + 1 < arguments.size();
      if (!apart && !argument.starts_with(joined)) continue;
      if ((apart ? arguments[i + 1] : argument.substr(joined.size())) != here) return false;
    }
    verb = verb || std::find(kVerbs.begin(), kVerbs.end(), argument) != kVerbs.end();
  }
  return verb;
}

PlainCall plain_call(const std::vector<std::string>& arguments) {
  const auto says = [&](const char* word) { return std::ranges::count(arguments, word) > 0; };
  PlainCall call;
  call.only_unpacks = says("--unpack");
  if (!says("--configure")) return call;
  call.configures_all = says("-a") || says("--pending");
  std::ranges::copy_if(arguments.begin() + 1, arguments.end(), std::back_inserter(call.configures),
                       [](const std::string& word) { return !word.starts_with("-"); });
  return call;
}

}  // namespace aptkeep
