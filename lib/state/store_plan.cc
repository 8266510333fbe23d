// The plan of a run: begun by the hook, read and carried on by the driver.
#include <charconv>
#include <initializer_list>
#include <string_view>
#include <utility>

#include "core/island.h"
#include "state/reserve.h"
#include "state/store_impl.h"

namespace aptkeep {
namespace state {
namespace {

std::string write_literals(const std::vector<Literal>& literals) {
  std::string text;
  for (const Literal& literal : literals) {
    text += std::to_string(literal.step);
    text += literal.side == Side::Old ? "o " : "n ";
  }
  return text;
}

std::vector<Literal> read_literals(Database& db, const std::string& text, std::size_t steps) {
  std::vector<Literal> literals;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at != end) {
    std::uint32_t step = 0;
    const auto [after, error] = std::from_chars(at, end, step);
    if (error != std::errc{} || end - after < 2 || step >= steps) {
      db.fail("it is damaged");
      break;
    }
    literals.push_back({step, *after == 'o' ? Side::Old : Side::New});
    at = after + 2;
  }
  return literals;
}

bool in_range(const Plan& plan) {
  const auto steps = plan.steps.size();
  for (const Clause& clause : plan.clauses) {
    if (clause.owner_step != Clause::kOutside &&
        (clause.owner_step < 0 || static_cast<std::size_t>(clause.owner_step) >= steps)) {
      return false;
    }
    for (const Literal& literal : clause.any_of) {
      if (literal.step >= steps) {
        return false;
      }
    }
  }
  return true;
}

// The run of this process, made new if it has none.
std::int64_t run_of(Database& db, const Frontend& frontend, std::int64_t now) {
  Query find(db, "SELECT id FROM runs WHERE pid=? AND start_time=? AND boot=? ORDER BY id DESC");
  find.bind_all(frontend.pid, static_cast<std::int64_t>(frontend.start_time), frontend.boot);
  std::int64_t run = 0;
  if (find.row()) {
    run = find.integer(0);
    end_as_cut_off(db, "run=?", run, now);
    Query(db, update_sql(kRuns, {"ended"}, "id=?")).bind_all(0, run).run();
  } else if (db.ok()) {
    Query insert(db, insert_sql(kRuns));
    insert.skip()
        .bind_all(frontend.pid, static_cast<std::int64_t>(frontend.start_time), frontend.boot,
                  frontend.command, now, 0, "")
        .run();
    run = db.last_id();
    resum(db, kRuns, run);
  }
  return run;
}

void write_plan(Database& db, std::int64_t id, const Plan& plan) {
  Query step_row(db, insert_sql(kSteps));
  std::int64_t index = 0;
  for (const Step& step : plan.steps) {
    step_row
        .bind_all(id, index++, step.package, number(step.action), step.old_version,
                  step.new_version, step.archive, step.security, step.trust,
                  number(StepState::Waiting), "", "", step.never_back, false, "", step.passed,
                  step.on_failure ? 1 + number(step.on_failure->wish) : 0,
                  step.on_failure ? step.on_failure->why : "", join_lines(step.save), step.repair,
                  join_lines(step.guards), number(step.if_unmet),
                  step.island ? join_lines(island_lines(*step.island)) : "", step.afterwards)
        .run();
  }
  Query clause_row(db, insert_sql(kClauses));
  index = 0;
  for (const Clause& clause : plan.clauses) {
    clause_row
        .bind_all(id, index++, clause.owner_step, number(clause.owner_side), number(clause.kind),
                  clause.owner, clause.owner_version, clause.relation,
                  write_literals(clause.any_of))
        .run();
  }
}

Clause read_clause(Database& db, const Query& row, std::size_t steps) {
  Clause clause;
  const std::int64_t owner = row.integer(2);
  if (owner < -1 || owner >= static_cast<std::int64_t>(steps)) {
    db.fail("it is damaged");
    return clause;
  }
  clause.owner_step = static_cast<std::int32_t>(owner);
  clause.owner_side = to_enum(db, row.integer(3), Side::New);
  clause.kind = to_enum(db, row.integer(4), kLastKind);
  clause.owner = row.text(5);
  clause.owner_version = row.text(6);
  clause.relation = row.text(7);
  clause.any_of = read_literals(db, row.text(8), steps);
  return clause;
}

std::vector<Clause> read_clauses(Database& db, std::int64_t plan, std::size_t steps) {
  std::vector<Clause> clauses;
  Query rows(db, select_sql(kClauses, "WHERE plan=? ORDER BY idx"));
  rows.bind(plan);
  while (checked_row(db, rows)) {
    clauses.push_back(read_clause(db, rows, steps));
  }
  return clauses;
}

void read_run(Database& db, OpenPlan& open) {
  Query row(db, select_sql(kRuns, "WHERE id=?"));
  row.bind(open.run);
  if (!checked_row(db, row)) {
    db.fail("it is damaged");
    return;
  }
  open.frontend.pid = row.integer(1);
  open.frontend.start_time = static_cast<std::uint64_t>(row.integer(2));
  open.frontend.boot = row.text(3);
  open.frontend.command = row.text(4);
}

// `rows` stands on a row of `plans`.
OpenPlan read_open_plan(Database& db, const Query& row) {
  OpenPlan open;
  open.id = row.integer(0);
  open.run = row.integer(1);
  open.flags.bypassed = row.integer(4) != 0;
  open.flags.configure_pending = row.integer(5) != 0;
  open.flags.no_triggers = row.integer(6) != 0;
  open.flags.quiet_exit = row.integer(7) != 0;
  open.flags.native_arch = row.text(8);
  open.flags.log_mark = row.text(12);
  open.flags.rollback = row.integer(13) != 0;
  open.flags.copy_limit = row.integer(14);
  open.flags.hang_after = row.integer(15);
  open.flags.unattended = row.integer(16) != 0;
  open.flags.keep_runs = row.integer(17);
  open.flags.dpkg_options = split_lines(row.text(18));
  read_run(db, open);
  for (StepOutcome& outcome : read_outcomes(db, open.id)) {
    open.plan.steps.push_back(std::move(outcome.step));
    open.states.push_back(outcome.state);
    open.rolled_back.push_back(outcome.rolled_back);
    if (!outcome.remains.empty()) {
      open.remains[static_cast<std::uint32_t>(open.states.size() - 1)] = outcome.remains;
    }
  }
  open.plan.clauses = read_clauses(db, open.id, open.plan.steps.size());
  open.failures = read_failures(db, open.id);
  if (std::cmp_not_equal(row.integer(9), open.plan.steps.size()) ||
      std::cmp_not_equal(row.integer(10), open.plan.clauses.size()) ||
      std::cmp_not_equal(row.integer(11), open.failures.size())) {
    db.fail("it is damaged");
  }
  return open;
}

}  // namespace

void end_as_cut_off(Database& db, const char* plans, std::int64_t key, std::int64_t now) {
  const std::string which = std::string("ended=0 AND ") + plans;
  Query runs(db, "SELECT DISTINCT run FROM plans WHERE " + which);
  runs.bind(key);
  std::vector<std::int64_t> cut;
  while (runs.row()) {
    cut.push_back(runs.integer(0));
  }
  Query end_plans(db, update_sql(kPlans, {"ended"}, "run=? AND ended=0"));
  for (const std::int64_t run : cut) {
    end_run(db, run, "cut off", now);
    end_plans.bind_all(now, run).run();
  }
}

}  // namespace state

using namespace state;

Result<std::int64_t> Store::begin_plan(const Frontend& frontend, const PlanFlags& flags,
                                       const Plan& plan, std::int64_t now) {
  if (!in_range(plan)) {
    return Error{"unable to record a plan: a clause names a step that is not there"};
  }
  // Without it nothing might tell, one day, what failed: better all is as without us.
  if (!hold_reserve(impl_->path + kReserveSuffix)) {
    return Error{"unable to record a plan in " + impl_->path + ": the disk is full"};
  }
  Database& db = impl_->db;
  Transaction transaction(db, true);
  const std::int64_t run = run_of(db, frontend, now);
  end_as_cut_off(db, "run<>?", run, now);
  Query insert(db, insert_sql(kPlans));
  insert.skip()
      .bind_all(run, now, 0, flags.bypassed, flags.configure_pending, flags.no_triggers,
                flags.quiet_exit, flags.native_arch, static_cast<std::int64_t>(plan.steps.size()),
                static_cast<std::int64_t>(plan.clauses.size()), 0, flags.log_mark, flags.rollback,
                flags.copy_limit, flags.hang_after, flags.unattended, flags.keep_runs,
                join_lines(flags.dpkg_options))
      .run();
  const std::int64_t id = db.last_id();
  resum(db, kPlans, id);
  write_plan(db, id, plan);
  const Status done = transaction.finish("record a plan in " + impl_->path);
  return done ? Result<std::int64_t>(id) : done.error();
}

Result<std::optional<OpenPlan>> Store::open_plan(const Frontend& frontend) {
  Database& db = impl_->db;
  Transaction transaction(db, false);
  std::optional<OpenPlan> open;
  Query rows(db, select_sql(kPlans, "WHERE ended=0 ORDER BY id DESC"));
  while (!open && checked_row(db, rows)) {
    OpenPlan plan = read_open_plan(db, rows);
    if (plan.frontend.same_process(frontend)) {
      open = std::move(plan);
    }
  }
  rows.reset();
  const Status done = transaction.finish("read the plan from " + impl_->path);
  return done ? Result<std::optional<OpenPlan>>(std::move(open)) : done.error();
}

Result<std::optional<OpenPlan>> Store::unended_plan() {
  Database& db = impl_->db;
  Transaction transaction(db, false);
  std::optional<OpenPlan> open;
  Query rows(db, select_sql(kPlans, "WHERE ended=0 ORDER BY id DESC"));
  if (checked_row(db, rows)) {
    open = read_open_plan(db, rows);
  }
  rows.reset();
  const Status done = transaction.finish("read the plan from " + impl_->path);
  return done ? Result<std::optional<OpenPlan>>(std::move(open)) : done.error();
}

Result<std::optional<OpenPlan>> Store::plan(std::int64_t id) {
  Database& db = impl_->db;
  Transaction transaction(db, false);
  std::optional<OpenPlan> found;
  Query rows(db, select_sql(kPlans, "WHERE id=?"));
  rows.bind(id);
  if (checked_row(db, rows)) {
    found = read_open_plan(db, rows);
  }
  rows.reset();
  const Status done = transaction.finish("read a plan from " + impl_->path);
  return done ? Result<std::optional<OpenPlan>>(std::move(found)) : done.error();
}

Result<std::vector<std::int64_t>> Store::plans(std::int64_t run) {
  Database& db = impl_->db;
  Transaction transaction(db, false);
  std::vector<std::int64_t> found;
  Query rows(db, "SELECT id FROM plans WHERE ?1=0 OR run=?1 ORDER BY id DESC");
  rows.bind(run);
  while (rows.row()) {
    found.push_back(rows.integer(0));
  }
  rows.reset();
  const Status done = transaction.finish("read the plans from " + impl_->path);
  return done ? Result<std::vector<std::int64_t>>(std::move(found)) : done.error();
}

namespace {

void update_states(Database& db, std::int64_t plan,
                   const std::map<std::uint32_t, StepState>& states) {
  Query update(db, update_sql(kSteps, {"state"}, "plan=? AND idx=?"));
  for (const auto& [step, value] : states) {
    update.bind_all(number(value), plan, step).run();
    if (db.changes() != 1) {
      db.fail("there is no such step");
    }
  }
}

}  // namespace

Status Store::set_states(std::int64_t plan, const std::map<std::uint32_t, StepState>& states) {
  Database& db = impl_->db;
  Transaction transaction(db, true);
  update_states(db, plan, states);
  return transaction.finish("record the progress in " + impl_->path);
}

Result<std::int64_t> Store::add_failure(std::int64_t plan, const Failure& failure,
                                        const std::map<std::uint32_t, StepState>& states) {
  Database& db = impl_->db;
  Transaction transaction(db, true);
  Query count(db, "SELECT failures FROM plans WHERE id=?");
  const std::int64_t failures = count.bind(plan).row() ? count.integer(0) : 0;
  Query(db, update_sql(kPlans, {"failures"}, "id=?")).bind_all(failures + 1, plan).run();
  if (db.changes() != 1) {
    db.fail("there is no such plan");
  }
  Query insert(db, insert_sql(kFailures));
  insert.skip()
      .bind_all(plan, failure.package, failure.step, failure.version, failure.old_version,
                number(failure.phase), failure.script, failure.exit_code, failure.signal,
                failure.message, failure.output, failure.healed, number(failure.failure_class))
      .run();
  const std::int64_t id = db.last_id();
  resum(db, kFailures, id);
  update_states(db, plan, states);
  const Status done = transaction.finish("record a failure in " + impl_->path);
  return done ? Result<std::int64_t>(id) : done.error();
}

Status Store::heal_failures(std::int64_t plan, const std::string& package) {
  Database& db = impl_->db;
  Transaction transaction(db, true);
  Query(db, update_sql(kFailures, {"healed"}, "plan=? AND package=?"))
      .bind_all(1, plan, package)
      .run();
  return transaction.finish("record a healed failure in " + impl_->path);
}

namespace {

// One row, by its plan and index, which are the last two of `values`.
template <typename... Values>
Status set_in_step(Database& db, std::initializer_list<std::string_view> columns,
                   const std::string& what, const Values&... values) {
  Transaction transaction(db, true);
  Query(db, update_sql(kSteps, columns, "plan=? AND idx=?")).bind_all(values...).run();
  if (db.changes() != 1) db.fail("there is no such step");
  return transaction.finish(what);
}

}  // namespace

Status Store::set_rolled_back(std::int64_t plan, std::uint32_t step,
                              const std::vector<std::string>& remains, bool back) {
  return set_in_step(impl_->db, {"rolled_back", "remains"}, "record a rollback in " + impl_->path,
                     back ? 1 : 0, join_lines(remains), plan, step);
}

Status Store::note_backups(std::int64_t plan, std::uint32_t step,
                           const std::vector<std::string>& paths) {
  Database& db = impl_->db;
  Transaction transaction(db, true);
  Query insert(db, insert_sql(kBackups));
  for (const std::string& path : paths) insert.bind_all(plan, step, path).run();
  return transaction.finish("record backups in " + impl_->path);
}

Status Store::set_passed(std::int64_t plan, std::uint32_t step, const std::string& passed) {
  return set_in_step(impl_->db, {"passed"}, "record what was let pass in " + impl_->path, passed,
                     plan, step);
}

Status Store::set_afterwards(std::int64_t plan, std::uint32_t step, const std::string& afterwards) {
  return set_in_step(impl_->db, {"afterwards"}, "record what comes after in " + impl_->path,
                     afterwards, plan, step);
}

Result<bool> Store::claim_afterwards(std::int64_t plan, std::uint32_t step,
                                     const std::string& afterwards) {
  Database& db = impl_->db;
  Transaction transaction(db, true);
  Query update(db, update_sql(kSteps, {"afterwards"}, "afterwards='' AND plan=? AND idx=?"));
  update.bind_all(afterwards, plan, step).run();
  const bool first = db.changes() > 0;
  const Status done = transaction.finish("record what comes after in " + impl_->path);
  return done ? Result<bool>(first) : done.error();
}

Status Store::set_never_back(std::int64_t plan, std::uint32_t step, const std::string& why) {
  return set_in_step(impl_->db, {"never_back"}, "record what cannot go back in " + impl_->path, why,
                     plan, step);
}

}  // namespace aptkeep
