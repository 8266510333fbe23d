// aptkeep.rules(5) against the reader: each field, each word and each guard is there, and its
// examples are good.
#include <gtest/gtest.h>

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "adapters/apt_rules.h"
#include "apt_root.h"
#include "core/guard.h"
#include "core/rule_text.h"

namespace aptkeep {
namespace {

std::string manual() {
  const auto page = std::filesystem::path(__FILE__).parent_path() / "../../docs/aptkeep.rules.5";
  std::ifstream in(page);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// Whether the name stands in the list of things that are explained.
bool explains(const std::string& page, const std::string& name) {
  std::istringstream lines(page);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(".It Cm ")) continue;
    std::istringstream words(line);
    for (std::string word; words >> word;) {
      if (word == name) return true;
    }
  }
  return false;
}

template <typename E>
void expect_words(const std::string& page) {
  for (const auto* word : RuleWords<E>::kWords) {
    EXPECT_NE(page.find(std::string(".Ql ") + word), std::string::npos) << word;
  }
}

TEST(RulesManual, HasEachField) {
  const auto page = manual();
  ASSERT_FALSE(page.empty());
  for (const auto* field : decision_fields()) EXPECT_TRUE(explains(page, field)) << field;
  for (const char* field : {"Package", "When-Installed", "Architecture", "Upgrade-From",
                            "Upgrade-To", "Both-Ways", "Reason", "Source", "Historic", "Test",
                            "From", "To", "Installed", "Guards", "Units", "Stops", "Outcome"}) {
    EXPECT_TRUE(explains(page, field)) << field;
  }
  EXPECT_FALSE(explains(page, "Nonsense"));
}

TEST(RulesManual, HasEachWordAndGuard) {
  const auto page = manual();
  expect_words<RelationOp>(page);
  expect_words<ServiceClass>(page);
  expect_words<SocketMode>(page);
  expect_words<IfUnmet>(page);
  expect_words<OnFailure>(page);
  for (const auto& kind : guard_kinds()) EXPECT_TRUE(explains(page, kind.name)) << kind.name;
}

TEST(RulesManual, ItsExamplesAreGood) {
  std::istringstream lines(manual());
  std::string text;
  int stanzas = 0;
  bool inside = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(".")) {
      inside = line.starts_with(".Bd");
      text += "\n";
    } else if (inside) {
      text += line + "\n";
      stanzas += line.starts_with("Package:") ? 1 : 0;
    }
  }
  std::string path = "/tmp/aptkeep-rule.XXXXXX";
  const int fd = ::mkstemp(path.data());
  if (fd >= 0) ::close(fd);
  test::write_text(path, text);
  const auto mistakes = check_rules(path);
  std::filesystem::remove(path);
  ASSERT_TRUE(mistakes.ok());
  EXPECT_EQ(*mistakes, std::vector<std::string>());
  EXPECT_GE(stanzas, 4);
}

}  // namespace
}  // namespace aptkeep
