/* What another program can ask libaptkeep. With libaptkeep-dev installed:
 *
 *   cc outside.c $(pkg-config --cflags --libs aptkeep) -o outside
 *   ./outside [state.db]
 *
 * First a question about packages that exist nowhere: "foo" fails, who must stay back with it, and
 * why? Then the newest run that is on record here. */
#include <aptkeep/aptkeep.h>
#include <stdio.h>

static int complain(void) {
  fprintf(stderr, "outside: %s\n", aptkeep_error());
  return 1;
}

static int32_t add_package(aptkeep_problem* problem, const char* name) {
  struct aptkeep_package package = {0};
  package.size = sizeof package;
  package.name = name;
  package.old_version = "1.0";
  package.new_version = "2.0";
  package.action = APTKEEP_UPGRADE;
  return aptkeep_problem_add_package(problem, &package);
}

/* The new version of `owner` needs `needed` at its new version. */
static int add_dependency(aptkeep_problem* problem, int32_t owner, int32_t needed,
                          const char* relation) {
  struct aptkeep_clause clause = {0};
  int32_t index;
  clause.size = sizeof clause;
  clause.owner = owner;
  clause.owner_side = APTKEEP_NEW;
  clause.kind = APTKEEP_DEPENDS;
  clause.relation = relation;
  index = aptkeep_problem_add_clause(problem, &clause);
  if (index < 0) return index;
  return aptkeep_problem_add_literal(problem, index, needed, APTKEEP_NEW);
}

static int print_solution(const aptkeep_solution* solution) {
  size_t i, line;
  printf("%lu packages stay back%s:\n", (unsigned long)aptkeep_solution_count(solution),
         aptkeep_solution_exact(solution) ? ", and fewer would not do" : "");
  for (i = 0; i < aptkeep_solution_count(solution); i++) {
    struct aptkeep_member member = {0};
    member.size = sizeof member;
    if (aptkeep_solution_member(solution, i, &member) < 0) return complain();
    for (line = 0; line < member.cause_count; line++)
      printf("%s%s", line ? "; " : "  ", member.cause[line]);
    printf("\n");
  }
  return 0;
}

static int ask_for_a_kept_set(void) {
  aptkeep_problem* problem = aptkeep_problem_new();
  aptkeep_solution* solution = NULL;
  int32_t foo, bar, baz;
  int result;
  if (problem == NULL) return complain();
  foo = add_package(problem, "foo:amd64");
  bar = add_package(problem, "bar:amd64");
  baz = add_package(problem, "baz:amd64");
  if (foo < 0 || bar < 0 || baz < 0 || aptkeep_problem_set_native_arch(problem, "amd64") < 0 ||
      add_dependency(problem, bar, foo, "foo (= 2.0)") < 0 ||
      aptkeep_problem_mark_failed(problem, foo) < 0 ||
      aptkeep_problem_solve(problem, &solution) < 0)
    result = complain();
  else
    result = print_solution(solution);
  aptkeep_solution_free(solution);
  aptkeep_problem_free(problem);
  return result;
}

static int print_report(const aptkeep_report* report) {
  struct aptkeep_run run = {0};
  size_t i;
  run.size = sizeof run;
  if (aptkeep_report_run(report, &run) < 0) return complain();
  printf("run %ld: %s: %d done, %d failed, %d kept\n", (long)run.id, run.command, run.done,
         run.failed, run.kept);
  for (i = 0; i < aptkeep_report_failure_count(report); i++) {
    struct aptkeep_failure failure = {0};
    failure.size = sizeof failure;
    if (aptkeep_report_failure(report, i, &failure) < 0) return complain();
    printf("  %s %s: %s exit %d\n", failure.package, failure.version, failure.script,
           failure.exit_code);
  }
  return 0;
}

static int read_the_newest_run(const char* path) {
  aptkeep_state* state = NULL;
  aptkeep_report* report = NULL;
  int result = aptkeep_state_open(path, APTKEEP_READ, &state);
  if (result == APTKEEP_OK) result = aptkeep_state_report(state, 0, &report);
  if (result == APTKEEP_ENOENT) {
    printf("no run is on record\n");
    result = 0;
  } else if (result < 0) {
    result = complain();
  } else {
    result = print_report(report);
  }
  aptkeep_report_free(report);
  aptkeep_state_close(state);
  return result;
}

int main(int argc, char** argv) {
  if (ask_for_a_kept_set() != 0) return 1;
  return read_the_newest_run(argc > 1 ? argv[1] : NULL);
}
