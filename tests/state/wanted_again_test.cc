// What was kept, or left unconfigured, and is tried again by a run without a person's word.
#include "state/wanted_again.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/failure_class.h"

namespace aptkeep {
namespace {

constexpr std::int64_t kTried = 1'000'000;

Keep kept(const std::string& package, const std::string& root, FailureClass failure_class) {
  Keep keep;
  keep.package = package + ":amd64";
  keep.root = root + ":amd64";
  keep.failed = package == root;
  keep.version = "2.0";
  keep.tried = kTried;
  keep.failure_class = failure_class;
  return keep;
}

Step step(const std::string& package, Action action, const std::string& new_version) {
  Step made;
  made.package = package + ":amd64";
  made.action = action;
  made.old_version = "1.0";
  made.new_version = new_version;
  return made;
}

std::string names(const std::vector<Keep>& keeps) {
  std::string text;
  for (const Keep& keep : keeps)
    text += (text.empty() ? "" : " ") + keep.package.substr(0, keep.package.find(':'));
  return text;
}

const std::vector<Keep> kKeeps = {kept("refuses", "refuses", FailureClass::Refusal),
                                  kept("waits", "refuses", FailureClass::FollowUp),
                                  kept("crashes", "crashes", FailureClass::Crash)};

TEST(WantedAgain, NothingWithoutAReason) {
  EXPECT_EQ(names(wanted_again(kKeeps, {step("other", Action::Upgrade, "2.0")}, kTried)), "");
}

TEST(WantedAgain, WhatIsDue) {
  EXPECT_EQ(names(wanted_again(kKeeps, {}, kTried + 3600)), "crashes");
}

TEST(WantedAgain, WhatIsChangedAndWhatWaitsForIt) {
  EXPECT_EQ(names(wanted_again(kKeeps, {step("refuses", Action::Upgrade, "3.0")}, kTried)),
            "refuses waits");
  // apt names so whatever it finds unconfigured.
  EXPECT_EQ(names(wanted_again(kKeeps, {step("refuses", Action::Configure, "2.0")}, kTried)), "");
}

TEST(WantedAgain, AllWhereAptkeepGoes) {
  EXPECT_EQ(names(wanted_again(kKeeps, {step("aptkeep", Action::Remove, "")}, kTried)),
            "refuses waits crashes");
}

}  // namespace
}  // namespace aptkeep
