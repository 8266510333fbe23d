// test(1), [ ] and [[ ]], and dpkg --compare-versions, where not all is known. Part of
// core/shell_run.h.
#pragma once

#include <string_view>
#include <vector>

#include "core/shell_run.h"

namespace aptkeep::shell {

Truth opposite(Truth truth);
Truth both(Truth a, Truth b);
Truth either(Truth a, Truth b);

// Whether a text that `subject` may be fits a pattern as case has them.
Truth fits(const Argument& subject, const Argument& pattern);

// `words`: without "[" and "]".
Truth test(const std::vector<Argument>& words, const Circumstances& circumstances);

// `words`: behind "--compare-versions".
Truth compare_versions(const std::vector<Argument>& words, const Circumstances& circumstances);

}  // namespace aptkeep::shell
