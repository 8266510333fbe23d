// The driver's uses beside its main one. Each returns the process's exit code.
#pragma once

#include <string>
#include <vector>

#include "engine/finish.h"
#include "state/store.h"

namespace aptkeep {

// Prints `message` as the one line that every program of aptkeep uses for errors.
void complain(const std::string& message);
// The same, once in this frontend's run.
void complain_once(const Frontend& frontend, const std::string& message);

// Ends the frontend's open plan, when apt-hook cannot be started any more (its libapt-pkg was
// replaced in the run).
int end_run();

// dpkg's own hooks around a plain dpkg call; `when` is "pre" or "post".
int dpkg_hook(const std::string& when);

// 1 when the frontend with this pid kept something in its run, 0 when not, 2 when that is unknown.
int kept(const std::string& pid);

// Finishes or undoes what a killed frontend or a power cut has left. AtBoot: before the services
// are up. resume_plan() is for who holds dpkg's frontend lock.
enum class Resume { ByHand, AtBoot };
int resume(Resume when);
int resume_below();  // below a frontend that holds dpkg's lock
int resume_plan(Store& store);
// Has the hook look, with libapt-pkg, which versions would remove what is kept now, and pin them
// away. Where it does not start, the next `apt update` does so.
void protect_kept();

// Ends a plan of which nothing has come to pass, and is true then: another program that its
// frontend asks before dpkg has refused it (apt-listbugs, say), or the frontend was ended before
// that.
bool end_untouched(Store& store, OpenPlan& open);

// Shows (--show) or does (--do) what takes back packages, or a run (--run N).
int rollback(const std::vector<std::string>& args);

// dpkg is to want again what was left unconfigured of these packages ("name:arch"), or of all.
int want_again(const std::vector<std::string>& packages);

void print_summary(const Ending& ending, const std::string& native_arch, bool bypassed);

// Restarts and starts what is to run of a run: 1: something still does not.
int restore_services();
// The units that do not run as before. Of a frontend that has ended, what it has left to its end is
// done first. `lets_go`: also of what is held, all that is whole.
Result<std::vector<UnitRecord>> restore_run(Store& store, std::int64_t run,
                                            const Frontend* frontend, bool lets_go);
// The same of units that a run before the newest has left down, and of no others of it.
Result<std::vector<UnitRecord>> restore_left_down(Store& store, std::int64_t run,
                                                  const std::vector<UnitRecord>& units);
// Below a script of a run: kConfigRefused where rules' commands say that the unit's package refuses
// its configuration as it is now, which is told; else 0.
int config_refused(const std::string& unit);
// Waits for the end of the frontend, and sees to its services where it did not.
int guardian(const std::string& pid, const std::string& start_time);
// Before aptkeep is removed: takes its pins out of apt's preferences.
int uninstall();

}  // namespace aptkeep
