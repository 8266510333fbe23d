/* libaptkeep: which packages must stay back when some of an upgrade have failed, and the record of
 * what was kept. This header is the whole interface; it is C (C99) and stays so.
 *
 * Conventions
 *  - Packages are named "name:arch" ("libc6:amd64"); an Architecture: all package carries the
 *    native architecture. Versions are as dpkg writes them; an empty string (or NULL, where it is
 *    given) stands for "not there on this side".
 *  - Text is bytes as the package's own scripts printed them: it need not be UTF-8. Only what
 *    ..._json() returns always is.
 *  - Times are seconds since 1970-01-01 00:00:00 UTC.
 *  - Functions that can fail return APTKEEP_OK (0) or a negative APTKEEP_E... value, and
 *    aptkeep_error() then says why. Nothing here ends the process, throws, or writes to
 *    stdout or stderr.
 *  - A handle made by a function that ends in _new or by one with an `out` argument belongs to the
 *    caller, who ends it with the matching _free or _close; these take NULL. `*out` is set to NULL
 *    on errors. Every pointer read out of a handle lives as long as that handle, unless said
 *    otherwise, and must not be freed.
 *  - Structs begin with `size`, which the caller sets to sizeof the struct: a program that was
 *    built with an older header goes on working when a struct grows at its end.
 *  - A handle may be used by one thread at a time; different handles by different threads.
 */
#ifndef APTKEEP_APTKEEP_H
#define APTKEEP_APTKEEP_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef APTKEEP_EXPORT
#define APTKEEP_EXPORT __attribute__((visibility("default")))
#endif

/* Results. */
enum {
  APTKEEP_OK = 0,
  APTKEEP_EINVAL = -1, /* an argument is out of range, NULL, or a struct's size is wrong */
  APTKEEP_ENOENT = -2, /* there is no such thing: nothing recorded yet, no such run or keep */
  APTKEEP_ESTATE = -3, /* the record cannot be read or written: damaged, newer, not allowed */
  APTKEEP_ENOMEM = -4
};

/* The library's version, "0.1.0". Never NULL. */
APTKEEP_EXPORT const char* aptkeep_version(void);

/* Why the last call of this thread that failed did so: one line, without a full stop, such as
 * "unable to open /var/lib/aptkeep/state.db: it is damaged". Empty if none has failed. Valid until
 * the next call of this thread that fails. */
APTKEEP_EXPORT const char* aptkeep_error(void);

/* ---- The least kept set ---------------------------------------------------------------------- */

/* A run as a problem: packages that change, clauses between them, and which of them failed. */
typedef struct aptkeep_problem aptkeep_problem;

/* What a run does to a package. */
enum {
  APTKEEP_INSTALL = 0,
  APTKEEP_UPGRADE = 1,
  APTKEEP_DOWNGRADE = 2,
  APTKEEP_REINSTALL = 3,
  APTKEEP_CONFIGURE = 4,
  APTKEEP_REMOVE = 5,
  APTKEEP_PURGE = 6
};

/* Where a package stands: before its change, or after it. */
enum { APTKEEP_OLD = 0, APTKEEP_NEW = 1 };

/* What a clause comes from. LOCKSTEP: Multi-Arch: same packages of one name have one version. */
enum {
  APTKEEP_PRE_DEPENDS = 0,
  APTKEEP_DEPENDS = 1,
  APTKEEP_BREAKS = 2,
  APTKEEP_CONFLICTS = 3,
  APTKEEP_LOCKSTEP = 4
};

/* How far the change of a package has come. */
enum {
  APTKEEP_WAITING = 0,     /* nothing done */
  APTKEEP_UNPACKED = 1,    /* new files there, not configured */
  APTKEEP_DONE = 2,        /* on its new side, and configured (or gone) */
  APTKEEP_FAILED_OLD = 3,  /* failed, and back on its old side */
  APTKEEP_FAILED_NEW = 4,  /* failed, and left in between */
  APTKEEP_KEPT = 5,        /* left on its old side because another one failed */
  APTKEEP_STRANDED = 6,    /* on its new side, not configured because another one failed */
  APTKEEP_NOT_REACHED = 7, /* the frontend ended before it came to this one */
  APTKEEP_RETURNING = 8    /* on its way back: the old files are there, not configured */
};

/* The owner of a clause is a package that the run does not change. */
#define APTKEEP_OUTSIDE (-1)

struct aptkeep_package {
  size_t size;
  const char* name;        /* "name:arch" */
  const char* old_version; /* NULL or "": not installed before */
  const char* new_version; /* NULL or "": is removed */
  int action;              /* APTKEEP_INSTALL ... */
  int trust;               /* how much it is wanted, see aptkeep_problem_solve(); 0 if unknown */
  int security;            /* not 0: the new version is a security update */
};

struct aptkeep_clause {
  size_t size;
  int32_t owner;             /* index of a package, or APTKEEP_OUTSIDE */
  int owner_side;            /* the clause holds while the owner is there; without meaning for
                                APTKEEP_OUTSIDE, where it always holds */
  int kind;                  /* APTKEEP_PRE_DEPENDS ... */
  const char* owner_name;    /* for the causes; NULL: the owner's own, or "" */
  const char* owner_version; /* likewise */
  const char* relation;      /* as the control field has it: "b (>= 2) | c"; NULL is "" */
};

/* Returns NULL when memory is out. */
APTKEEP_EXPORT aptkeep_problem* aptkeep_problem_new(void);
APTKEEP_EXPORT void aptkeep_problem_free(aptkeep_problem* problem);

/* For the names in causes: packages of this architecture are written without it. Copied. */
APTKEEP_EXPORT int aptkeep_problem_set_native_arch(aptkeep_problem* problem, const char* arch);

/* How many nodes the exact search may visit (200,000 if not called); beyond, the answer may be
 * larger than the least, and says so. */
APTKEEP_EXPORT int aptkeep_problem_set_max_nodes(aptkeep_problem* problem, uint64_t nodes);

/* Adds a package, in the order in which apt would unpack them. Everything is copied. Returns its
 * index, counted from 0, or an error. */
APTKEEP_EXPORT int32_t aptkeep_problem_add_package(aptkeep_problem* problem,
                                                   const struct aptkeep_package* package);

/* Adds a clause without literals: as long as it has none, it cannot be satisfied. Everything is
 * copied. Returns its index, counted from 0, or an error. */
APTKEEP_EXPORT int32_t aptkeep_problem_add_clause(aptkeep_problem* problem,
                                                  const struct aptkeep_clause* clause);

/* The clause is satisfied while `package` is on `side`. At least one literal must hold. */
APTKEEP_EXPORT int aptkeep_problem_add_literal(aptkeep_problem* problem, int32_t clause,
                                               int32_t package, int side);

/* The package failed and must stay on its old side. Twice is harmless. */
APTKEEP_EXPORT int aptkeep_problem_mark_failed(aptkeep_problem* problem, int32_t package);

/* How far it has come, for orders (APTKEEP_WAITING if not called). */
APTKEEP_EXPORT int aptkeep_problem_set_progress(aptkeep_problem* problem, int32_t package,
                                                int progress);

/* Which packages stay on their old side: the failed ones and as few others as possible, so that no
 * clause is violated which was not violated with all on their old side. Of several such sets of
 * one size the one whose members' trust adds up to less is taken, then the first by name. */
typedef struct aptkeep_solution aptkeep_solution;

/* The problem may be changed and freed afterwards. */
APTKEEP_EXPORT int aptkeep_problem_solve(const aptkeep_problem* problem, aptkeep_solution** out);
APTKEEP_EXPORT void aptkeep_solution_free(aptkeep_solution* solution);

struct aptkeep_member {
  size_t size;
  int32_t package;    /* index in the problem */
  int failed;         /* not 0: failed itself, and the next two mean nothing */
  int32_t because;    /* number of the member whose staying made this one stay; always lower */
  int32_t clause;     /* index of the clause that would be violated without it */
  size_t cause_count; /* sentences, from this package down to the failed one: */
  const char* const* cause; /* "c kept: needs b (>= 2)", "b kept: needs a (= 2)", "a failed" */
};

/* How many packages stay. 0 for NULL. */
APTKEEP_EXPORT size_t aptkeep_solution_count(const aptkeep_solution* solution);
/* 1: proven to be the least; 0: not. */
APTKEEP_EXPORT int aptkeep_solution_exact(const aptkeep_solution* solution);
/* 1: no member could be left out; 0: that was not proven either. */
APTKEEP_EXPORT int aptkeep_solution_minimal(const aptkeep_solution* solution);
/* Member `number`, counted from 0, in joining order. `member->size` must be set. */
APTKEEP_EXPORT int aptkeep_solution_member(const aptkeep_solution* solution, size_t number,
                                           struct aptkeep_member* member);

/* 1: with exactly these packages on their old side no clause is violated that was not violated
 * before; 0: one is; or an error. `packages` may be NULL where `count` is 0. */
APTKEEP_EXPORT int aptkeep_problem_is_consistent(const aptkeep_problem* problem,
                                                 const int32_t* packages, size_t count);

/* ---- Order ----------------------------------------------------------------------------------- */

/* In which order, and in how many dpkg calls, archives are unpacked. */
typedef struct aptkeep_order aptkeep_order;

/* `packages`: what one call of apt unpacks, in its order. */
APTKEEP_EXPORT int aptkeep_problem_unpack_order(const aptkeep_problem* problem,
                                                const int32_t* packages, size_t count,
                                                aptkeep_order** out);
APTKEEP_EXPORT void aptkeep_order_free(aptkeep_order* order);
APTKEEP_EXPORT size_t aptkeep_order_count(const aptkeep_order* order);
/* The package at place `number`, counted from 0, or an error. */
APTKEEP_EXPORT int32_t aptkeep_order_package(const aptkeep_order* order, size_t number);
/* The dpkg call, counted from 0, in which it is unpacked, or an error. */
APTKEEP_EXPORT int32_t aptkeep_order_call(const aptkeep_order* order, size_t number);

/* Which of the unpacked `packages` cannot be configured, because they need one that is not
 * configured and will not be. Writes them to `found`, which has room for `count`, and returns how
 * many, or an error. */
APTKEEP_EXPORT int32_t aptkeep_problem_unconfigurable(const aptkeep_problem* problem,
                                                      const int32_t* packages, size_t count,
                                                      int32_t* found);

/* ---- The record ------------------------------------------------------------------------------ */

/* What aptkeep recorded of past runs (an open file). */
typedef struct aptkeep_state aptkeep_state;

/* Where it is recorded: "/var/lib/aptkeep/state.db". */
APTKEEP_EXPORT const char* aptkeep_state_path(void);

enum {
  APTKEEP_READ = 0, /* changes nothing; for ordinary users too */
  APTKEEP_WRITE = 1 /* for root; an existing file only; brings an older one up to date */
};

/* Opens the record at `path`, NULL for the usual one. APTKEEP_ENOENT: there is none, nothing was
 * recorded yet. */
APTKEEP_EXPORT int aptkeep_state_open(const char* path, int mode, aptkeep_state** out);
APTKEEP_EXPORT void aptkeep_state_close(aptkeep_state* state);

struct aptkeep_run {
  size_t size;
  int64_t id;
  int64_t begun;
  int64_t ended;                                 /* 0: not ended */
  const char* command;                           /* of the frontend: "apt-get -y dist-upgrade" */
  const char* note;                              /* "cut off" and the like; "": nothing to say */
  const char* native_arch;                       /* "" if not known */
  int done, failed, kept, stranded, not_reached; /* numbers of steps */
  int cut_off; /* 1: it has not ended, and its program is not there any more: aptkeep resume */
};

/* One package's change in a run. */
struct aptkeep_step {
  size_t size;
  const char* package;
  int action;              /* APTKEEP_INSTALL ... */
  const char* old_version; /* "": was not installed */
  const char* new_version; /* "": removed */
  int security;
  int outcome;          /* APTKEEP_WAITING ... */
  const char* db_state; /* at the end, as dpkg -l says it: "ii", "iF"; "": not in the database */
  size_t cause_count;   /* why it did not go through; 0 for what was done */
  const char* const* cause;
  /* Not in the first version of this struct: */
  int rolled_back;        /* not 0: it was on its new side, and was put back (or is on its way) */
  const char* never_back; /* why it may never be put back; "": it may */
  size_t remains_count;   /* what could not be put back as it was, a sentence each: */
  const char* const* remains; /* "/etc/x: mode 0600, was 0640" */
  const char* passed;  /* guards that were not met and were let pass, and by what; "": none */
  const char* repair;  /* what a rule tells a person to do if it failed; "": nothing */
  size_t backup_count; /* what was saved before it was replaced, absolute paths; */
  const char* const* backups; /* they may have been removed since */
  const char* afterwards; /* why its rules' checks of the new version, or what they want done after
                             it, did not end well or were not tried; "": they did */
};

enum {
  APTKEEP_PHASE_UNPACK = 0,
  APTKEEP_PHASE_CONFIGURE = 1,
  APTKEEP_PHASE_REMOVE = 2,
  APTKEEP_PHASE_PURGE = 3,
  APTKEEP_PHASE_TRIGGER = 4
};

/* What kind of failure it was, in one or two words: "unknown", "refusal", "crash", "transient",
 * "missing unit", "follow-up", "disk full", "out of memory", "dpkg itself", "hang", "guard",
 * "backup", "preparation", "waiting". There may be more of them in later versions. */

/* One maintainer script (or unpacking) that failed; or, if `on_request`, a package that a person
 * wanted to be put back. */
struct aptkeep_failure {
  size_t size;
  const char* package;
  const char* version;     /* the one that was tried; for removals the one that was to go */
  const char* old_version; /* "": a new installation */
  int phase;               /* APTKEEP_PHASE_UNPACK ... */
  const char* script;      /* "preinst" ...; "": not a script */
  int exit_code;           /* -1: not an exit */
  int signal;              /* 0: not a signal; -1: one whose number is not known */
  const char* message;     /* dpkg's own words */
  const char* output;      /* the last lines printed before */
  size_t output_size;      /* in bytes, since it may hold zero bytes */
  int healed;              /* not 0: a later try in the same run went well */
  /* Not in the first version of this struct: */
  const char* failure_class; /* see above */
  int on_request;            /* not 0: nothing failed, and nothing above but the versions counts */
};

/* A package that is kept back now. */
struct aptkeep_keep {
  size_t size;
  int64_t run; /* that made the keep */
  const char* package;
  const char* version;          /* the one that was tried; "": its removal failed */
  const char* old_version;      /* what was there before; "": nothing */
  int failed;                   /* not 0: failed itself; otherwise it waits for `root` */
  const char* root;             /* the failed package; "" if not known */
  const char* db_state;         /* "ii", "iF", "iU", "iHR" ... when it was kept; "": gone */
  int phase, exit_code, signal; /* as in struct aptkeep_failure, if `failed` */
  const char* script;
  const char* message;
  const char* output;
  size_t output_size;
  int security;
  int attempts; /* how often this version was tried */
  int64_t since;
  size_t cause_count;
  const char* const* cause;
  /* Not in the first version of this struct: */
  const char* failure_class; /* as in struct aptkeep_failure, if `failed`; otherwise "" */
  int64_t tried;             /* the last time */
  int tries_again; /* not 0: this version is tried again by itself, some time after `tried` */
  int on_request;  /* not 0: a person put it back, as in struct aptkeep_failure */
};

/* The newest runs first, `most` of them at most. */
typedef struct aptkeep_runs aptkeep_runs;
APTKEEP_EXPORT int aptkeep_state_runs(aptkeep_state* state, unsigned most, aptkeep_runs** out);
APTKEEP_EXPORT void aptkeep_runs_free(aptkeep_runs* runs);
APTKEEP_EXPORT size_t aptkeep_runs_count(const aptkeep_runs* runs);
APTKEEP_EXPORT int aptkeep_runs_get(const aptkeep_runs* runs, size_t number,
                                    struct aptkeep_run* run);
/* As JSON: kind "runs" of docs/report.schema.json. NULL when memory is out. */
APTKEEP_EXPORT const char* aptkeep_runs_json(aptkeep_runs* runs);

/* One run whole. `run` 0: the newest. APTKEEP_ENOENT: there is no such run. */
typedef struct aptkeep_report aptkeep_report;
APTKEEP_EXPORT int aptkeep_state_report(aptkeep_state* state, int64_t run, aptkeep_report** out);
APTKEEP_EXPORT void aptkeep_report_free(aptkeep_report* report);
APTKEEP_EXPORT int aptkeep_report_run(const aptkeep_report* report, struct aptkeep_run* run);
APTKEEP_EXPORT size_t aptkeep_report_step_count(const aptkeep_report* report);
APTKEEP_EXPORT int aptkeep_report_step(const aptkeep_report* report, size_t number,
                                       struct aptkeep_step* step);
APTKEEP_EXPORT size_t aptkeep_report_failure_count(const aptkeep_report* report);
APTKEEP_EXPORT int aptkeep_report_failure(const aptkeep_report* report, size_t number,
                                          struct aptkeep_failure* failure);
/* As JSON: kind "report" of docs/report.schema.json. NULL when memory is out. */
APTKEEP_EXPORT const char* aptkeep_report_json(aptkeep_report* report);

/* What is kept back now, the oldest first. */
typedef struct aptkeep_keeps aptkeep_keeps;
APTKEEP_EXPORT int aptkeep_state_keeps(aptkeep_state* state, aptkeep_keeps** out);
APTKEEP_EXPORT void aptkeep_keeps_free(aptkeep_keeps* keeps);
APTKEEP_EXPORT size_t aptkeep_keeps_count(const aptkeep_keeps* keeps);
APTKEEP_EXPORT int aptkeep_keeps_get(const aptkeep_keeps* keeps, size_t number,
                                     struct aptkeep_keep* keep);
/* The architecture for which names may be written without one; "" if not known. */
APTKEEP_EXPORT const char* aptkeep_keeps_native_arch(const aptkeep_keeps* keeps);
/* As JSON: kind "status" of docs/report.schema.json. NULL when memory is out. */
APTKEEP_EXPORT const char* aptkeep_keeps_json(aptkeep_keeps* keeps);

/* Forgets that `package` is kept back. APTKEEP_ENOENT: it is not. Needs APTKEEP_WRITE. `why` goes
 * into the record ("released", "retry"). apt heeds it after aptkeep_state_write_pins(). */
APTKEEP_EXPORT int aptkeep_state_lift(aptkeep_state* state, const char* package, const char* why);

/* Makes apt's preferences say what is kept now. `path`: NULL for the usual file,
 * /etc/apt/preferences.d/0-aptkeep.pref, which is replaced as a whole, or removed if it would be
 * empty. Of other packages' versions, those stay pinned away that would remove what is still kept;
 * what is new of that kind since keeps were lifted only aptkeep's apt hook finds. Needs
 * APTKEEP_WRITE. */
APTKEEP_EXPORT int aptkeep_state_write_pins(aptkeep_state* state, const char* path);

#ifdef __cplusplus
}
#endif

#endif
