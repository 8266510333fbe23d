// What most files include, for builds with APTKEEP_PRECOMPILE. No file may count on it: packages are
// built without, so that a missing #include is an error there.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>
