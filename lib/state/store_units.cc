// Units of the service manager, as they were when a run began, and what became of them.
#include <set>

#include "state/store_impl.h"

namespace aptkeep {
namespace state {
namespace {

UnitRecord read_unit(const Query& row) {
  return {row.text(1),
          row.text(2),
          row.text(3),
          row.integer(4) != 0,
          row.text(5),
          row.text(6),
          split_lines(row.text(7)),
          split_lines(row.text(8)),
          row.integer(9),
          split_lines(row.text(10)),
          row.integer(11) != 0,
          row.text(12)};
}

}  // namespace

std::vector<UnitRecord> read_units(Database& db, std::int64_t run) {
  std::vector<UnitRecord> units;
  Query rows(db, select_sql(kUnits, "WHERE run=? ORDER BY name"));
  rows.bind(run);
  while (checked_row(db, rows)) units.push_back(read_unit(rows));
  return units;
}

}  // namespace state

using namespace state;

Status Store::note_units(std::int64_t run, const std::vector<UnitRecord>& units) {
  Database& db = impl_->db;
  Transaction transaction(db, true);
  Query known(db, "SELECT 1 FROM units WHERE run=? AND name=?");
  Query insert(db, insert_sql(kUnits));
  for (const UnitRecord& unit : units) {
    const bool there = known.bind_all(run, unit.name).row();
    known.reset();
    if (there) continue;
    insert
        .bind_all(run, unit.name, unit.package, unit.state, unit.wanted ? 1 : 0, unit.trouble,
                  unit.journal, join_lines(unit.checks), join_lines(unit.probes), unit.never_since,
                  join_lines(unit.idle), unit.reload ? 1 : 0, unit.file_state)
        .run();
  }
  known.reset();
  return transaction.finish("record units in " + impl_->path);
}

Status Store::set_units(std::int64_t run, const std::vector<UnitRecord>& units) {
  Database& db = impl_->db;
  Transaction transaction(db, true);
  Query update(db,
               update_sql(kUnits, {"state", "wanted", "trouble", "journal"}, "run=? AND name=?"));
  for (const UnitRecord& unit : units) {
    update.bind_all(unit.state, unit.wanted ? 1 : 0, unit.trouble, unit.journal, run, unit.name)
        .run();
  }
  return transaction.finish("record units in " + impl_->path);
}

Result<std::vector<UnitRecord>> Store::units(std::int64_t run) {
  Database& db = impl_->db;
  Transaction transaction(db, false);
  std::vector<UnitRecord> units = read_units(db, run);
  const Status done = transaction.finish("read units from " + impl_->path);
  return done ? Result<std::vector<UnitRecord>>(std::move(units)) : done.error();
}

Result<Store::UnitsByRun> Store::units_left_down(std::int64_t run) {
  auto found = units_in_trouble(run);
  if (!found) return found;
  for (auto of_run = found->begin(); of_run != found->end();) {
    std::erase_if(of_run->second, [](const UnitRecord& unit) {
      return !unit.trouble.starts_with(kStaysDown) && unit.trouble != kNotConfigured;
    });
    of_run = of_run->second.empty() ? found->erase(of_run) : std::next(of_run);
  }
  return found;
}

Result<Store::UnitsByRun> Store::units_in_trouble(std::int64_t run) {
  Database& db = impl_->db;
  Transaction transaction(db, false);
  UnitsByRun left;
  std::set<std::string> seen;
  // What was down when a later run began is no news of it. Only what is found is checked: ends of
  // plans ask, and hundreds of runs are on record.
  Query rows(db,
             select_sql(kUnits,
                        "WHERE wanted<>0 AND name IN (SELECT name FROM units WHERE trouble<>'') "
                        "ORDER BY run DESC,name"));
  while (checked_row(db, rows)) {
    UnitRecord unit = read_unit(rows);
    const bool newest = seen.insert(unit.name).second;
    if (!newest || rows.integer(0) >= run || unit.trouble.empty()) continue;
    left[rows.integer(0)].push_back(std::move(unit));
  }
  rows.reset();
  const Status done = transaction.finish("read units from " + impl_->path);
  if (!done) return done.error();
  return left;
}

}  // namespace aptkeep
