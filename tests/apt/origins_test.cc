// How much a new version is trusted, and whether it is a security update.
#include <gtest/gtest.h>

#include "apt_root.h"

namespace aptkeep::test {
namespace {

Step planned(const AptRoot& root, const Step& step) {
  const auto plan = plan_in(root, {step});
  return plan.steps.empty() ? Step{} : plan.steps[0];
}

class Origins : public ::testing::Test {
 protected:
  Origins() {
    root_.describe_repo("security", {"Debian", "Debian-Security", "stable-security", {}});
    root_.describe_repo("ubuntu", {"Ubuntu", "Ubuntu", "noble-security", {}});
    root_.describe_repo("vendor", {"Vendor", "Vendor", "stable-security", {}});
    root_.describe_repo("nameless", {"", "", "", {}});
    root_.installed({"foo", "1.0", ""});
  }
  Step from(const std::string& repo) {
    root_.available_in(repo, {"foo", "2.0", ""});
    root_.write();
    return planned(root_, upgrade("foo"));
  }
  AptRoot root_;
};

TEST_F(Origins, TheDistributionIsTwo) {
  const auto step = from("main");
  EXPECT_EQ(step.trust, 2);
  EXPECT_FALSE(step.security);
}

TEST_F(Origins, ItsSecurityArchiveIsThreeByLabel) {
  const auto step = from("security");
  EXPECT_EQ(step.trust, 3);
  EXPECT_TRUE(step.security);
}

TEST_F(Origins, ItsSecurityArchiveIsThreeByCodename) {
  const auto step = from("ubuntu");
  EXPECT_EQ(step.trust, 3);
  EXPECT_TRUE(step.security);
}

TEST_F(Origins, AVendorIsOneWhateverItCallsItsArchive) {
  const auto step = from("vendor");
  EXPECT_EQ(step.trust, 1);
  EXPECT_FALSE(step.security);
}

TEST_F(Origins, AnArchiveWithoutAnOriginIsNought) {
  EXPECT_EQ(from("nameless").trust, 0);
}

TEST_F(Origins, ALocalArchiveIsNought) {
  const auto file = root_.archive({"foo", "3.0", ""});
  root_.write();
  Step step = upgrade("foo", "1.0", "3.0");
  step.archive = file;
  EXPECT_EQ(planned(root_, step).trust, 0);
}

TEST_F(Origins, TheBestOfSeveralArchivesCounts) {
  root_.available_in("vendor", {"foo", "2.0", ""});
  const auto step = from("security");
  EXPECT_EQ(step.trust, 3);
}

TEST_F(Origins, ARemovalHasNone) {
  root_.write();
  EXPECT_EQ(planned(root_, removal("foo")).trust, 0);
}

}  // namespace
}  // namespace aptkeep::test
