// What invoke-rc.d(8) and deb-systemd-invoke(1p) ask a policy-rc.d, and the answer. libc only.
//
// Nothing but 0 (do it) and 101 (do not) is ever answered: of all others one caller fails its
// package's script, or the two of them disagree (init-system-helpers 1.65.2: script/invoke-rc.d,
// querypolicy(), and script/deb-systemd-invoke).
#pragma once

#include <cstddef>

namespace aptkeep::policy {

inline constexpr int kDoIt = 0;
inline constexpr int kDoNot = 101;

// `policy-rc.d [--quiet] ID ACTION [RUNLEVEL]`. deb-systemd-invoke gives a unit for the ID.
struct Question {
  bool understood = false;
  char unit[256] = {};   // "foo.service"; a script's name is made a service's
  char action[32] = {};  // without brackets
  // In brackets: what the caller would not do by itself, since the unit is disabled.
  bool bracketed = false;
};

Question read_question(int argc, const char* const* argv);
// The same from two words; as of invoke-rc.d, whose names are a service's where they say no kind.
Question question_of(const char* name, const char* action);

// Of characters that units' names are made of, patterns included; never beginning with a dash.
bool is_unit_name(const char* name);

// Whom a restart of what runs may wait for.
enum class Wait {
  No,
  End,        // of the run, which restarts all that waits
  Reboot,     // a rule says so, or a release upgrade, whose end is one
  IfRefused,  // as End, where its new version refuses its configuration now; else No
};

// "start", "restart" and what else ends with a new process.
bool is_start(const char* action);

struct Surroundings {
  bool init = false;     // there is a /sbin/init, as invoke-rc.d looks for it
  bool systemd = false;  // it is the init that runs
  bool off = false;      // aptkeep is switched off
  bool script = false;   // below a maintainer script
  bool ran = false;      // the unit ran when this run began (the table says so)
  bool rested = false;  // it was down then, for no package's sake, and is yet; its own package asks
  // End: in a run, below a postinst, of a unit that ran when it began, whose package rules do not
  // give another class than end, and that nothing else of the run needs; or of the service that the
  // run itself is made in.
  Wait wait = Wait::No;
  bool foreign = false;   // it is a unit of another package of this run
  bool held = false;      // its package is half replaced: nothing may start it
  bool parked = false;    // ... and it is stopped already, with its sockets open
  bool let_go = false;    // ... but this script, which is that package's own postinst
  bool fresh = false;     // this very script has let it go, and it is up since
  bool comes_up = false;  // it is down and held, or on record as one that ran: it is started later
  bool replaces = false;  // the script is a preinst or prerm: what it stops is half replaced then
  bool early = false;     // others of the run need it now, by a rule or by what they depend on
  bool release_upgrade = false;  // to another release, so that its end is a reboot
  bool sockets_stay = false;     // a rule wants its sockets left, or the package's way as it is
};

// What is to be done about the unit's triggers before the caller goes on.
enum class Triggers { Leave, Stop, Start };

struct Answer {
  int code = kDoIt;
  // Where the whole call does and can be noted: then 101.
  Wait wait = Wait::No;
  Triggers triggers = Triggers::Leave;
  bool hold = false;    // what is stopped is held until its package is configured
  bool let_go = false;  // what the script's package holds is let go before
  bool later = false;   // a start that is not made now is noted, for the run's end
  // That it does not start is noted, to be tried again at the run's end, and is not to fail the
  // package (what Ubuntu's release upgrader has its own invoke-rc.d for).
  bool forgive = false;
};

Answer answer(const Question& question, const Surroundings& around);

}  // namespace aptkeep::policy
