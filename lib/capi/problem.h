// The handle of a problem, shared by what solves it and what orders it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/kept_set.h"
#include "core/plan.h"

struct aptkeep_problem {
  aptkeep::Plan plan;
  std::vector<std::uint32_t> failed;
  std::vector<aptkeep::StepState> states;  // one for each step
  aptkeep::KeptSetLimits limits;
  std::string native_arch;
};

namespace aptkeep::capi {

// `package` as an index of the problem; nullopt where there is no such package.
std::optional<std::uint32_t> index_of(const aptkeep_problem& problem, std::int32_t package);

// A list of packages, none of them twice; nullopt, and the error is set, where it is not.
std::optional<std::vector<std::uint32_t>> indexes(const aptkeep_problem* problem,
                                                  const std::int32_t* packages, std::size_t count);

}  // namespace aptkeep::capi
