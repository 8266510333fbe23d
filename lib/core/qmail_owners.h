// Owners, modes, folders and locks of a qmail queue. Part of core/qmail_queue.h.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "core/qmail_queue.h"

namespace aptkeep::qmail {

// Whether the part's files lie in numbered folders. A patch that is in wide use ("big-todo") splits
// todo and intd as well.
bool is_split(Part part, bool split_todo);

// How the queue is when all renames are made.
struct Renamed {
  const std::vector<File>& files;
  const std::vector<Folder>& folders;
  const std::vector<std::size_t>& owned;                   // the files that belong to messages
  const std::map<std::string, std::size_t>& for_a_folder;  // files where a folder has to be
  bool split_todo = false;
};

// Adds what is missing, has wrong owners or modes, and puts the renames between taking
// lock/sendmutex away and bringing it back.
void frame(Plan& plan, const Renamed& queue, const Request& request, std::vector<Action> renames);

}  // namespace aptkeep::qmail
