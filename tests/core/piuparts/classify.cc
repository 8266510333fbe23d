// Says what each recorded failure is taken for: classify FILE... prints, a line for each file,
// NAME<tab>CLASS<tab>REACTION AFTER THE FIRST TRY<tab>SCRIPT.
#include <cstdio>
#include <exception>
#include <filesystem>

#include "failure_samples.h"
#include "test_data.h"

int main(int argc, char** argv) {
  using namespace aptkeep;
  try {
    for (int i = 1; i < argc; ++i) {
      const std::filesystem::path path = argv[i];
      const auto sample = test::parse_failure_sample(path.stem().string(), test::read_file(path));
      const FailureClass found = classify(sample.facts);
      std::printf("%s\t%s\t%s\t%s\n", sample.name.c_str(), to_string(found),
                  to_string(react(found, 1, 1).reaction), sample.facts.script.c_str());
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "unable to classify: %s\n", error.what());
    return 1;
  }
  return 0;
}
