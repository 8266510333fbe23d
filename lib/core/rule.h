// A rule: what is known about some packages in some upgrades, as data. Rule files are read by
// adapters/apt_rules.h; aptkeep.rules(5) describes them. Values only.
//
// Precedence. Rules come in the order in which they were read (files by name, from top to bottom).
// All that apply to a step are looked at, field by field: of a field with one value (Class,
// Sockets, If-Unmet, On-Failure, Rollback, Repair) the last rule that has it decides; the entries
// of a list (Services, Reload, Together, Guard, Check-Config, Probe, Idle, Before, After, Backup,
// Save) add up in order (one that is there already is not added again), and the word "none" in one
// drops what earlier rules said in that field. What a rule says in If-Unmet is about its own guards
// and backups, see core/if_unmet.h. So a file 50-site.rules can lift or add single things without
// repeating the rest.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/plan.h"

namespace aptkeep {

enum class RelationOp : std::uint8_t { Less, LessEqual, Equal, GreaterEqual, Greater };

struct Relation {  // ">= 3.6"; the operators are those of control files (deb-version(7))
  RelationOp op = RelationOp::Equal;
  std::string version;

  friend bool operator==(const Relation&, const Relation&) = default;
};

// `When-Installed: dovecot-core (>= 1:2.3), vmm`: all must be there before the run.
struct InstalledCondition {
  std::string package;              // without an architecture
  std::optional<Relation> version;  // none: any version
};

// What to do with a service: docs/design.md, "Service decisions".
enum class ServiceClass : std::uint8_t {
  Stop,   // down from before its package is unpacked until it is configured
  Early,  // restarted right after its own configure
  End,    // restarted once, at the end
  Never,  // not touched: listed for the reboot
  Stock,  // the package's own way is right
};

// What becomes of what would start a service again while it is down.
enum class SocketMode : std::uint8_t {
  Quiesce,  // stopped before it
  Park,     // keeps listening: clients wait
  Leave,    // not touched
};

enum class IfUnmet : std::uint8_t {
  Keep,   // the package stays at its old version
  Stop,   // nothing of the run begins
  Warn,   // said, and gone on
  Ask,    // a person at a terminal decides; without one as Keep
  Force,  // a person has decided: said, recorded, and gone on. No rule says so
};

// A program with its arguments. Nothing of it passes a shell unless `shell`: then argv has one
// member, the shell's text.
struct RuleCommand {
  std::vector<std::string> argv;
  bool shell = false;  // the rule says "sh: TEXT"
  int timeout = 60;    // seconds
  std::string user;    // whom it runs as; empty: root

  friend bool operator==(const RuleCommand&, const RuleCommand&) = default;
};

// `Guard: queue-empty /var/spool/postfix/deferred`: a probe by its name (core/guard.h).
struct GuardCall {
  std::string name;
  std::vector<std::string> arguments;

  friend bool operator==(const GuardCall&, const GuardCall&) = default;
};

// A list field of one rule. `none`: it drops what earlier rules said there.
template <typename T>
struct RuleList {
  bool none = false;
  std::vector<T> entries;
};

struct Rule {
  std::string where;  // "/usr/share/aptkeep/rules.d/10-mail.rules:12"

  // When it applies: all of these must hold.
  std::vector<std::string> packages;  // names and patterns, without architecture
  std::vector<InstalledCondition> when_installed;
  std::vector<std::string> architectures;  // empty: all
  std::vector<Relation> upgrade_from;      // of the old version, all hold; empty: any, or none
  std::vector<Relation> upgrade_to;        // of the new version
  // The window counts too when the versions cross it downwards (`Both-Ways: yes`).
  bool both_ways = false;

  // What it says; empty where it says nothing.
  RuleList<std::string> services;  // units; with .service etc., templates as "postfix@*.service"
  RuleList<std::string> reload;    // a reload brings these to the new version, as a restart does
  std::optional<ServiceClass> service_class;
  std::optional<SocketMode> sockets;
  RuleList<std::string> together;  // units of other packages, in the order in which they stop
  RuleList<GuardCall> guards;
  std::optional<IfUnmet> if_unmet;
  RuleList<RuleCommand> check_config;
  RuleList<RuleCommand> probe;
  RuleList<RuleCommand> idle;
  RuleList<RuleCommand> before;
  RuleList<RuleCommand> after;
  RuleList<RuleCommand> backup;
  RuleList<std::string> save;  // absolute paths
  std::optional<OnFailure> on_failure;
  std::optional<bool> never_back;  // `Rollback: never` and `Rollback: allowed`
  std::optional<std::string> repair;

  std::string reason;  // one line
  std::string source;  // one line: a link, or "PACKAGE SCRIPT: what it does"
  // It is about versions that no supported release upgrades from any more: kept for old machines.
  bool historic = false;
};

}  // namespace aptkeep
