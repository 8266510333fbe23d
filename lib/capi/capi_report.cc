// Reading the record: runs, one run whole, and what is kept.
#include <limits>
#include <memory>
#include <utility>

#include "adapters/proc.h"
#include "core/failure_class.h"
#include "record.h"

using namespace aptkeep;
using namespace aptkeep::capi;

namespace {

int no_such(const char* what) {
  return fail(APTKEEP_EINVAL, std::string("unable to read the record: there is no such ") + what);
}

bool given(const void* state, const void* out) {
  if (state == nullptr || out == nullptr) {
    fail(APTKEEP_EINVAL, "unable to read the record: an argument is NULL");
    return false;
  }
  return true;
}

aptkeep_run run_of(const RunSummary& summary) {
  aptkeep_run run{};
  run.id = summary.id;
  run.begun = summary.begun;
  run.ended = summary.ended;
  run.command = summary.command.c_str();
  run.note = summary.note.c_str();
  run.native_arch = summary.native_arch.c_str();
  run.done = summary.done;
  run.failed = summary.failed;
  run.kept = summary.kept;
  run.stranded = summary.stranded;
  run.not_reached = summary.not_reached;
  run.cut_off = is_cut_off(summary) ? 1 : 0;
  return run;
}

aptkeep_step step_of(const StepOutcome& outcome, const Lines& cause, const Lines& remains,
                     const Lines& backups) {
  aptkeep_step step{};
  step.package = outcome.step.package.c_str();
  step.action = static_cast<int>(outcome.step.action);
  step.old_version = outcome.step.old_version.c_str();
  step.new_version = outcome.step.new_version.c_str();
  step.security = outcome.step.security ? 1 : 0;
  step.outcome = static_cast<int>(outcome.state);
  step.db_state = outcome.db_state.c_str();
  step.cause_count = cause.size();
  step.cause = cause.data();
  step.rolled_back = outcome.rolled_back ? 1 : 0;
  step.never_back = outcome.step.never_back.c_str();
  step.remains_count = remains.size();
  step.remains = remains.data();
  step.passed = outcome.step.passed.c_str();
  step.repair = outcome.step.repair.c_str();
  step.backup_count = backups.size();
  step.backups = backups.data();
  step.afterwards = trouble_after(outcome.step).c_str();
  return step;
}

aptkeep_failure failure_of(const Failure& recorded) {
  aptkeep_failure failure{};
  failure.package = recorded.package.c_str();
  failure.version = recorded.version.c_str();
  failure.old_version = recorded.old_version.c_str();
  failure.phase = static_cast<int>(recorded.phase);
  failure.script = recorded.script.c_str();
  failure.exit_code = recorded.exit_code;
  failure.signal = recorded.signal;
  failure.message = recorded.message.c_str();
  failure.output = recorded.output.c_str();
  failure.output_size = recorded.output.size();
  failure.healed = recorded.healed ? 1 : 0;
  failure.failure_class = to_string(recorded.failure_class);
  failure.on_request = is_request(recorded.message) ? 1 : 0;
  return failure;
}

aptkeep_keep keep_of(const Keep& recorded, const Lines& cause) {
  aptkeep_keep keep{};
  keep.run = recorded.run;
  keep.package = recorded.package.c_str();
  keep.version = recorded.version.c_str();
  keep.old_version = recorded.old_version.c_str();
  keep.failed = recorded.failed ? 1 : 0;
  keep.root = recorded.root.c_str();
  keep.db_state = recorded.db_state.c_str();
  keep.phase = static_cast<int>(recorded.phase);
  keep.exit_code = recorded.exit_code;
  keep.signal = recorded.signal;
  keep.script = recorded.script.c_str();
  keep.message = recorded.message.c_str();
  keep.output = recorded.output.c_str();
  keep.output_size = recorded.output.size();
  keep.security = recorded.security ? 1 : 0;
  keep.attempts = recorded.attempts;
  keep.since = recorded.since;
  keep.cause_count = cause.size();
  keep.cause = cause.data();
  keep.failure_class = recorded.failed ? to_string(recorded.failure_class) : "";
  keep.tried = recorded.tried;
  keep.tries_again = tries_again(recorded) ? 1 : 0;
  keep.on_request = recorded.failed && is_request(recorded.message) ? 1 : 0;
  return keep;
}

// Made once, kept by the handle; nullptr when memory is out.
template <typename Make>
const char* json_once(std::string& json, Make make) {
  const int made = guard([&] {
    if (json.empty()) {
      json = make();
    }
    return int{APTKEEP_OK};
  });
  return made == APTKEEP_OK ? json.c_str() : nullptr;
}

}  // namespace

bool capi::is_cut_off(const RunSummary& run) {
  return run.ended == 0 && !is_alive(run.frontend);
}

bool capi::tries_again(const Keep& keep) {
  return keep.failed && due_again(keep.failure_class, keep.attempts, keep.tried,
                                  std::numeric_limits<std::int64_t>::max());
}

int aptkeep_state_runs(aptkeep_state* state, unsigned most, aptkeep_runs** out) {
  return guard([&] {
    if (!given(state, out)) {
      return int{APTKEEP_EINVAL};
    }
    *out = nullptr;
    constexpr unsigned kMost = std::numeric_limits<int>::max();
    auto runs = state->store.runs(static_cast<int>(std::min(most, kMost)));
    if (!runs) {
      return fail(APTKEEP_ESTATE, runs.error().message);
    }
    *out = new aptkeep_runs{std::move(*runs), {}};
    return int{APTKEEP_OK};
  });
}

void aptkeep_runs_free(aptkeep_runs* runs) {
  delete runs;
}

size_t aptkeep_runs_count(const aptkeep_runs* runs) {
  return runs == nullptr ? 0 : runs->runs.size();
}

int aptkeep_runs_get(const aptkeep_runs* runs, size_t number, aptkeep_run* run) {
  return number < aptkeep_runs_count(runs)
             ? give(run_of(runs->runs[number]), APTKEEP_LEAST(aptkeep_run, not_reached), run)
             : no_such("run");
}

const char* aptkeep_runs_json(aptkeep_runs* runs) {
  return given(runs, runs) ? json_once(runs->json, [&] { return json_of(runs->runs); }) : nullptr;
}

int aptkeep_state_report(aptkeep_state* state, int64_t run, aptkeep_report** out) {
  return guard([&] {
    if (!given(state, out)) {
      return int{APTKEEP_EINVAL};
    }
    *out = nullptr;
    auto found = state->store.report(run);
    if (!found) {
      return fail(APTKEEP_ESTATE, found.error().message);
    }
    if (!*found) {
      return fail(APTKEEP_ENOENT, run == 0
                                      ? std::string("unable to read a report: no run is on record")
                                      : "unable to read the report of run " + std::to_string(run) +
                                            ": it is not on record");
    }
    auto report = std::make_unique<aptkeep_report>();
    report->report = std::move(**found);
    for (const StepOutcome& outcome : report->report.steps) {
      report->causes.emplace_back(outcome.cause);
      report->remains.emplace_back(outcome.remains);
      report->backups.emplace_back(outcome.backups);
    }
    *out = report.release();
    return int{APTKEEP_OK};
  });
}

void aptkeep_report_free(aptkeep_report* report) {
  delete report;
}

int aptkeep_report_run(const aptkeep_report* report, aptkeep_run* run) {
  return report == nullptr
             ? no_such("report")
             : give(run_of(report->report.summary), APTKEEP_LEAST(aptkeep_run, not_reached), run);
}

size_t aptkeep_report_step_count(const aptkeep_report* report) {
  return report == nullptr ? 0 : report->report.steps.size();
}

int aptkeep_report_step(const aptkeep_report* report, size_t number, aptkeep_step* step) {
  return number < aptkeep_report_step_count(report)
             ? give(step_of(report->report.steps[number], report->causes[number],
                            report->remains[number], report->backups[number]),
                    APTKEEP_LEAST(aptkeep_step, cause), step)
             : no_such("step");
}

size_t aptkeep_report_failure_count(const aptkeep_report* report) {
  return report == nullptr ? 0 : report->report.failures.size();
}

int aptkeep_report_failure(const aptkeep_report* report, size_t number, aptkeep_failure* failure) {
  return number < aptkeep_report_failure_count(report)
             ? give(failure_of(report->report.failures[number]),
                    APTKEEP_LEAST(aptkeep_failure, healed), failure)
             : no_such("failure");
}

const char* aptkeep_report_json(aptkeep_report* report) {
  return given(report, report) ? json_once(report->json, [&] { return json_of(report->report); })
                               : nullptr;
}

int aptkeep_state_keeps(aptkeep_state* state, aptkeep_keeps** out) {
  return guard([&] {
    if (!given(state, out)) {
      return int{APTKEEP_EINVAL};
    }
    *out = nullptr;
    auto found = state->store.keeps();
    auto blocked = state->store.blocked();
    const auto runs = state->store.runs(1);
    if (!found || !blocked || !runs) {
      return fail(APTKEEP_ESTATE, !found     ? found.error().message
                                  : !blocked ? blocked.error().message
                                             : runs.error().message);
    }
    auto keeps = std::make_unique<aptkeep_keeps>();
    keeps->keeps = std::move(*found);
    keeps->blocked = std::move(*blocked);
    if (!runs->empty()) {
      keeps->native_arch = runs->front().native_arch;
      keeps->cut_off = is_cut_off(runs->front()) ? runs->front().id : 0;
    }
    for (const Keep& keep : keeps->keeps) {
      keeps->causes.emplace_back(keep.cause);
    }
    *out = keeps.release();
    return int{APTKEEP_OK};
  });
}

void aptkeep_keeps_free(aptkeep_keeps* keeps) {
  delete keeps;
}

size_t aptkeep_keeps_count(const aptkeep_keeps* keeps) {
  return keeps == nullptr ? 0 : keeps->keeps.size();
}

int aptkeep_keeps_get(const aptkeep_keeps* keeps, size_t number, aptkeep_keep* keep) {
  return number < aptkeep_keeps_count(keeps)
             ? give(keep_of(keeps->keeps[number], keeps->causes[number]),
                    APTKEEP_LEAST(aptkeep_keep, cause), keep)
             : no_such("keep");
}

const char* aptkeep_keeps_native_arch(const aptkeep_keeps* keeps) {
  return keeps == nullptr ? "" : keeps->native_arch.c_str();
}

const char* aptkeep_keeps_json(aptkeep_keeps* keeps) {
  return given(keeps, keeps) ? json_once(keeps->json, [&] { return json_of(*keeps); }) : nullptr;
}
