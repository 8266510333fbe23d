// Keeps, and the end of a plan that makes and lifts them.
#include <algorithm>
#include <utility>

#include "state/store_impl.h"

namespace aptkeep {
namespace state {
namespace {

constexpr const char* kWentThrough = "went through";
constexpr const char* kReplaced = "replaced";

// Columns of kKeeps.
Keep read_keep(Database& db, const Query& row) {
  Keep keep;
  keep.id = row.integer(0);
  keep.run = row.integer(1);
  keep.package = row.text(2);
  keep.version = row.text(3);
  keep.old_version = row.text(4);
  keep.failed = row.integer(5) != 0;
  keep.root = row.text(6);
  keep.cause = split_lines(row.text(7));
  keep.db_state = row.text(8);
  keep.phase = to_enum(db, row.integer(9), kLastPhase);
  keep.script = row.text(10);
  keep.exit_code = static_cast<int>(row.integer(11));
  keep.signal = static_cast<int>(row.integer(12));
  keep.message = row.text(13);
  keep.output = row.text(14);
  keep.security = row.integer(15) != 0;
  keep.attempts = static_cast<int>(row.integer(16));
  keep.since = row.integer(17);
  keep.tried = row.integer(20);
  keep.failure_class = to_enum(db, row.integer(21), kLastClass);
  return keep;
}

struct Before {
  int attempts = 0;
  std::int64_t since = 0;
};

// Its old version failed in the run that keeps it.
bool failed_at_old(Database& db, const Keep& keep) {
  const bool half = keep.db_state.size() == 2 && keep.db_state[1] == 'F';
  if (!keep.failed || !half || keep.old_version.empty() || keep.old_version == keep.version)
    return false;
  Query rows(db, select_sql(kFailures,
                            "WHERE package=? AND version=? AND phase IN (?,?) AND healed=0 AND "
                            "plan IN (SELECT id FROM plans WHERE run=?) LIMIT 1"));
  rows.bind_all(keep.package, keep.old_version, number(Phase::Configure), number(Phase::Trigger),
                keep.run);
  return checked_row(db, rows);
}

// The last record of the same version, also a lifted one: somebody who lets it be tried again and
// sees it fail again has tried it twice. One that went through counts for nothing.
Before before(Database& db, const Keep& keep) {
  Query last(db, select_sql(kKeeps, "WHERE package=? ORDER BY id DESC LIMIT 1"));
  last.bind(keep.package);
  if (!checked_row(db, last) || last.text(19) == kWentThrough) {
    return {};
  }
  const Keep old = read_keep(db, last);
  return old.version == keep.version ? Before{old.failed ? old.attempts : 0, old.since} : Before{};
}

void write_outcomes(Database& db, std::int64_t plan, const std::vector<StepOutcome>& outcomes) {
  Query update(db, update_sql(kSteps, {"state", "cause", "db_state"}, "plan=? AND idx=?"));
  std::int64_t index = 0;
  for (const StepOutcome& outcome : outcomes) {
    update
        .bind_all(number(outcome.state), join_lines(outcome.cause), outcome.db_state, plan, index++)
        .run();
  }
}

void drop_old_clauses(Database& db) {
  Query find(db,
             "SELECT id FROM plans WHERE clauses<>0 AND ended<>0 AND id NOT IN "
             "(SELECT id FROM plans WHERE ended<>0 ORDER BY id DESC LIMIT ?)");
  find.bind(Store::kPlansWithClauses);
  std::vector<std::int64_t> old;
  while (find.row()) {
    old.push_back(find.integer(0));
  }
  Query update(db, update_sql(kPlans, {"clauses"}, "id=?"));
  Query remove(db, "DELETE FROM clauses WHERE plan=?");
  for (const std::int64_t plan : old) {
    update.bind_all(0, plan).run();
    remove.bind(plan).run();
  }
}

// Returns the run; 0 where there is no such plan, or it has ended.
std::int64_t close_plan(Database& db, std::int64_t plan, std::size_t outcomes, std::int64_t now) {
  Query find(db, select_sql(kPlans, "WHERE id=?"));
  find.bind(plan);
  if (!checked_row(db, find)) {
    db.fail("there is no such plan");
    return 0;
  }
  if (find.integer(3) != 0) {
    db.fail("it has ended already");
  } else if (std::cmp_not_equal(find.integer(9), outcomes)) {
    db.fail("it has another number of steps");
  }
  const std::int64_t run = find.integer(1);
  find.reset();
  Query(db, update_sql(kPlans, {"ended"}, "id=?")).bind_all(now, plan).run();
  drop_old_clauses(db);
  return run;
}

}  // namespace

void end_run(Database& db, std::int64_t run, const std::string& note, std::int64_t now) {
  Query find(db, select_sql(kRuns, "WHERE id=?"));
  find.bind(run);
  std::string notes = checked_row(db, find) ? find.text(7) : "";
  find.reset();
  if (notes.find(note) == std::string::npos) {
    notes += (notes.empty() ? "" : "; ") + note;
  }
  Query(db, update_sql(kRuns, {"ended", "note"}, "id=?")).bind_all(now, notes, run).run();
  if (db.changes() != 1) {
    db.fail("it is damaged");
  }
}

int lift(Database& db, const std::string& package, const std::string& why, std::int64_t now) {
  Query find(db, "SELECT id FROM keeps WHERE package=? AND lifted=0");
  find.bind(package);
  std::vector<std::int64_t> ids;
  while (find.row()) {
    ids.push_back(find.integer(0));
  }
  Query update(db, update_sql(kKeeps, {"lifted", "lifted_why"}, "id=?"));
  for (const std::int64_t id : ids) {
    update.bind_all(now, why, id).run();
  }
  return static_cast<int>(ids.size());
}

void write_keep(Database& db, const Keep& keep, std::int64_t run, std::int64_t now) {
  const Before past = before(db, keep);
  lift(db, keep.package, kReplaced, now);
  const std::int64_t since = past.since != 0 ? past.since : keep.since != 0 ? keep.since : now;
  const int attempts = keep.failed ? past.attempts + std::max(keep.attempts, 1)
                                   : std::max(past.attempts, keep.attempts);
  Query insert(db, insert_sql(kKeeps));
  insert.skip()
      .bind_all(run, keep.package, keep.version, keep.old_version, keep.failed, keep.root,
                join_lines(keep.cause), keep.db_state, number(keep.phase), keep.script,
                keep.exit_code, keep.signal, keep.message, keep.output, keep.security, attempts,
                since, 0, "", keep.tried != 0 ? keep.tried : now, number(keep.failure_class))
      .run();
  resum(db, kKeeps, db.last_id());
}

}  // namespace state

using namespace state;

Status Store::end_plan(std::int64_t plan, const std::vector<StepOutcome>& outcomes,
                       const std::vector<Keep>& keeps, const std::vector<std::string>& lifted,
                       const std::string& note, std::int64_t now) {
  Database& db = impl_->db;
  Transaction transaction(db, true);
  const std::int64_t run = close_plan(db, plan, outcomes.size(), now);
  write_outcomes(db, plan, outcomes);
  keep_answers(db, plan, outcomes);
  for (const std::string& package : lifted) {
    lift(db, package, kWentThrough, now);
  }
  for (const Keep& keep : keeps) {
    write_keep(db, keep, run, now);
  }
  end_run(db, run, note, now);
  return transaction.finish("record the end of the plan in " + impl_->path);
}

Result<std::vector<Keep>> Store::keeps() {
  Database& db = impl_->db;
  Transaction transaction(db, false);
  std::vector<Keep> keeps;
  Query rows(db, select_sql(kKeeps, "WHERE lifted=0 ORDER BY since,id"));
  while (checked_row(db, rows)) {
    keeps.push_back(read_keep(db, rows));
  }
  rows.reset();
  for (Keep& keep : keeps) keep.back_unconfigured = failed_at_old(db, keep);
  const Status done = transaction.finish("read the kept packages from " + impl_->path);
  return done ? Result<std::vector<Keep>>(std::move(keeps)) : done.error();
}

Result<std::vector<Keep>> Store::replaced_keeps() {
  Database& db = impl_->db;
  Transaction transaction(db, false);
  std::vector<Keep> keeps;
  Query rows(db, select_sql(kKeeps,
                            "WHERE lifted!=0 AND lifted_why=? AND package IN "
                            "(SELECT package FROM keeps WHERE lifted=0) ORDER BY id"));
  rows.bind(kReplaced);
  while (checked_row(db, rows)) keeps.push_back(read_keep(db, rows));
  rows.reset();
  const Status done = transaction.finish("read the kept packages from " + impl_->path);
  return done ? Result<std::vector<Keep>>(std::move(keeps)) : done.error();
}

Status Store::note_gone(const std::vector<std::string>& packages) {
  if (packages.empty()) return success();
  Database& db = impl_->db;
  Transaction transaction(db, true);
  Query update(db, update_sql(kKeeps, {"db_state"}, "package=? AND lifted=0"));
  for (const std::string& package : packages) {
    update.bind_all("", package).run();
  }
  return transaction.finish("record what is gone in " + impl_->path);
}

Status Store::lift_keep(const std::string& package, const std::string& why, std::int64_t now) {
  Database& db = impl_->db;
  Transaction transaction(db, true);
  if (lift(db, package, why, now) == 0) {
    db.fail("it is not kept");
  }
  return transaction.finish("lift the keep of " + package);
}

Status Store::set_blocked(const std::vector<Pin>& blocked) {
  Database& db = impl_->db;
  Transaction transaction(db, true);
  db.run("DELETE FROM blocked");
  Query insert(db, insert_sql(kBlocked));
  for (const Pin& pin : blocked) {
    insert.bind_all(pin.package, pin.version, pin.reason).run();
  }
  return transaction.finish("record the blocked versions in " + impl_->path);
}

Result<std::vector<Pin>> Store::blocked() {
  Database& db = impl_->db;
  Transaction transaction(db, false);
  std::vector<Pin> blocked;
  Query rows(db, select_sql(kBlocked, "ORDER BY rowid"));
  while (checked_row(db, rows)) {
    blocked.push_back({rows.text(0), rows.text(1), rows.text(2)});
  }
  rows.reset();
  const Status done = transaction.finish("read the blocked versions from " + impl_->path);
  return done ? Result<std::vector<Pin>>(std::move(blocked)) : done.error();
}

}  // namespace aptkeep
