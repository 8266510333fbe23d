// What ran before a run runs after it, or is told with its reason.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/plan.h"
#include "core/unit.h"
#include "engine/ports.h"
#include "state/store.h"

namespace aptkeep {

// The units that each package's files bring, templates too ("name:arch" -> names).
using UnitsOfPackages = std::map<std::string, std::vector<std::string>>;

inline constexpr int kDefaultSettle = 10'000;

struct ServicePorts {
  Units& units;
  Store& store;
  std::function<void(const std::string&)> say;
  // Of installed packages, as dpkg has their files now.
  std::function<Result<UnitsOfPackages>(const std::vector<std::string>&)> units_of;
  // Restarts that were put off to the end, and their end.
  std::function<std::vector<PutOff>()> put_off = {};
  std::function<void()> forget_put_off = {};
  // The service that this very process runs in; empty: none.
  std::string own_unit = {};
  // Runs a command as rules write it, and lets it know when the run began (seconds since the epoch;
  // 0: not known); why it did not end well, in one line; empty: it did.
  std::function<std::string(const std::string& command, std::int64_t run_began)> complaint_of = {};
  // The same; false also where it could not be run.
  std::function<bool(const std::string& command)> ends_well = {};
  // A release upgrade, whose end is a boot: no more is restarted than is asked for.
  bool release_upgrade = false;
  // How long what was started is watched at most, in milliseconds.
  int settle = kDefaultSettle;
  // As CallPorts has it, where a person tries again what stays down; unset: that stays so.
  std::function<std::string(const std::string& command)> failure_of = {};
  // With failure_of: whether a step's package is still at the version that it brought. Unset: it
  // is.
  std::function<bool(const Step& step)> is_there = {};
  // Whether its package is whole at another version than the step's new one. With is_there.
  std::function<bool(const Step& step)> is_over = {};
};

// What rules say of a package's services, see UnitRecord.
struct ServiceChecks {
  std::vector<std::string> config;
  std::vector<std::string> probes;
  // Units, or patterns of them, that are not restarted (Class), and when they may be after all.
  std::vector<std::string> never = {};
  std::vector<std::string> idle = {};
  // Units, or patterns of them, that a reload brings to the new version as a restart would.
  std::vector<std::string> reload = {};
};
using ChecksOfPackages = std::map<std::string, ServiceChecks>;

// Of a package by dpkg's word alone: never Unchanged, as that does not say what the run brought.
Standing standing_in(const DbSnapshot& db, const std::string& package);

// Records, in the run, how the units of the steps' packages are, and of what triggers them or goes
// down with them. What an earlier plan of the run has recorded stays as it was then.
Status note_units(std::int64_t run, const std::vector<Step>& steps, ServicePorts& ports,
                  const ChecksOfPackages& checks = {});

// `records`: what the run has recorded of units. At a plan's end: restarts what was put off, all in
// one call; then starts what ran and does not, with its sockets first, twice if need be, and
// records what is not as before. A service that runs and whose package refuses its configuration
// now is not restarted: it goes on as it is. `standing`: of packages. Returns the records in
// trouble.
Result<std::vector<UnitRecord>> restore_units(
    std::int64_t run, std::vector<UnitRecord> records,
    const std::function<Standing(const std::string&)>& standing, ServicePorts& ports);

}  // namespace aptkeep
