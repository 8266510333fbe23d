// What is left to do for the real dpkg when the driver is gone amid its work.
#pragma once

#include "decide.h"
#include "record.h"
#include "words.h"

namespace aptkeep::launcher {

// What dpkg's own programs say. An interface, so that the choice below can be tested by tables.
class Facts {
 public:
  // The archive's package is there at the archive's version, and unpacked, not yet configured:
  // what --unpack leaves. (At the same version but configured: a reinstallation not yet reached.)
  virtual bool unpacked(const char* archive) = 0;
  // dpkg --configure would refuse the name, since nothing is to be done.
  virtual bool configured(const char* package) = 0;
  // Nothing is there to remove, or, for `purge`, not even configuration files.
  virtual bool gone(const char* package, bool purge) = 0;

 protected:
  ~Facts() = default;
};

enum class Rest { Original, Words, Nothing };

// Fills `words` with dpkg's arguments (argv[0] included) if the answer is Words. Original: run it
// with the arguments as they came.
Rest what_is_left(int argc, const char* const* argv, const CommandLine& line, const Record& record,
                  Facts& facts, Words& words);

}  // namespace aptkeep::launcher
