// Where no service manager runs, or a person does not want services looked after: nothing is up,
// and nothing can be held. What rules have done for a package's data is done all the same.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "engine/ports.h"

namespace aptkeep {

class NoUnits final : public Units {
 public:
  Result<std::vector<UnitFacts>> loaded() override { return std::vector<UnitFacts>{}; }
  Result<std::map<std::string, UnitFacts>> ask(const std::vector<std::string>& names) override {
    std::map<std::string, UnitFacts> found;
    for (const std::string& name : names) {
      found[name].name = name;
      found[name].load_state = "not-found";
      found[name].active_state = "inactive";
    }
    return found;
  }
  Status act(const std::string&, const std::vector<std::string>&) override { return success(); }
  bool shuts_down() override { return false; }
  void pause(int) override {}
  std::string journal(const std::string&) override { return {}; }
};

class NoHolds final : public Holds {
 public:
  Status put(const std::vector<HeldUnit>&) override { return success(); }
  std::vector<HeldUnit> all() override { return {}; }
  void let_go(const std::vector<std::string>&) override {}
  Status park(const HeldUnit& service, const std::vector<std::string>&) override {
    return Error{"unable to park " + service.unit + ": no service manager runs here"};
  }
  void unpark(const std::string&, bool) override {}
  Status enforce(const std::vector<std::string>&) override { return success(); }
  void answer_on_bus(const std::vector<std::string>&) override {}
  void forget_restarts(const std::vector<std::string>&) override {}
};

}  // namespace aptkeep
