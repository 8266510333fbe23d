// The tables of state.db, and how an older file becomes a current one.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

#include "core/result.h"
#include "state/sqlite.h"

namespace aptkeep::state {

// A table's name and all its columns but the last, `sum`, which is row_sum() over them.
struct Table {
  std::string_view name;
  std::string_view columns;
};

inline constexpr Table kRuns{"runs", "id,pid,start_time,boot,command,begun,ended,note"};
inline constexpr Table kPlans{
    "plans",
    "id,run,begun,ended,bypassed,configure_pending,no_triggers,quiet_exit,"
    "native_arch,steps,clauses,failures,log_mark,rollback,copy_limit,hang_after,unattended,"
    "keep_runs,dpkg_options"};
inline constexpr Table kSteps{"steps",
                              "plan,idx,package,action,old_version,new_version,archive,"
                              "security,trust,state,cause,db_state,never_back,rolled_back,"
                              "remains,passed,on_failure,on_failure_why,save,repair,"
                              "guards,if_unmet,island,afterwards"};
inline constexpr Table kClauses{
    "clauses", "plan,idx,owner_step,owner_side,kind,owner,owner_version,relation,any_of"};
inline constexpr Table kFailures{"failures",
                                 "id,plan,package,step,version,old_version,phase,script,"
                                 "exit_code,signal,message,output,healed,failure_class"};
inline constexpr Table kKeeps{"keeps",
                              "id,run,package,version,old_version,failed,root,cause,db_state,"
                              "phase,script,exit_code,signal,message,output,security,attempts,"
                              "since,lifted,lifted_why,tried,failure_class"};
inline constexpr Table kBlocked{"blocked", "package,version,reason"};
// What guards saw; plan 0: when the package was last installed well, else when that plan was made.
inline constexpr Table kRemembered{"remembered", "plan,package,question,answer"};
inline constexpr Table kUnits{
    "units",
    "run,name,package,state,wanted,trouble,journal,checks,probes,never_since,idle,"
    "reload,file_state"};
inline constexpr Table kBackups{"backups", "plan,idx,path"};

// "INSERT INTO t(columns,sum) VALUES (?1,...,row_sum(?1,...))". Where the first column is an id
// that SQLite gives, the sum is wrong until resum().
std::string insert_sql(const Table& table);
// "SELECT columns,sum=row_sum(columns) FROM t <rest>"; read with checked_row().
std::string select_sql(const Table& table, std::string_view rest);
// The right sum of a row just inserted, once its id is known.
void resum(Database& db, const Table& table, std::int64_t id);
// "UPDATE t SET a=?1,b=?2,sum=... WHERE <where> and the row is whole": the parameters of `set`
// come first, then those of `where` ("plan=? AND idx=?"). A damaged row stays as it is, so that
// nothing gives it a right sum.
std::string update_sql(const Table& table, std::initializer_list<std::string_view> set,
                       std::string_view where);
// row(), and an error where the row is not what was written.
bool checked_row(Database& db, Query& query);

// One entry a version: the statements that lead to it from the one before.
std::span<const char* const> migrations();

// Makes sure that the file is ours, whole, and of the current schema. Who only reads gets every
// row checked; for a writer, amid a run, the pages and what it reads must do.
Status prepare(Database& db, bool may_write, const std::string& path);

}  // namespace aptkeep::state
