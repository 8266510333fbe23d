// What runs did, for people and programs that ask afterwards.
#include <algorithm>
#include <set>
#include <utility>

#include "core/island.h"
#include "state/store_impl.h"

namespace aptkeep {
namespace state {
namespace {

std::vector<std::int64_t> plans_of(Database& db, std::int64_t run) {
  std::vector<std::int64_t> plans;
  Query rows(db, "SELECT id FROM plans WHERE run=? ORDER BY id");
  rows.bind(run);
  while (rows.row()) {
    plans.push_back(rows.integer(0));
  }
  return plans;
}

void count(RunSummary& summary, StepState state) {
  switch (state) {
    case StepState::Done:
      ++summary.done;
      break;
    case StepState::FailedOld:
    case StepState::FailedNew:
      ++summary.failed;
      break;
    case StepState::Kept:
      ++summary.kept;
      break;
    case StepState::Stranded:
      ++summary.stranded;
      break;
    case StepState::NotReached:
      ++summary.not_reached;
      break;
    case StepState::Waiting:
    case StepState::Unpacked:
    case StepState::Returning:
      summary.not_reached += summary.ended != 0 ? 1 : 0;
      break;
  }
}

// `row` stands on a row of `runs`.
RunSummary read_summary(Database& db, const Query& row) {
  RunSummary summary;
  summary.id = row.integer(0);
  summary.command = row.text(4);
  summary.frontend.pid = row.integer(1);
  summary.frontend.start_time = static_cast<std::uint64_t>(row.integer(2));
  summary.frontend.boot = row.text(3);
  summary.begun = row.integer(5);
  summary.ended = row.integer(6);
  summary.note = row.text(7);
  Query arch(db, "SELECT native_arch FROM plans WHERE run=? ORDER BY id DESC LIMIT 1");
  if (arch.bind(summary.id).row()) {
    summary.native_arch = arch.text(0);
  }
  Query states(db, "SELECT s.state FROM plans p CROSS JOIN steps s ON s.plan=p.id WHERE p.run=?");
  states.bind(summary.id);
  while (states.row()) {
    count(summary, to_enum(db, states.integer(0), kLastState));
  }
  return summary;
}

RunReport read_report(Database& db, const Query& row) {
  RunReport report;
  report.summary = read_summary(db, row);
  for (const std::int64_t plan : plans_of(db, report.summary.id)) {
    for (StepOutcome& outcome : read_outcomes(db, plan)) {
      report.steps.push_back(std::move(outcome));
    }
    for (Failure& failure : read_failures(db, plan)) {
      report.failures.push_back(std::move(failure));
    }
  }
  report.units = read_units(db, report.summary.id);
  return report;
}

void delete_run(Database& db, std::int64_t run) {
  for (const std::int64_t plan : plans_of(db, run)) {
    for (const char* sql : {"DELETE FROM steps WHERE plan=?", "DELETE FROM clauses WHERE plan=?",
                            "DELETE FROM failures WHERE plan=?", "DELETE FROM backups WHERE plan=?",
                            "DELETE FROM plans WHERE id=?"}) {
      Query(db, sql).bind(plan).run();
    }
  }
  Query(db, "DELETE FROM keeps WHERE run=? AND lifted<>0").bind(run).run();
  Query(db, "DELETE FROM units WHERE run=?").bind(run).run();
  Query(db, "DELETE FROM runs WHERE id=?").bind(run).run();
}

}  // namespace

Step read_step(Database& db, const Query& query) {
  Step step;
  step.package = query.text(2);
  step.action = to_enum(db, query.integer(3), kLastAction);
  step.old_version = query.text(4);
  step.new_version = query.text(5);
  step.archive = query.text(6);
  step.security = query.integer(7) != 0;
  step.trust = static_cast<int>(query.integer(8));
  step.never_back = query.text(12);
  step.passed = query.text(15);
  // 0: no rule says anything.
  if (const std::int64_t wish = query.integer(16); wish != 0)
    step.on_failure = FailureRule{to_enum(db, wish - 1, OnFailure::LeaveNew), query.text(17)};
  step.save = split_lines(query.text(18));
  step.repair = query.text(19);
  step.guards = split_lines(query.text(20));
  step.if_unmet = to_enum(db, query.integer(21), IfUnmet::Force);
  step.island = island_from(split_lines(query.text(22)));
  step.afterwards = query.text(23);
  return step;
}

std::vector<StepOutcome> read_outcomes(Database& db, std::int64_t plan) {
  std::vector<StepOutcome> outcomes;
  Query rows(db, select_sql(kSteps, "WHERE plan=? ORDER BY idx"));
  rows.bind(plan);
  while (checked_row(db, rows)) {
    if (std::cmp_not_equal(rows.integer(1), outcomes.size())) {
      db.fail("it is damaged");
      break;
    }
    StepOutcome outcome;
    outcome.step = read_step(db, rows);
    outcome.state = to_enum(db, rows.integer(9), kLastState);
    outcome.cause = split_lines(rows.text(10));
    outcome.db_state = rows.text(11);
    outcome.rolled_back = rows.integer(13) != 0;
    outcome.remains = split_lines(rows.text(14));
    outcomes.push_back(std::move(outcome));
  }
  Query backups(db, select_sql(kBackups, "WHERE plan=? ORDER BY rowid"));
  backups.bind(plan);
  while (checked_row(db, backups)) {
    const auto step = static_cast<std::size_t>(backups.integer(1));
    if (step < outcomes.size()) outcomes[step].backups.push_back(backups.text(2));
  }
  return outcomes;
}

std::vector<Failure> read_failures(Database& db, std::int64_t plan) {
  std::vector<Failure> failures;
  Query rows(db, select_sql(kFailures, "WHERE plan=? ORDER BY id"));
  rows.bind(plan);
  while (checked_row(db, rows)) {
    Failure failure;
    failure.package = rows.text(2);
    failure.step = static_cast<std::int32_t>(rows.integer(3));
    failure.version = rows.text(4);
    failure.old_version = rows.text(5);
    failure.phase = to_enum(db, rows.integer(6), kLastPhase);
    failure.script = rows.text(7);
    failure.exit_code = static_cast<int>(rows.integer(8));
    failure.signal = static_cast<int>(rows.integer(9));
    failure.message = rows.text(10);
    failure.output = rows.text(11);
    failure.healed = rows.integer(12) != 0;
    failure.failure_class = to_enum(db, rows.integer(13), kLastClass);
    failures.push_back(std::move(failure));
  }
  return failures;
}

}  // namespace state

using namespace state;

Result<std::vector<RunSummary>> Store::runs(int most) {
  Database& db = impl_->db;
  Transaction transaction(db, false);
  std::vector<RunSummary> runs;
  Query rows(db, select_sql(kRuns, "ORDER BY id DESC LIMIT ?"));
  rows.bind(most < 0 ? 0 : most);
  while (checked_row(db, rows)) {
    runs.push_back(read_summary(db, rows));
  }
  rows.reset();
  const Status done = transaction.finish("read the runs from " + impl_->path);
  return done ? Result<std::vector<RunSummary>>(std::move(runs)) : done.error();
}

Result<std::optional<RunReport>> Store::report(std::int64_t run) {
  Database& db = impl_->db;
  Transaction transaction(db, false);
  std::optional<RunReport> report;
  Query rows(db, select_sql(kRuns, "WHERE ?1=0 OR id=?1 ORDER BY id DESC LIMIT 1"));
  rows.bind(run);
  if (checked_row(db, rows)) {
    report = read_report(db, rows);
  }
  rows.reset();
  const Status done = transaction.finish("read the report from " + impl_->path);
  return done ? Result<std::optional<RunReport>>(std::move(report)) : done.error();
}

Result<std::vector<LeftIsland>> Store::left_islands() {
  Database& db = impl_->db;
  Transaction transaction(db, false);
  std::vector<LeftIsland> left;
  const auto text = [](auto value) { return std::to_string(number(value)); };
  const std::string left_so = "afterwards='' AND rolled_back=0 AND state IN (" +
                              text(StepState::FailedNew) + "," + text(StepState::Stranded) + ")";
  // Anew, or what was begun has gone with its package.
  const std::string replaced = "later.state=" + text(StepState::Done) +
                               " AND (later.new_version='' OR later.old_version='' OR "
                               "(later.island<>'' AND later.action<>" +
                               text(Action::Configure) + "))";
  const std::string failed = "afterwards NOT IN ('','" + std::string(kIslandDone) + "')";
  std::set<std::pair<std::string, std::string>> seen;
  Query run(db, "SELECT run FROM plans WHERE id=?");
  Query rows(db, select_sql(kSteps, "WHERE island<>'' AND (" + failed + " OR (" + left_so +
                                        ")) AND plan IN (SELECT id FROM plans WHERE ended<>0) "
                                        "AND NOT EXISTS (SELECT 1 FROM steps later WHERE "
                                        "later.plan>steps.plan AND later.package=steps.package "
                                        "AND " +
                                        replaced + ") ORDER BY plan DESC,idx DESC"));
  while (checked_row(db, rows)) {
    LeftIsland one;
    one.plan = rows.integer(0);
    one.index = static_cast<std::uint32_t>(rows.integer(1));
    one.step = read_step(db, rows);
    if (run.bind(one.plan).row()) one.run = run.integer(0);
    run.reset();
    // Each version's newest: what came before it has been begun anew. Another version may have come
    // to nothing since then.
    if (one.step.island && seen.emplace(one.step.package, one.step.new_version).second)
      left.push_back(std::move(one));
  }
  std::ranges::reverse(left);
  rows.reset();
  const Status read = transaction.finish("read what is left to do from " + impl_->path);
  return read ? Result<std::vector<LeftIsland>>(std::move(left)) : read.error();
}

Status Store::prune(int keep_runs) {
  Database& db = impl_->db;
  Transaction transaction(db, true);
  Query old(db,
            "SELECT id FROM runs WHERE ended<>0 "
            "AND id NOT IN (SELECT run FROM keeps WHERE lifted=0) "
            "AND id NOT IN (SELECT id FROM runs ORDER BY id DESC LIMIT ?)");
  old.bind(keep_runs < 0 ? 0 : keep_runs);
  std::vector<std::int64_t> runs;
  while (old.row()) {
    runs.push_back(old.integer(0));
  }
  for (const std::int64_t run : runs) {
    delete_run(db, run);
  }
  return transaction.finish("remove old runs from " + impl_->path);
}

}  // namespace aptkeep
