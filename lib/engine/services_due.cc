#include "engine/services_due.h"

#include <algorithm>

namespace aptkeep {
namespace {

class Sorting {
 public:
  Sorting(const std::vector<UnitRecord>& records,
          const std::function<Standing(const std::string&)>& standing, const std::string& own_unit,
          const std::function<bool(const UnitRecord&)>& is_idle)
      : records_(records), standing_(standing), own_unit_(own_unit), is_idle_(is_idle) {}

  Due sort(const std::vector<PutOff>& put_off) {
    for (const PutOff& one : put_off) {
      const Standing its = standing_of(one);
      if (its != Standing::Gone) take(one, its);
    }
    // Several packages may have asked for it.
    std::erase_if(due_.restart,
                  [&](const std::string& unit) { return due_.not_restarted.contains(unit); });
    add_idle();
    for (const auto& [unit, why] : listed_) {
      if (std::ranges::count(due_.restart, unit) == 0) due_.not_restarted.emplace(unit, why);
    }
    return std::move(due_);
  }

 private:
  const UnitRecord* record_of(const std::string& unit) const {
    const auto found = std::ranges::find(records_, unit, &UnitRecord::name);
    return found == records_.end() ? nullptr : &*found;
  }

  // What no script has asked for may be of a package outside of the run.
  Standing standing_of(const PutOff& one) const {
    if (one.package != kNoPackage) return standing_(one.package);
    const UnitRecord* record = record_of(one.unit);
    const bool known = record != nullptr && !record->package.empty();
    return known ? standing_(record->package) : Standing::Unchanged;
  }

  void take(const PutOff& one, Standing its) {
    switch (one.kind) {
      case PutOff::Kind::Failed:
        // Of a package that is not configured, or is back, the failure is on record; what is to run
        // of it is started with all else.
        if (its != Standing::Upgraded) return;
        due_.failed.insert(one.unit);
        add_record(one.unit, one.package, "not there");
        return;
      case PutOff::Kind::Users:
        add_record(std::string(kUsers) + one.unit, one.package, "left to its package");
        return;
      case PutOff::Kind::Listed:
        listed_[one.unit] = kOnlyListed;
        return;
      case PutOff::Kind::Left:
        listed_[one.unit] = kLeftAlone;
        return;
      case PutOff::Kind::Reboot:
        if (its == Standing::Upgraded || one.package == kNoPackage)
          due_.not_restarted[one.unit] = kUntilReboot;
        return;
      case PutOff::Kind::Restart:
        take_restart(one.unit, its);
        return;
    }
  }

  void take_restart(const std::string& unit, Standing its) {
    if (its == Standing::Unfinished) {
      due_.not_restarted[unit] = std::string(kNotRestarted) + "its package is not configured";
    } else if (unit == own_unit_) {
      due_.not_restarted[unit] = std::string(kNotRestarted) + "this run was made in it";
    } else if (std::ranges::count(due_.restart, unit) == 0) {
      due_.restart.push_back(unit);
    }
  }

  // A script's start of it failed, or it is told only: also a unit that is new in this run.
  void add_record(const std::string& unit, const std::string& package, const char* state) {
    const bool added = std::ranges::find(due_.more, unit, &UnitRecord::name) != due_.more.end();
    if (record_of(unit) == nullptr && !added)
      due_.more.push_back({unit, package, state, false, "", ""});
  }

  // Whether their packages have asked for it or not.
  void add_idle() {
    for (const UnitRecord& record : records_) {
      if (record.never_since == 0 || record.idle.empty() || record.name == own_unit_) continue;
      if (standing_(record.package) != Standing::Upgraded || !is_idle_(record)) continue;
      due_.not_restarted.erase(record.name);
      if (std::ranges::count(due_.restart, record.name) == 0) due_.restart.push_back(record.name);
    }
  }

  const std::vector<UnitRecord>& records_;
  const std::function<Standing(const std::string&)>& standing_;
  const std::string& own_unit_;
  const std::function<bool(const UnitRecord&)>& is_idle_;
  std::map<std::string, std::string_view> listed_;
  Due due_;
};

}  // namespace

Due sort_put_off(const std::vector<PutOff>& put_off, const std::vector<UnitRecord>& records,
                 const std::function<Standing(const std::string&)>& standing,
                 const std::string& own_unit,
                 const std::function<bool(const UnitRecord&)>& is_idle) {
  return Sorting(records, standing, own_unit, is_idle).sort(put_off);
}

}  // namespace aptkeep
