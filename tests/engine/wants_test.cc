// What dpkg is to want after a run.
#include <gtest/gtest.h>

#include "engine/finish.h"

namespace aptkeep {
namespace {

// apt's own word to dpkg that it is to go would be heeded by a later --pending.
TEST(Wants, ARemovalThatIsKeptIsWantedAgain) {
  Ending ending;
  StepOutcome outcome;
  outcome.step.package = "old:amd64";
  outcome.step.action = Action::Remove;
  outcome.step.old_version = "1.0";
  outcome.state = StepState::Kept;
  outcome.db_state = "ri";
  ending.outcomes = {outcome};
  const DbSnapshot db{{"old:amd64", {"1.0", "amd64", "ri"}}};
  EXPECT_EQ(wants_of(ending, {}, db),
            (std::map<std::string, std::string>{{"old:amd64", "install"}}));
  ending.outcomes[0].state = StepState::FailedOld;
  EXPECT_TRUE(wants_of(ending, {}, db).empty()) << "as dpkg leaves what fails";
}

}  // namespace
}  // namespace aptkeep
