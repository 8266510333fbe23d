// Rule files in folders of a test's own, as those of packages and of the administrator.
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "adapters/apt_rules.h"
#include "apt_root.h"
#include "core/step_rules.h"

namespace aptkeep::test {

inline const std::string kGood =
    "Package: slapd\n"
    "Rollback: never\n"
    "Reason: its data may have been converted\n"
    "Source: slapd postinst: loads a dump\n";

inline std::string never_back_reason(const std::vector<Rule>& rules, const std::string& package) {
  std::vector<Step> steps(1);
  steps[0].package = package;
  steps[0].old_version = "1";
  steps[0].new_version = "2";
  const RuleFacts facts{compare_versions, [](auto) { return ""; }};
  mark_steps(decide_steps(RuleIndex(rules), facts, steps), steps);
  return steps[0].never_back;
}

class RulesFolder : public testing::Test {
 protected:
  // Only what is root's counts.
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  }
  RulesFolder() {
    std::string pattern = "/tmp/aptkeep-rules.XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    std::filesystem::create_directories(ours());
    std::filesystem::create_directories(admins());
  }
  ~RulesFolder() override { std::filesystem::remove_all(folder_); }

  std::string ours() const { return folder_ + "/usr"; }
  std::string admins() const { return folder_ + "/etc"; }

  void write(const std::string& path, const std::string& text, mode_t mode = 0644) const {
    write_text(path, text);
    ASSERT_EQ(::chmod(path.c_str(), mode), 0);
  }

  Rules read() const {
    const auto rules = read_rules({ours(), admins()});
    EXPECT_TRUE(rules.ok()) << (rules ? "" : rules.error().message);
    return rules ? *rules : Rules();
  }
  std::string reason(const std::string& package) const {
    return never_back_reason(read().rules, package);
  }
  // What is said about a file with this text, without its folder.
  std::string complaint_on(const std::string& text) const {
    write(admins() + "/x.rules", text);
    const auto rules = read();
    EXPECT_TRUE(rules.rules.empty());
    EXPECT_EQ(rules.complaints.size(), 1U);
    if (rules.complaints.empty()) return "";
    const std::string start = "unable to use " + admins() + "/";
    EXPECT_TRUE(rules.complaints[0].starts_with(start)) << rules.complaints[0];
    return rules.complaints[0].substr(std::min(start.size(), rules.complaints[0].size()));
  }

  std::string folder_;
};

}  // namespace aptkeep::test
