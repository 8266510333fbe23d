// The fuzz target over its corpus (the recordings) and over random mutations of it, so that it also
// runs where there is no libFuzzer, and under the sanitizers' build.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "mutator.h"
#include "protocol_fuzz.h"

namespace aptkeep {
namespace {

std::vector<std::string> corpus() {
  std::vector<std::string> texts;
  const auto data = std::filesystem::path(__FILE__).parent_path().parent_path() / "data";
  for (const char* folder : {"protocol", "status", "calls"}) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(data / folder)) {
      if (!entry.is_regular_file() || entry.path().extension() == ".steps") continue;
      std::ifstream in(entry.path(), std::ios::binary);
      texts.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
    }
  }
  return texts;
}

TEST(Fuzz, Corpus) {
  const auto texts = corpus();
  ASSERT_GE(texts.size(), 150U);
  for (const auto& text : texts) check_readers(text);
}

TEST(Fuzz, Mutations) {
  Mutator mutator(corpus(), mutation_seed());
  for (int i = 0; i < 20'000; ++i) check_readers(mutator.next());
}

}  // namespace
}  // namespace aptkeep
