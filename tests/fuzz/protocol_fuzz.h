#pragma once

#include <string>

namespace aptkeep {

// Aborts if one of the readers of foreign text does with `text` what it must not.
void check_readers(const std::string& text);

}  // namespace aptkeep
