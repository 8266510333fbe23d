// What guards compare with from one good run to the next.
#include "state/store_impl.h"

namespace aptkeep {
namespace state {

void keep_answers(Database& db, std::int64_t plan, const std::vector<StepOutcome>& outcomes) {
  Query older(db,
              "DELETE FROM remembered WHERE plan=0 AND package=?1 AND question IN "
              "(SELECT question FROM remembered WHERE plan=?2 AND package=?1)");
  Query take(db, update_sql(kRemembered, {"plan"}, "package=? AND plan=?"));
  for (const StepOutcome& outcome : outcomes) {
    if (outcome.state != StepState::Done) continue;
    older.bind_all(outcome.step.package, plan).run();
    take.bind_all(0, outcome.step.package, plan).run();
  }
  // Also those of plans that were cut off: nobody ends them with outcomes.
  Query(db, "DELETE FROM remembered WHERE plan<>0 AND plan<=?").bind(plan).run();
}

}  // namespace state

using namespace state;

Result<std::map<std::string, Remembered>> Store::remembered() {
  Database& db = impl_->db;
  Transaction transaction(db, false);
  std::map<std::string, Remembered> all;
  Query rows(db, select_sql(kRemembered, "WHERE plan=0"));
  while (checked_row(db, rows)) {
    all[rows.text(1)][rows.text(2)] = rows.text(3);
  }
  rows.reset();
  const Status done = transaction.finish("read what guards remember from " + impl_->path);
  return done ? Result<std::map<std::string, Remembered>>(std::move(all)) : done.error();
}

Status Store::note_answers(std::int64_t plan, const std::map<std::string, Remembered>& answers) {
  Database& db = impl_->db;
  Transaction transaction(db, true);
  Query insert(db, insert_sql(kRemembered));
  for (const auto& [package, questions] : answers) {
    for (const auto& [question, answer] : questions) {
      insert.bind_all(plan, package, question, answer).run();
    }
  }
  return transaction.finish("record what guards saw in " + impl_->path);
}

}  // namespace aptkeep
