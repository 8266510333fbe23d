// The fuzz target of the rules' reader over our own rules, a file with every field, and random
// mutations of both.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "mutator.h"
#include "rules_fuzz.h"

namespace aptkeep {
namespace {

std::vector<std::string> corpus() {
  const auto source = std::filesystem::path(__FILE__).parent_path().parent_path();
  std::vector<std::string> texts;
  for (const auto& folder : {source / "data/rules", source.parent_path() / "rules"}) {
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      if (entry.path().extension() != ".rules") continue;
      std::ifstream in(entry.path(), std::ios::binary);
      texts.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
    }
  }
  return texts;
}

// Short ones: mutations then hit what they are about.
std::vector<std::string> stanzas(const std::vector<std::string>& texts) {
  std::vector<std::string> made;
  for (const auto& text : texts) {
    for (std::size_t at = 0; at < text.size();) {
      const auto end = std::min(text.find("\n\n", at), text.size());
      made.push_back(text.substr(at, end - at) + "\n");
      at = end + 2;
    }
  }
  return made;
}

TEST(RulesFuzz, CorpusHasNoMistake) {
  const auto texts = corpus();
  ASSERT_GE(texts.size(), 5U);
  for (const auto& text : texts) EXPECT_TRUE(check_rule_reader(text)) << text.substr(0, 200);
}

TEST(RulesFuzz, Mutations) {
  Mutator mutator(stanzas(corpus()), mutation_seed());
  int good = 0;
  for (int i = 0; i < 20'000; ++i) good += check_rule_reader(mutator.next()) ? 1 : 0;
  EXPECT_GT(good, 200) << "hardly any of them gets as far as a rule";
}

}  // namespace
}  // namespace aptkeep
