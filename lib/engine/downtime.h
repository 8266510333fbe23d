// Services that are down while their packages are replaced, and come up again when these are
// configured.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/failure_class.h"
#include "core/unit.h"
#include "engine/ports.h"
#include "engine/session.h"
#include "engine/stay_down.h"

namespace aptkeep {

// Of the steps of one group (core/island.h), in a call of the driver.
class Downtime {
 public:
  Downtime(Session& session, std::vector<std::uint32_t> group);

  struct Refusal {
    std::uint32_t step = 0;
    std::string why;
    bool stops = false;  // the run is to stop: a backup is a guard, with its rule's If-Unmet
    FailureClass failure_class = FailureClass::Preparation;
  };
  // Told that a step is not to be replaced, because something does not stop or a command failed.
  // False: nothing more is to be done. Else the others go on, without what waits no more.
  using Refuse = std::function<bool(const Refusal&)>;
  // Says what goes down, holds it and stops it: what is named in Together, then, when its backup is
  // made, each package's own, each with its sockets, paths and timers first. False: `refuse` said
  // so.
  bool down(const Refuse& refuse);
  // The same for packages that a person takes back: nothing is saved and no guard is asked, since
  // the version that they go back to has worked. What does not stop is said, and gone on.
  void down_to_go_back();
  // Runs what is to be done before they are unpacked, when all that is known speaks for that.
  bool prepare(const Refuse& refuse);

  // Lets go what is whole by now and starts what ran of it, in the opposite order. Where a package
  // is at its new version and its check fails, it and what is in Together stay down; what is in
  // Together also where what comes after fails. That is recorded, for the plan's end.
  // Where only this starts them, the packages' own triggers come first: they may ask for a restart,
  // which would be one more time down. `later`: archives that are still to be unpacked in this
  // call. A value: dpkg itself has failed at that, and so the call is to end.
  std::optional<CallEnd> up(const std::vector<std::string>& later);
  // The same for what an earlier call of the driver has left down: as it is held.
  std::optional<CallEnd> up_later(const std::vector<std::string>& later);

 private:
  struct Part {  // of what goes down, in the order in which it does
    std::uint32_t step = 0;
    bool own = true;  // the step's own units; else one entry of Together
    std::vector<std::string> patterns;
    std::vector<std::string> services;  // and all else that is no trigger
    std::vector<std::string> triggers;
    // Of its services, those whose sockets keep listening; and these, which are no triggers here.
    std::vector<std::string> parked = {};
    std::vector<std::string> sockets = {};
  };
  Status look();
  void choose_parked(Part& part, std::set<std::string>& triggers);
  void add_left_down();
  void add_part(std::uint32_t step, bool own, const std::vector<std::string>& patterns);
  Status ask_for(const std::vector<std::string>& names);
  void leave_out_denied(const Part& part, std::set<std::string>& names);
  bool is_up(const std::string& unit) const;
  std::vector<std::string> up_of(const std::vector<std::string>& units) const;
  void say_what_goes_down() const;
  std::optional<Refusal> stop(Part& part);
  void enforce(const Part& part);
  void hold(const Part& part, const std::vector<std::string>& names);
  void park(Part& part);
  std::optional<Refusal> run_before(std::uint32_t step);
  std::optional<Refusal> back_up(std::uint32_t step);
  Staying check_and_start(std::uint32_t step, const DbSnapshot& db,
                          const std::vector<HeldUnit>& held, std::vector<std::string>& seen_to);
  void bring_up(const Part& part, const std::vector<HeldUnit>& all, const Staying& why,
                std::vector<std::string>& seen_to);
  void leave_down(const Part& part, const std::vector<std::string>& names, const Staying& why);
  void check_all(const DbSnapshot& db);
  bool is_fresh(std::uint32_t step, const DbSnapshot& db) const;
  const Staying* refused_for(const std::string& unit) const;
  bool goes(std::uint32_t step) const;
  bool waits(std::uint32_t step) const;
  void start_all();
  bool is_whole(std::uint32_t step, const DbSnapshot& db) const;
  std::vector<std::string> names_of(const Part& part) const;

  Session& session_;
  std::vector<std::uint32_t> group_;
  bool looked_ = false;
  bool goes_back_ = false;  // a person takes it back: no checks, and nothing after them
  std::vector<Part> parts_;
  std::map<std::string, UnitFacts> before_;
  std::map<std::uint32_t, Staying> refused_;  // by step: its check fails
  std::vector<HeldUnit> left_;                // by an earlier call
  std::set<std::string> parked_;              // that were so when this began
  std::vector<std::string> others_;  // that ran, and that systemd stops together with these
};

// Ends the downtimes of islands that were begun before, in this call or an earlier one of the plan,
// and could not be configured then, as far as they are by now. Arguments and value as up().
std::optional<CallEnd> end_left_downtimes(Session& session, const std::vector<std::string>& later);

// Lets go what is down until others are configured as well, and what a script of `package` that has
// just failed may have missed: of its own services, that its script may start them; of others' that
// are configured, their services are started. Not where their check fails. False: there is nothing
// of that kind, and so the failure is the package's own.
bool let_missed_go(Session& session, const std::string& package);

// Where no driver replaces them one by one (a frontend that runs dpkg itself, a plain dpkg): all
// islands of the plan at once, for as long as that takes. What does not stop is said.
void take_down_all(OpenPlan& open, CallPorts& ports);

// Does a plan that a person's wish to go back has made (engine/undo.h): as run_call() with
// `--configure --pending`, with the services of its islands down meanwhile.
CallEnd go_back_on_request(OpenPlan& open, CallPorts& ports);

// Lets these go and starts what ran of them and is down: what is parked, then sockets, paths and
// timers first, after systemd has read its units again if it has to.
void let_go_and_start(const std::vector<HeldUnit>& held, Units& units, Holds& holds);

// The same for what is held of packages that are configured, or gone.
void let_whole_go(const std::function<Standing(const std::string&)>& standing, Units& units,
                  Holds& holds);

// Of what is parked only that.
void let_whole_parked_go(const std::function<Standing(const std::string&)>& standing, Units& units,
                         Holds& holds);

// What scripts or calls have held of packages that are whole, or gone, by now, and that none of
// their scripts has let go.
void let_configured_go(CallPorts& ports);

}  // namespace aptkeep
