// Units that nothing may start, because their package is half replaced: an empty place in /run that
// systemd looks at before each start (hooks/systemd: service.d and its like). A file for each unit,
// so that no reload of systemd is needed; gone with the next boot. libc only.
#pragma once

#include "policy/systemctl.h"

namespace aptkeep::policy {

inline constexpr char kHoldsDir[] = "holds";  // in paths::kRunDir

// Of units whose names on the bus are answered for (hooks/bus-names): gone when they are free
// again.
inline constexpr char kNamesDir[] = "names";

struct Hold {
  bool there = false;
  char package[256] = {};  // "name:arch", whose configuration lets it go
  bool ran = false;        // it was up, and is to be up again
  // Its package's own script does not let it go: others that belong to it are not configured yet.
  bool waits = false;
  // A service in whose place something stands, or a socket of it, which listens (policy/parked.h).
  bool parked = false;
};

// Also where it is held already, by whomever: then that one's stays. False: it cannot be held.
bool hold(const char* run_dir, const char* unit, const Hold& said);
// When it returns, its names on the bus are free.
void let_go(const char* run_dir, const char* unit);

// "foo@x.service" -> "foo@.service"; false: it is no instance.
bool template_of(const char* unit, char* name, std::size_t room);

// Of a unit, or of the template that it is an instance of.
Hold hold_of(const char* run_dir, const char* unit);

// One after the other, for `found`; its return value ends the reading where it is false.
void each_hold(const char* run_dir, bool (*found)(const char* unit, const Hold& hold, void* data),
               void* data);

// The text of such a file, and what one says.
void write_hold(const Hold& hold, char* text, std::size_t room);
void read_hold(char* text, Hold& hold);

// As dpkg tells scripts: "all" is whatever architecture the hold names.
bool is_held_by(const Hold& hold, const char* name, const char* arch);

// What the package holds is let go, and those of it that ran are started: sockets, paths and timers
// only, or services after them too; and in any case what is parked. What is to wait stays. True: a
// socket, path or timer was started.
bool let_package_go(const char* run_dir, const char* name, const char* arch, bool services);
// All of them, and what was remembered of scripts. Nothing is started, and what is parked is
// closed.
void let_all_go(const char* run_dir);

// What was let go in this script is up by its new version: no restart is needed. Remembers it of
// the script that the caller is below (its pid and start time).
void note_fresh(const char* run_dir, const char* unit);
bool is_fresh(const char* run_dir, const char* unit);

}  // namespace aptkeep::policy
