// What goes on because a policy-rc.d does not let it go down.
#include "core/denied_units.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

namespace aptkeep {
namespace {

using Names = std::set<std::string>;
using Texts = std::vector<std::string>;

class DeniedUnits : public testing::Test {
 protected:
  void unit(const std::string& name, bool up = true, Texts triggered_by = {}) {
    UnitFacts& facts = facts_[name];
    facts.name = name;
    facts.load_state = "loaded";
    facts.active_state = up ? "active" : "inactive";
    facts.triggered_by = std::move(triggered_by);
  }

  Texts take_out(Names names) {
    asked_.clear();
    const auto may = [this](const std::string& verb, const std::string& name) {
      asked_.push_back(verb + " " + name);
      return !denied_.contains(asked_.back());
    };
    Texts out = take_out_denied(names, facts_, may);
    left_ = std::move(names);
    return out;
  }

  std::map<std::string, UnitFacts> facts_;
  Names denied_;
  Texts asked_;
  Names left_;
};

TEST_F(DeniedUnits, WhatMayNotBeStoppedOrNotBeStartedAgain) {
  unit("a.service");
  unit("b.service");
  unit("c.service");
  denied_ = {"stop a.service", "start b.service"};
  EXPECT_EQ(take_out({"a.service", "b.service", "c.service"}), (Texts{"a.service", "b.service"}));
  EXPECT_EQ(left_, Names{"c.service"});
  EXPECT_EQ(asked_, (Texts{"stop a.service", "stop b.service", "start b.service", "stop c.service",
                           "start c.service"}));
}

TEST_F(DeniedUnits, NobodyIsAskedAboutWhatIsDown) {
  unit("a.service", false, {"a.socket"});
  unit("a.socket", false);
  denied_ = {"stop a.service", "stop a.socket", "stop unknown.service"};
  EXPECT_EQ(take_out({"a.service", "unknown.service"}), Texts());
  EXPECT_EQ(asked_, Texts());
  EXPECT_EQ(left_, (Names{"a.service", "unknown.service"}));
}

TEST_F(DeniedUnits, WhatWouldGoDownWithATriggerThatMayNot) {
  unit("a.service", true, {"a.timer", "a.socket"});
  unit("a.socket");
  unit("a.timer");
  unit("b.service", false, {"b.socket"});
  unit("b.socket");
  denied_ = {"start a.socket", "stop b.socket"};
  EXPECT_EQ(take_out({"a.service", "b.service"}), (Texts{"a.service", "b.service"}));
  EXPECT_EQ(left_, Names());
}

TEST_F(DeniedUnits, TriggersAreThoseOfAllAndThemselves) {
  unit("a.service", true, {"a.socket", "a.path"});
  EXPECT_EQ(triggers_of({"a.service", "b.timer", "c.service"}, facts_),
            (Names{"a.path", "a.socket", "b.timer"}));
}

}  // namespace
}  // namespace aptkeep
