// Services that are not started again after their package was replaced, because its new version
// does not work as things are: their check, or what was to be done after it, failed.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/plan.h"
#include "core/unit.h"
#include "engine/services.h"

namespace aptkeep {

// Why, as UnitRecord has it.
struct Staying {
  std::string trouble;  // begins with kStaysDown
  std::string said;     // what the command printed, lines; what the rule tells to do
};

// Of what comes of these commands; empty: all end well. `checks`: of the configuration, which are
// all run, so that all is told; else what comes after, up to the first that does not end well.
// `failure_of`: as CallPorts::failure_of.
Staying staying_for(const Step& step, const std::string& name,
                    const std::function<std::string(const std::string&)>& failure_of,
                    const std::vector<std::string>& commands, bool checks);

// The same as Step::afterwards has it.
std::string afterwards_of(const Staying& why);

// Of a step whose After has not come to its end; `why`: a sentence.
Staying not_ended(const std::string& name, const std::string& why);
// Of a step whose After was not run because the machine was started anew before it could be.
Staying cut_off_by_boot(const std::string& name);

// Records units as not started, with why; `facts`: how they were.
Status record_staying(Store& store, std::int64_t run, const std::string& package,
                      const std::vector<UnitFacts>& facts, const Staying& why);

// What an end of a plan does about them.
class StayingDown {
 public:
  // Where ServicePorts::failure_of is set they are tried again: the commands run, in their order,
  // with the package's own services started between its checks and what comes after them. What one
  // package still keeps down another one does not let go; what a version of a package kept down is
  // let go when the package is whole at another one.
  StayingDown(std::int64_t run, const std::vector<UnitRecord>& records, ServicePorts& ports);

  bool stays(const std::string& unit) const { return staying_.contains(unit); }
  // Nobody starts those that stay.
  void leave_out(std::vector<UnitDecision>& decisions) const;
  // Gives these their reason back.
  void tell(std::vector<UnitRecord>& records) const;

 private:
  void try_all_again(std::int64_t run, const std::vector<UnitRecord>& records, ServicePorts& ports);
  std::optional<std::string> try_again(const Step& step, const std::vector<UnitRecord>& records,
                                       ServicePorts& ports);
  void set(const std::vector<std::string>& units, const Staying& why);
  std::vector<std::string> because_of(const std::string& package) const;

  std::map<std::string, Staying> staying_;  // by unit
  std::map<std::string, Staying> known_;    // the same, before they were tried again
  std::set<std::string> refused_;           // by what was tried
};

}  // namespace aptkeep
