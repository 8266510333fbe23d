// Owners, modes, folders and locks of a qmail queue. Part of core/qmail_queue.h.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "core/qmail_queue.h"
#include "core/qmail_shape.h"

namespace aptkeep::qmail {

// How the queue is when all renames are made.
struct Renamed {
  const std::vector<File>& files;
  const std::vector<Folder>& folders;
  const std::vector<std::size_t>& owned;                   // the files that belong to messages
  const std::map<std::string, std::size_t>& for_a_folder;  // files where a folder has to be
  const Shape& shape;
  // Something that is on its way to another name, and stays there; empty: nothing is. No qmail-send
  // may start then: a new mail may get the number that the rest of it has, and qmail-send clears
  // away what a new mail finds under its number.
  std::string half_renamed;
};

// Adds what is missing, has wrong owners or modes, and puts the renames between taking
// lock/sendmutex away and bringing it back. It stays away where that is not safe.
void frame(Plan& plan, const Renamed& queue, const Request& request, std::vector<Action> renames);

}  // namespace aptkeep::qmail
