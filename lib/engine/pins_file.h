// The pins file: what apt is told of the active keeps.
#pragma once

#include <string>
#include <vector>

#include "core/pins.h"
#include "core/result.h"
#include "state/store.h"

namespace aptkeep {

// The pins that these keeps call for: one for each package that failed at a version which could be
// tried again and whose state allows a pin. What waits for a failed package needs none: apt holds
// it back by its dependency. Keeps of one package and version, on several architectures, are one
// pin each.
//
// None either for what an unpacked package waits for: the pin would leave apt nothing to do about
// that one but to remove it (apt-get -f install). Not so where both have gone back, and the old
// version is what cannot be configured.
bool is_pinned(const Keep& keep, const std::vector<Keep>& keeps);
std::vector<Pin> pins_of(const std::vector<Keep>& keeps);
// What had failed before one of these over the same old version, and may be on offer yet: with the
// last one pinned alone, apt would try the one before it again, and the two in turns for ever.
std::vector<Pin> pins_of_replaced(const std::vector<Keep>& keeps,
                                  const std::vector<Keep>& replaced);

// Makes `path` (mode 0644) say exactly the active keeps and `extra`, which the caller has from
// AptCache::blockers or Store::blocked; without any the file is removed. A reader sees the old
// file or the new one, never half of one.
Status write_pins(Store& store, const std::vector<Pin>& extra, const std::string& path);

}  // namespace aptkeep
