#include "state/schema.h"

#include <algorithm>

namespace aptkeep::state {
namespace {

// "aptk": says whose database this is (https://www.sqlite.org/pragma.html#pragma_application_id).
constexpr std::int64_t kApplicationId = 0x6170746b;

// A migration that changes a table's columns must recompute `sum` of its rows.
constexpr const char* kMigrations[] = {
    // 1
    R"sql(
CREATE TABLE runs(
  id INTEGER PRIMARY KEY AUTOINCREMENT, pid INTEGER, start_time INTEGER, boot TEXT, command TEXT,
  begun INTEGER, ended INTEGER, note TEXT, sum INTEGER);
CREATE TABLE plans(
  id INTEGER PRIMARY KEY AUTOINCREMENT, run INTEGER, begun INTEGER, ended INTEGER,
  bypassed INTEGER, configure_pending INTEGER, no_triggers INTEGER, quiet_exit INTEGER,
  native_arch TEXT, steps INTEGER, clauses INTEGER, failures INTEGER, log_mark TEXT,
  sum INTEGER);
CREATE INDEX plans_of_run ON plans(run);
CREATE TABLE steps(
  plan INTEGER, idx INTEGER, package TEXT, action INTEGER, old_version TEXT, new_version TEXT,
  archive TEXT, security INTEGER, trust INTEGER, state INTEGER, cause TEXT, db_state TEXT,
  sum INTEGER, PRIMARY KEY(plan, idx)) WITHOUT ROWID;
CREATE TABLE clauses(
  plan INTEGER, idx INTEGER, owner_step INTEGER, owner_side INTEGER, kind INTEGER, owner TEXT,
  owner_version TEXT, relation TEXT, any_of TEXT, sum INTEGER,
  PRIMARY KEY(plan, idx)) WITHOUT ROWID;
CREATE TABLE failures(
  id INTEGER PRIMARY KEY AUTOINCREMENT, plan INTEGER, package TEXT, step INTEGER, version TEXT,
  old_version TEXT, phase INTEGER, script TEXT, exit_code INTEGER, signal INTEGER, message TEXT,
  output TEXT, healed INTEGER, sum INTEGER);
CREATE INDEX failures_of_plan ON failures(plan);
CREATE TABLE keeps(
  id INTEGER PRIMARY KEY AUTOINCREMENT, run INTEGER, package TEXT, version TEXT,
  old_version TEXT, failed INTEGER, root TEXT, cause TEXT, db_state TEXT, phase INTEGER,
  script TEXT, exit_code INTEGER, signal INTEGER, message TEXT, output TEXT, security INTEGER,
  attempts INTEGER, since INTEGER, lifted INTEGER, lifted_why TEXT, sum INTEGER);
CREATE INDEX keeps_of_package ON keeps(package);
)sql",
    // 2: versions that are pinned away to protect a kept package
    R"sql(
CREATE TABLE blocked(package TEXT, version TEXT, reason TEXT, sum INTEGER);
)sql",
    // 3: rollback, classes of failures. Only a whole row gets a new sum.
    R"sql(
ALTER TABLE plans ADD COLUMN rollback INTEGER DEFAULT 0;
ALTER TABLE plans ADD COLUMN copy_limit INTEGER DEFAULT 0;
ALTER TABLE plans ADD COLUMN hang_after INTEGER DEFAULT 0;
ALTER TABLE plans ADD COLUMN unattended INTEGER DEFAULT 0;
ALTER TABLE plans ADD COLUMN keep_runs INTEGER DEFAULT 0;
UPDATE plans SET sum=row_sum(id,run,begun,ended,bypassed,configure_pending,no_triggers,quiet_exit,
    native_arch,steps,clauses,failures,log_mark,rollback,copy_limit,hang_after,unattended,
    keep_runs)
  WHERE sum=row_sum(id,run,begun,ended,bypassed,configure_pending,no_triggers,quiet_exit,
    native_arch,steps,clauses,failures,log_mark);
ALTER TABLE steps ADD COLUMN never_back TEXT DEFAULT '';
ALTER TABLE steps ADD COLUMN rolled_back INTEGER DEFAULT 0;
ALTER TABLE steps ADD COLUMN remains TEXT DEFAULT '';
UPDATE steps SET sum=row_sum(plan,idx,package,action,old_version,new_version,archive,security,trust,
    state,cause,db_state,never_back,rolled_back,remains)
  WHERE sum=row_sum(plan,idx,package,action,old_version,new_version,archive,security,trust,state,
    cause,db_state);
ALTER TABLE failures ADD COLUMN failure_class INTEGER DEFAULT 0;
UPDATE failures SET sum=row_sum(id,plan,package,step,version,old_version,phase,script,exit_code,
    signal,message,output,healed,failure_class)
  WHERE sum=row_sum(id,plan,package,step,version,old_version,phase,script,exit_code,signal,message,
    output,healed);
ALTER TABLE keeps ADD COLUMN tried INTEGER DEFAULT 0;
ALTER TABLE keeps ADD COLUMN failure_class INTEGER DEFAULT 0;
UPDATE keeps SET sum=row_sum(id,run,package,version,old_version,failed,root,cause,db_state,phase,
    script,exit_code,signal,message,output,security,attempts,since,lifted,lifted_why,tried,
    failure_class)
  WHERE sum=row_sum(id,run,package,version,old_version,failed,root,cause,db_state,phase,script,
    exit_code,signal,message,output,security,attempts,since,lifted,lifted_why);
)sql",
    // 4: guards, and what rules say of failures and snapshots
    R"sql(
ALTER TABLE steps ADD COLUMN passed TEXT DEFAULT '';
ALTER TABLE steps ADD COLUMN on_failure INTEGER DEFAULT 0;
ALTER TABLE steps ADD COLUMN on_failure_why TEXT DEFAULT '';
ALTER TABLE steps ADD COLUMN save TEXT DEFAULT '';
ALTER TABLE steps ADD COLUMN repair TEXT DEFAULT '';
ALTER TABLE steps ADD COLUMN guards TEXT DEFAULT '';
ALTER TABLE steps ADD COLUMN if_unmet INTEGER DEFAULT 0;
UPDATE steps SET sum=row_sum(plan,idx,package,action,old_version,new_version,archive,security,trust,
    state,cause,db_state,never_back,rolled_back,remains,passed,on_failure,on_failure_why,save,
    repair,guards,if_unmet)
  WHERE sum=row_sum(plan,idx,package,action,old_version,new_version,archive,security,trust,state,
    cause,db_state,never_back,rolled_back,remains);
CREATE TABLE remembered(plan INTEGER, package TEXT, question TEXT, answer TEXT, sum INTEGER);
CREATE INDEX remembered_of_package ON remembered(package);
)sql",
    // 5: units as they were when a run began
    R"sql(
CREATE TABLE units(
  run INTEGER, name TEXT, package TEXT, state TEXT, wanted INTEGER, trouble TEXT, journal TEXT,
  sum INTEGER, PRIMARY KEY(run, name)) WITHOUT ROWID;
)sql",
    // 6: what rules say of their configuration and health
    R"sql(
ALTER TABLE units ADD COLUMN checks TEXT DEFAULT '';
ALTER TABLE units ADD COLUMN probes TEXT DEFAULT '';
ALTER TABLE units ADD COLUMN never_since INTEGER DEFAULT 0;
UPDATE units SET sum=row_sum(run,name,package,state,wanted,trouble,journal,checks,probes,never_since)
  WHERE sum=row_sum(run,name,package,state,wanted,trouble,journal);
)sql",
    // 7: what is down while a package is replaced
    R"sql(
ALTER TABLE steps ADD COLUMN island TEXT DEFAULT '';
UPDATE steps SET sum=row_sum(plan,idx,package,action,old_version,new_version,archive,security,trust,
    state,cause,db_state,never_back,rolled_back,remains,passed,on_failure,on_failure_why,save,
    repair,guards,if_unmet,island)
  WHERE sum=row_sum(plan,idx,package,action,old_version,new_version,archive,security,trust,state,
    cause,db_state,never_back,rolled_back,remains,passed,on_failure,on_failure_why,save,repair,
    guards,if_unmet);
)sql",
    // 8: when nothing hangs on a service that is never restarted in a run
    R"sql(
ALTER TABLE units ADD COLUMN idle TEXT DEFAULT '';
UPDATE units SET sum=row_sum(run,name,package,state,wanted,trouble,journal,checks,probes,never_since,
    idle)
  WHERE sum=row_sum(run,name,package,state,wanted,trouble,journal,checks,probes,never_since);
)sql",
    // 9: what rules have saved before a package was replaced
    R"sql(
CREATE TABLE backups(plan INTEGER, idx INTEGER, path TEXT, sum INTEGER);
CREATE INDEX backups_of_plan ON backups(plan);
)sql",
    // 10: what a reload brings to the new version
    R"sql(
ALTER TABLE units ADD COLUMN reload INTEGER DEFAULT 0;
UPDATE units SET sum=row_sum(run,name,package,state,wanted,trouble,journal,checks,probes,never_since,
    idle,reload)
  WHERE sum=row_sum(run,name,package,state,wanted,trouble,journal,checks,probes,never_since,idle);
)sql",
    // 11: what an admin wants dpkg to be told
    R"sql(
ALTER TABLE plans ADD COLUMN dpkg_options TEXT DEFAULT '';
UPDATE plans SET sum=row_sum(id,run,begun,ended,bypassed,configure_pending,no_triggers,quiet_exit,
    native_arch,steps,clauses,failures,log_mark,rollback,copy_limit,hang_after,unattended,
    keep_runs,dpkg_options)
  WHERE sum=row_sum(id,run,begun,ended,bypassed,configure_pending,no_triggers,quiet_exit,
    native_arch,steps,clauses,failures,log_mark,rollback,copy_limit,hang_after,unattended,
    keep_runs);
)sql",
    // 12: what became of what comes after a package
    R"sql(
ALTER TABLE steps ADD COLUMN afterwards TEXT DEFAULT '';
UPDATE steps SET sum=row_sum(plan,idx,package,action,old_version,new_version,archive,security,trust,
    state,cause,db_state,never_back,rolled_back,remains,passed,on_failure,on_failure_why,save,
    repair,guards,if_unmet,island,afterwards)
  WHERE sum=row_sum(plan,idx,package,action,old_version,new_version,archive,security,trust,state,
    cause,db_state,never_back,rolled_back,remains,passed,on_failure,on_failure_why,save,repair,
    guards,if_unmet,island);
)sql",
    // 13: what each end of a plan asks for, among all steps on record, and what was not recorded
    // before nobody makes up for; how units were that ran though they were disabled
    R"sql(
CREATE INDEX steps_with_island ON steps(plan) WHERE island<>'';
UPDATE steps SET afterwards='done',sum=row_sum(plan,idx,package,action,old_version,new_version,
    archive,security,trust,state,cause,db_state,never_back,rolled_back,remains,passed,on_failure,
    on_failure_why,save,repair,guards,if_unmet,island,'done')
  WHERE island<>'' AND afterwards='' AND plan IN (SELECT id FROM plans WHERE ended<>0)
    AND sum=row_sum(plan,idx,package,action,old_version,new_version,archive,security,trust,state,
    cause,db_state,never_back,rolled_back,remains,passed,on_failure,on_failure_why,save,repair,
    guards,if_unmet,island,afterwards);
ALTER TABLE units ADD COLUMN file_state TEXT DEFAULT '';
UPDATE units SET sum=row_sum(run,name,package,state,wanted,trouble,journal,checks,probes,never_since,
    idle,reload,file_state)
  WHERE sum=row_sum(run,name,package,state,wanted,trouble,journal,checks,probes,never_since,idle,
    reload);
)sql",
};

std::string parameters(const Table& table) {
  const auto count = 1 + std::count(table.columns.begin(), table.columns.end(), ',');
  std::string list;
  for (long i = 1; i <= count; ++i) {
    list += (i > 1 ? ",?" : "?") + std::to_string(i);
  }
  return list;
}

std::int64_t pragma(Database& db, const char* name) {
  Query query(db, std::string("PRAGMA ") + name);
  return query.row() ? query.integer(0) : 0;
}

void migrate(Database& db) {
  Transaction transaction(db, true);
  // Another process may have been first.
  const std::int64_t from = pragma(db, "user_version");
  const auto steps = migrations();
  for (auto version = static_cast<std::size_t>(from); version < steps.size(); ++version) {
    db.run(steps[version]);
  }
  db.run(("PRAGMA application_id=" + std::to_string(kApplicationId)).c_str());
  db.run(("PRAGMA user_version=" + std::to_string(steps.size())).c_str());
  const Status done = transaction.finish("migrate");
  if (!done) {
    db.fail(done.error().message);
  }
}

// SQLite's own check: pages, rows, and each index against its table.
void check_pages(Database& db) {
  Query query(db, "PRAGMA integrity_check(1)");
  if (query.row() && query.text(0) != "ok") {
    db.fail("it is damaged");
  }
}

bool any(Database& db, const std::string& sql) {
  Query query(db, sql);
  return query.row();
}

// Rows that are not what was written, and rows that are missing.
void check_rows(Database& db) {
  for (const Table& table : {kRuns, kPlans, kSteps, kClauses, kFailures, kKeeps, kBlocked,
                             kRemembered, kUnits, kBackups}) {
    if (any(db, "SELECT 1 FROM " + std::string(table.name) + " WHERE sum IS NOT row_sum(" +
                    std::string(table.columns) + ") LIMIT 1")) {
      db.fail("it is damaged");
    }
  }
  for (const char* counted :
       {"SELECT 1 FROM plans p WHERE steps<>(SELECT count(*) FROM steps x WHERE x.plan=p.id)",
        "SELECT 1 FROM plans p WHERE clauses<>(SELECT count(*) FROM clauses x WHERE x.plan=p.id)",
        "SELECT 1 FROM plans p WHERE failures<>"
        "(SELECT count(*) FROM failures x WHERE x.plan=p.id)"}) {
    if (any(db, counted)) {
      db.fail("it is damaged");
    }
  }
}

// nullptr: it is ours and can be used, perhaps after a migration.
const char* refuse(Database& db, bool may_write, std::int64_t version) {
  const auto current = static_cast<std::int64_t>(migrations().size());
  Query tables(db, "SELECT count(*) FROM sqlite_schema");
  const bool empty = tables.row() && tables.integer(0) == 0;
  if (db.ok() && !empty && pragma(db, "application_id") != kApplicationId) {
    return "it is not aptkeep's";
  }
  if (version > current) {
    return "it was written by a newer aptkeep";
  }
  if (version < 0 || (version == 0) != empty) {
    return "it is damaged";
  }
  if (version < current && !may_write) {
    return empty ? "it is empty"
                 : "it was written by an older aptkeep, and root must open it first";
  }
  return nullptr;
}

}  // namespace

std::span<const char* const> migrations() {
  return kMigrations;
}

std::string insert_sql(const Table& table) {
  const std::string all = parameters(table);
  return "INSERT INTO " + std::string(table.name) + "(" + std::string(table.columns) +
         ",sum) VALUES (" + all + ",row_sum(" + all + "))";
}

std::string select_sql(const Table& table, std::string_view rest) {
  const std::string columns(table.columns);
  return "SELECT " + columns + ",sum=row_sum(" + columns + ") FROM " + std::string(table.name) +
         " " + std::string(rest);
}

void resum(Database& db, const Table& table, std::int64_t id) {
  Query query(db, "UPDATE " + std::string(table.name) + " SET sum=row_sum(" +
                      std::string(table.columns) + ") WHERE id=?");
  query.bind(id).run();
}

std::string update_sql(const Table& table, std::initializer_list<std::string_view> set,
                       std::string_view where) {
  std::string assignments;
  // The columns with the parameters of `set` in their places.
  std::string values;
  std::size_t begin = 0;
  while (begin <= table.columns.size()) {
    const std::size_t end = std::min(table.columns.find(',', begin), table.columns.size());
    const std::string_view column = table.columns.substr(begin, end - begin);
    const auto* found = std::find(set.begin(), set.end(), column);
    std::string value(column);
    if (found != set.end()) {
      value = "?" + std::to_string(found - set.begin() + 1);
      assignments += std::string(column) + "=" + value + ",";
    }
    values += (begin > 0 ? "," : "") + value;
    begin = end + 1;
  }
  // A lone "?" takes the number after the highest so far, which is that of the last of `set`.
  return "UPDATE " + std::string(table.name) + " SET " + assignments + "sum=row_sum(" + values +
         ") WHERE " + std::string(where) + " AND sum=row_sum(" + std::string(table.columns) + ")";
}

bool checked_row(Database& db, Query& query) {
  if (!query.row()) {
    return false;
  }
  if (query.integer(query.count() - 1) != 1) {
    db.fail("it is damaged");
    return false;
  }
  return true;
}

Status prepare(Database& db, bool may_write, const std::string& path) {
  const std::int64_t version = pragma(db, "user_version");
  if (const char* why = db.ok() ? refuse(db, may_write, version) : nullptr) {
    db.fail(why);
  }
  check_pages(db);
  if (may_write && db.ok()) {
    Query mode(db, "PRAGMA journal_mode=WAL");
    if (mode.row() && mode.text(0) != "wal") {
      db.fail("its file system cannot hold a write-ahead log");
    }
    // In WAL mode NORMAL never breaks the file, but a power cut may take the last transactions
    // (https://www.sqlite.org/pragma.html#pragma_synchronous): dpkg syncs what it does, so that a
    // package could be back at its old version on disk, and nothing say that it failed or what is
    // to be done about it yet. Few are written, and a run without failures writes a handful.
    db.run("PRAGMA synchronous=FULL");
    // The log file stays (see Database::open); its content need not.
    db.run("PRAGMA journal_size_limit=0");
  }
  if (may_write && version < static_cast<std::int64_t>(migrations().size()) && db.ok()) {
    migrate(db);
  }
  if (!may_write) {
    check_rows(db);
  }
  if (!db.ok()) {
    return Error{"unable to open " + path + ": " + db.failure()};
  }
  return success();
}

}  // namespace aptkeep::state
