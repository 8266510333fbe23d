/* The C interface as a C program sees it: capi_test STATE_DB PINS_FILE, with a record that
 * make_state made ("kept"), which it changes. */
#include <aptkeep/aptkeep.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

static int32_t add(aptkeep_problem* problem, const char* name, const char* old_version,
                   const char* new_version) {
  struct aptkeep_package package;
  memset(&package, 0, sizeof package);
  package.size = sizeof package;
  package.name = name;
  package.old_version = old_version;
  package.new_version = new_version;
  package.action = APTKEEP_UPGRADE;
  return aptkeep_problem_add_package(problem, &package);
}

static int32_t needs(aptkeep_problem* problem, int32_t owner, const char* relation) {
  struct aptkeep_clause clause;
  memset(&clause, 0, sizeof clause);
  clause.size = sizeof clause;
  clause.owner = owner;
  clause.owner_side = APTKEEP_NEW;
  clause.kind = APTKEEP_DEPENDS;
  clause.relation = relation;
  return aptkeep_problem_add_clause(problem, &clause);
}

static void test_kept_set(void) {
  aptkeep_problem* problem = aptkeep_problem_new();
  aptkeep_solution* solution = NULL;
  struct aptkeep_member member;
  int32_t a = add(problem, "a:amd64", "1", "2");
  int32_t b = add(problem, "b:amd64", "1", "2");
  int32_t c = add(problem, "c:i386", "1", "2");
  int32_t alone = add(problem, "alone:amd64", NULL, "2");
  int32_t clause = needs(problem, b, "a (= 2)");
  CHECK(a == 0 && b == 1 && c == 2 && alone == 3 && clause == 0);
  CHECK(aptkeep_problem_add_literal(problem, clause, a, APTKEEP_NEW) == APTKEEP_OK);
  clause = needs(problem, c, "b (>= 2)");
  CHECK(aptkeep_problem_add_literal(problem, clause, b, APTKEEP_NEW) == APTKEEP_OK);
  CHECK(aptkeep_problem_set_native_arch(problem, "amd64") == APTKEEP_OK);
  CHECK(aptkeep_problem_mark_failed(problem, a) == APTKEEP_OK);
  CHECK(aptkeep_problem_mark_failed(problem, a) == APTKEEP_OK);
  CHECK(aptkeep_problem_is_consistent(problem, &a, 1) == 0);
  CHECK(aptkeep_problem_is_consistent(problem, NULL, 0) == 1);
  CHECK(aptkeep_problem_solve(problem, &solution) == APTKEEP_OK);
  aptkeep_problem_free(problem);

  CHECK(aptkeep_solution_count(solution) == 3);
  CHECK(aptkeep_solution_exact(solution) == 1 && aptkeep_solution_minimal(solution) == 1);
  member.size = sizeof member;
  CHECK(aptkeep_solution_member(solution, 0, &member) == APTKEEP_OK);
  CHECK(member.package == a && member.failed && member.cause_count == 1);
  CHECK(aptkeep_solution_member(solution, 2, &member) == APTKEEP_OK);
  CHECK(member.package == c && !member.failed && member.because == 1 && member.clause == 1);
  CHECK(member.size == sizeof member && member.cause_count == 3);
  CHECK(same(member.cause[0], "c:i386 kept: needs b (>= 2)"));
  CHECK(same(member.cause[1], "b kept: needs a (= 2)"));
  CHECK(same(member.cause[2], "a failed"));
  CHECK(aptkeep_solution_member(solution, 3, &member) == APTKEEP_EINVAL);
  aptkeep_solution_free(solution);
}

static void test_order(void) {
  aptkeep_problem* problem = aptkeep_problem_new();
  aptkeep_order* order = NULL;
  int32_t all[2];
  int32_t found[2] = {-5, -5};
  int32_t top = add(problem, "top:amd64", "1", "2");
  int32_t base = add(problem, "base:amd64", "1", "2");
  int32_t clause = needs(problem, top, "base (= 2)");
  aptkeep_problem_add_literal(problem, clause, base, APTKEEP_NEW);
  all[0] = top;
  all[1] = base;
  CHECK(aptkeep_problem_unpack_order(problem, all, 2, &order) == APTKEEP_OK);
  CHECK(aptkeep_order_count(order) == 2);
  CHECK(aptkeep_order_package(order, 0) == base && aptkeep_order_package(order, 1) == top);
  CHECK(aptkeep_order_call(order, 0) == 0 && aptkeep_order_call(order, 1) == 0);
  CHECK(aptkeep_order_package(order, 2) == APTKEEP_EINVAL);
  aptkeep_order_free(order);
  CHECK(aptkeep_problem_set_progress(problem, top, APTKEEP_UNPACKED) == APTKEEP_OK);
  CHECK(aptkeep_problem_set_progress(problem, base, APTKEEP_RETURNING) == APTKEEP_OK);
  CHECK(aptkeep_problem_set_progress(problem, base, APTKEEP_RETURNING + 1) == APTKEEP_EINVAL);
  CHECK(aptkeep_problem_set_progress(problem, base, APTKEEP_FAILED_NEW) == APTKEEP_OK);
  CHECK(aptkeep_problem_unconfigurable(problem, &top, 1, found) == 1 && found[0] == top);
  all[1] = top;
  CHECK(aptkeep_problem_unpack_order(problem, all, 2, &order) == APTKEEP_EINVAL && order == NULL);
  CHECK(same(aptkeep_error(), "unable to take the problem: a package is named twice"));
  aptkeep_problem_free(problem);
}

static void test_bad_arguments(void) {
  aptkeep_problem* problem = aptkeep_problem_new();
  aptkeep_solution* solution = NULL;
  aptkeep_state* state = NULL;
  struct aptkeep_package package;
  struct aptkeep_clause clause;
  memset(&package, 0, sizeof package);
  memset(&clause, 0, sizeof clause);
  package.name = "a:amd64";
  CHECK(aptkeep_problem_add_package(problem, NULL) == APTKEEP_EINVAL);
  CHECK(aptkeep_problem_add_package(problem, &package) == APTKEEP_EINVAL);
  package.size = sizeof package;
  package.action = 7;
  CHECK(aptkeep_problem_add_package(problem, &package) == APTKEEP_EINVAL);
  package.action = APTKEEP_UPGRADE;
  package.name = NULL;
  CHECK(aptkeep_problem_add_package(problem, &package) == APTKEEP_EINVAL);
  CHECK(aptkeep_problem_add_package(NULL, &package) == APTKEEP_EINVAL);
  clause.size = sizeof clause;
  CHECK(aptkeep_problem_add_clause(problem, &clause) == APTKEEP_EINVAL);
  clause.owner = -2;
  CHECK(aptkeep_problem_add_clause(problem, &clause) == APTKEEP_EINVAL);
  clause.owner = APTKEEP_OUTSIDE;
  clause.kind = 5;
  CHECK(aptkeep_problem_add_clause(problem, &clause) == APTKEEP_EINVAL);
  clause.kind = APTKEEP_BREAKS;
  CHECK(aptkeep_problem_add_clause(problem, &clause) == 0);
  CHECK(aptkeep_problem_add_literal(problem, 0, 0, APTKEEP_OLD) == APTKEEP_EINVAL);
  CHECK(aptkeep_problem_add_literal(problem, 1, 0, APTKEEP_OLD) == APTKEEP_EINVAL);
  CHECK(aptkeep_problem_mark_failed(problem, 0) == APTKEEP_EINVAL);
  CHECK(aptkeep_problem_solve(NULL, &solution) == APTKEEP_EINVAL);
  CHECK(aptkeep_problem_solve(problem, NULL) == APTKEEP_EINVAL);
  CHECK(aptkeep_problem_unpack_order(problem, NULL, 1, NULL) == APTKEEP_EINVAL);
  CHECK(aptkeep_state_open("/", 2, &state) == APTKEEP_EINVAL && state == NULL);
  CHECK(aptkeep_state_open("/", APTKEEP_READ, &state) == APTKEEP_ESTATE && state == NULL);
  CHECK(same(aptkeep_error(), "unable to open /: it is a directory"));
  CHECK(aptkeep_state_open("/nonexistent", APTKEEP_WRITE, &state) == APTKEEP_ENOENT);
  CHECK(aptkeep_solution_count(NULL) == 0 && aptkeep_keeps_count(NULL) == 0);
  CHECK(aptkeep_report_json(NULL) == NULL);
  aptkeep_problem_free(problem);
  aptkeep_problem_free(NULL);
  aptkeep_solution_free(NULL);
  aptkeep_order_free(NULL);
  aptkeep_state_close(NULL);
  aptkeep_runs_free(NULL);
  aptkeep_report_free(NULL);
  aptkeep_keeps_free(NULL);
}

/* A caller with an older header has smaller structs, one with a newer header has larger ones. */
static void test_sizes(void) {
  aptkeep_problem* problem = aptkeep_problem_new();
  aptkeep_solution* solution = NULL;
  struct {
    struct aptkeep_member known;
    char later[64];
  } larger;
  struct aptkeep_member smaller;
  struct {
    struct aptkeep_package known;
    const char* later;
  } package;
  size_t i;
  memset(&package, 0, sizeof package);
  package.known.size = sizeof package;
  package.known.name = "a:amd64";
  package.later = "unknown";
  CHECK(aptkeep_problem_add_package(problem, &package.known) == 0);
  aptkeep_problem_mark_failed(problem, 0);
  CHECK(aptkeep_problem_solve(problem, &solution) == APTKEEP_OK);
  memset(&larger, 'x', sizeof larger);
  larger.known.size = sizeof larger;
  CHECK(aptkeep_solution_member(solution, 0, &larger.known) == APTKEEP_OK);
  CHECK(larger.known.size == sizeof larger && larger.known.package == 0);
  for (i = 0; i < sizeof larger.later; i++) CHECK(larger.later[i] == 'x');
  smaller.size = offsetof(struct aptkeep_member, cause);
  CHECK(aptkeep_solution_member(solution, 0, &smaller) == APTKEEP_EINVAL);
  aptkeep_solution_free(solution);
  aptkeep_problem_free(problem);
}

static void check_report(aptkeep_state* state) {
  aptkeep_report* report = NULL;
  struct aptkeep_run run;
  struct aptkeep_step step;
  struct aptkeep_failure failure;
  run.size = sizeof run;
  step.size = sizeof step;
  failure.size = sizeof failure;
  CHECK(aptkeep_state_report(state, 77, &report) == APTKEEP_ENOENT && report == NULL);
  CHECK(aptkeep_state_report(state, 0, &report) == APTKEEP_OK);
  CHECK(aptkeep_report_run(report, &run) == APTKEEP_OK);
  CHECK(same(run.command, "apt-get -y dist-upgrade") && same(run.native_arch, "amd64"));
  CHECK(run.begun == 1700000000 && run.ended == 1700000060);
  CHECK(run.done == 2 && run.failed == 2 && run.kept == 1 && run.stranded == 0);
  CHECK(aptkeep_report_step_count(report) == 5 && aptkeep_report_failure_count(report) == 2);
  CHECK(aptkeep_report_step(report, 1, &step) == APTKEEP_OK);
  CHECK(same(step.package, "dep:amd64") && step.outcome == APTKEEP_KEPT);
  CHECK(step.cause_count == 2 && same(step.cause[1], "foo failed"));
  CHECK(aptkeep_report_step(report, 4, &step) == APTKEEP_OK);
  CHECK(step.action == APTKEEP_INSTALL && same(step.old_version, ""));
  CHECK(aptkeep_report_step(report, 5, &step) == APTKEEP_EINVAL);
  CHECK(aptkeep_report_failure(report, 0, &failure) == APTKEEP_OK);
  CHECK(same(failure.script, "preinst") && failure.exit_code == 3 && failure.signal == 0);
  CHECK(failure.phase == APTKEEP_PHASE_UNPACK && failure.output_size == strlen(failure.output));
  CHECK(strstr(failure.output, "\xff\xfe") != NULL);
  CHECK(strstr(aptkeep_report_json(report), "\"kind\": \"report\"") != NULL);
  CHECK(strstr(aptkeep_report_json(report), "\xff") == NULL);
  CHECK(aptkeep_report_json(report) == aptkeep_report_json(report));
  aptkeep_report_free(report);
}

static void check_keeps(aptkeep_state* state, size_t expected) {
  aptkeep_keeps* keeps = NULL;
  struct aptkeep_keep keep;
  keep.size = sizeof keep;
  CHECK(aptkeep_state_keeps(state, &keeps) == APTKEEP_OK);
  CHECK(aptkeep_keeps_count(keeps) == expected);
  CHECK(same(aptkeep_keeps_native_arch(keeps), "amd64"));
  if (expected == 3) {
    CHECK(aptkeep_keeps_get(keeps, 1, &keep) == APTKEEP_OK);
    CHECK(same(keep.package, "dep:amd64") && !keep.failed && same(keep.root, "foo:amd64"));
    CHECK(keep.cause_count == 2 && same(keep.cause[0], "dep kept: needs foo (= 2.0)"));
    CHECK(aptkeep_keeps_get(keeps, 2, &keep) == APTKEEP_OK);
    CHECK(keep.failed && keep.security && keep.signal == 9 && keep.exit_code == -1);
    CHECK(same(keep.db_state, "iF") && keep.attempts == 1 && keep.since == 1700000060);
    CHECK(same(keep.failure_class, "crash") && keep.tries_again && !keep.on_request);
    CHECK(keep.tried == 1700000060);
    CHECK(aptkeep_keeps_get(keeps, 0, &keep) == APTKEEP_OK);
    CHECK(same(keep.failure_class, "refusal") && !keep.tries_again);
    CHECK(aptkeep_keeps_get(keeps, 3, &keep) == APTKEEP_EINVAL);
  }
  CHECK(strstr(aptkeep_keeps_json(keeps), "\"all_well\": false") != NULL);
  aptkeep_keeps_free(keeps);
}

static int pinned(const char* pins, const char* package) {
  char text[8192];
  size_t size;
  FILE* file = fopen(pins, "r");
  if (file == NULL) return 0;
  size = fread(text, 1, sizeof text - 1, file);
  text[size] = '\0';
  fclose(file);
  return strstr(text, package) != NULL;
}

static void test_record(const char* path, const char* pins) {
  aptkeep_state* state = NULL;
  aptkeep_runs* runs = NULL;
  struct aptkeep_run run;
  run.size = sizeof run;
  CHECK(aptkeep_state_open(path, APTKEEP_READ, &state) == APTKEEP_OK);
  CHECK(aptkeep_state_runs(state, 9, &runs) == APTKEEP_OK && aptkeep_runs_count(runs) == 1);
  CHECK(aptkeep_runs_get(runs, 0, &run) == APTKEEP_OK && run.id == 1 && run.failed == 2);
  CHECK(strstr(aptkeep_runs_json(runs), "\"kind\": \"runs\"") != NULL);
  aptkeep_runs_free(runs);
  check_report(state);
  check_keeps(state, 3);
  CHECK(aptkeep_state_lift(state, "foo:amd64", "released") == APTKEEP_ESTATE);
  CHECK(aptkeep_state_write_pins(state, pins) == APTKEEP_ESTATE);
  CHECK(!pinned(pins, "foo"));
  aptkeep_state_close(state);

  CHECK(aptkeep_state_open(path, APTKEEP_WRITE, &state) == APTKEEP_OK);
  CHECK(aptkeep_state_write_pins(state, pins) == APTKEEP_OK);
  CHECK(pinned(pins, "foo") && pinned(pins, "bar") && !pinned(pins, "dep"));
  CHECK(aptkeep_state_lift(state, "nobody:amd64", "released") == APTKEEP_ENOENT);
  CHECK(aptkeep_state_lift(state, "foo:amd64", "released") == APTKEEP_OK);
  check_keeps(state, 2);
  /* bar would have removed foo, which is not kept any more; others are. */
  CHECK(aptkeep_state_write_pins(state, pins) == APTKEEP_OK);
  CHECK(!pinned(pins, "foo") && !pinned(pins, "bar") && pinned(pins, "zsec"));
  CHECK(aptkeep_state_lift(state, "dep:amd64", "released") == APTKEEP_OK);
  CHECK(aptkeep_state_lift(state, "zsec:i386", "released") == APTKEEP_OK);
  CHECK(aptkeep_state_write_pins(state, pins) == APTKEEP_OK);
  CHECK(!pinned(pins, "") && !pinned(pins, "bar"));
  aptkeep_state_close(state);
}

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  CHECK(same(aptkeep_error(), ""));
  CHECK(same(aptkeep_state_path(), "/var/lib/aptkeep/state.db"));
  test_kept_set();
  test_order();
  test_bad_arguments();
  test_sizes();
  test_record(argv[1], argv[2]);
  printf("%s: %d checks failed\n", aptkeep_version(), failed_checks);
  return failed_checks == 0 ? 0 : 1;
}
