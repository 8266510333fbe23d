// The recorded failures in tests/data/failures, see tests/data/README.md.
#pragma once

#include <string>
#include <vector>

#include "core/failure_class.h"

namespace aptkeep::test {

struct FailureSample {
  std::string name;
  std::string wanted;  // as to_string(FailureClass)
  FailureFacts facts;
};

// Sorted by name; what the engine would make of each.
std::vector<FailureSample> failure_samples();

// One recorded file's text; `name` as it is to be called.
FailureSample parse_failure_sample(const std::string& name, const std::string& text);

}  // namespace aptkeep::test
