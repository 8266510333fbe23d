// Reads what a driver that is gone left in the memfd (adapters/progress_layout.h).
#pragma once

#include "words.h"

namespace aptkeep::launcher {

struct Record {
  bool readable = false;  // a header of ours
  bool finished = false;
  bool called = false;         // at least one dpkg call was begun
  bool owed = false;           // the call has to end with a failure, whatever dpkg says
  bool lost = false;           // what follows is not known
  unsigned long left_out = 0;  // archives that are not in the words and are to stay as they are
  Words in_call;
  Words after;

  ~Record();
  char* strings = nullptr;  // what the words point into
};

// A memfd with an empty record; -1 with errno set.
int make_record();
void read_record(int fd, Record& record);

}  // namespace aptkeep::launcher
