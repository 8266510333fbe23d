// What the parts of Store share.
#pragma once

#include <string>
#include <vector>

#include "core/failure_class.h"
#include "core/rule.h"
#include "state/schema.h"
#include "state/sqlite.h"
#include "state/store.h"

namespace aptkeep {

struct Store::Impl {
  state::Database db;
  std::string path;
};

namespace state {

// Enumerations are stored as their numbers; a number out of range is damage.
template <typename Enum>
Enum to_enum(Database& db, std::int64_t value, Enum last) {
  if (value < 0 || value > static_cast<std::int64_t>(last)) {
    db.fail("it is damaged");
    return Enum{};
  }
  return static_cast<Enum>(value);
}

template <typename Enum>
std::int64_t number(Enum value) {
  return static_cast<std::int64_t>(value);
}

inline constexpr Action kLastAction = Action::Purge;
inline constexpr ClauseKind kLastKind = ClauseKind::Lockstep;
inline constexpr StepState kLastState = StepState::Returning;
inline constexpr Phase kLastPhase = Phase::Trigger;
inline constexpr FailureClass kLastClass = FailureClass::Waiting;

// Sentences, one a line.
std::string join_lines(const std::vector<std::string>& lines);
std::vector<std::string> split_lines(const std::string& text);

Step read_step(Database& db, const Query& query);
std::vector<StepOutcome> read_outcomes(Database& db, std::int64_t plan);
std::vector<Failure> read_failures(Database& db, std::int64_t plan);
std::vector<UnitRecord> read_units(Database& db, std::int64_t run);

// A note that is there already, or empty, adds nothing.
void end_run(Database& db, std::int64_t run, const std::string& note, std::int64_t now);
// Ends what other frontends, or this one, left without an end.
void end_as_cut_off(Database& db, const char* plans, std::int64_t key, std::int64_t now);
// Replaces the active keep of the package, and carries its count on.
void write_keep(Database& db, const Keep& keep, std::int64_t run, std::int64_t now);
// What guards saw of packages whose step is done is what they compare with from now on.
void keep_answers(Database& db, std::int64_t plan, const std::vector<StepOutcome>& outcomes);
// How many keeps were lifted: 0 or 1.
int lift(Database& db, const std::string& package, const std::string& why, std::int64_t now);

}  // namespace state
}  // namespace aptkeep
