/* What the C interface tells of the way back, and that a program which was built with the first
 * header goes on working: way_back_test STATE_DB, with a record that make_state made ("back"). */
#include <aptkeep/aptkeep.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "check.h"

/* As the structs were when they were first published. */
struct first_step {
  size_t size;
  const char* package;
  int action;
  const char* old_version;
  const char* new_version;
  int security;
  int outcome;
  const char* db_state;
  size_t cause_count;
  const char* const* cause;
};
struct first_failure {
  size_t size;
  const char* package;
  const char* version;
  const char* old_version;
  int phase;
  const char* script;
  int exit_code;
  int signal;
  const char* message;
  const char* output;
  size_t output_size;
  int healed;
};
struct first_keep {
  size_t size;
  int64_t run;
  const char* package;
  const char* version;
  const char* old_version;
  int failed;
  const char* root;
  const char* db_state;
  int phase, exit_code, signal;
  const char* script;
  const char* message;
  const char* output;
  size_t output_size;
  int security;
  int attempts;
  int64_t since;
  size_t cause_count;
  const char* const* cause;
};

/* Room for a struct of the first kind, and bytes behind it that must stay as they are. */
union first {
  struct first_step step;
  struct first_failure failure;
  struct first_keep keep;
  char bytes[512];
};

static void prepare(union first* first, size_t size) {
  memset(first, 'x', sizeof *first);
  first->step.size = size;
}

static int untouched_behind(const union first* first, size_t size) {
  for (; size < sizeof *first; size++)
    if (first->bytes[size] != 'x') return 0;
  return first->step.size != sizeof *first;
}

static void test_older_caller(aptkeep_state* state) {
  aptkeep_report* report = NULL;
  aptkeep_keeps* keeps = NULL;
  union first first;
  CHECK(aptkeep_state_report(state, 0, &report) == APTKEEP_OK);
  prepare(&first, sizeof first.step);
  CHECK(aptkeep_report_step(report, 1, (struct aptkeep_step*)&first) == APTKEEP_OK);
  CHECK(untouched_behind(&first, sizeof first.step) && first.step.size == sizeof first.step);
  CHECK(same(first.step.package, "dep:amd64") && first.step.outcome == APTKEEP_KEPT);
  CHECK(first.step.cause_count == 2 && same(first.step.cause[1], "foo failed"));
  CHECK(aptkeep_report_failure_count(report) == 6);
  prepare(&first, sizeof first.failure);
  CHECK(aptkeep_report_failure(report, 5, (struct aptkeep_failure*)&first) == APTKEEP_OK);
  CHECK(untouched_behind(&first, sizeof first.failure));
  CHECK(same(first.failure.script, "postinst") && first.failure.healed);
  aptkeep_report_free(report);
  CHECK(aptkeep_state_keeps(state, &keeps) == APTKEEP_OK);
  prepare(&first, sizeof first.keep);
  CHECK(aptkeep_keeps_get(keeps, 3, (struct aptkeep_keep*)&first) == APTKEEP_OK);
  CHECK(untouched_behind(&first, sizeof first.keep));
  CHECK(same(first.keep.package, "db:amd64") && first.keep.cause_count == 2);
  prepare(&first, sizeof first.keep - 1);
  CHECK(aptkeep_keeps_get(keeps, 3, (struct aptkeep_keep*)&first) == APTKEEP_EINVAL);
  aptkeep_keeps_free(keeps);
}

/* What was put back, and what was not. */
static void test_way_back(const char* path) {
  aptkeep_state* state = NULL;
  aptkeep_report* report = NULL;
  aptkeep_keeps* keeps = NULL;
  struct aptkeep_step step;
  struct aptkeep_failure failure;
  struct aptkeep_keep keep;
  step.size = sizeof step;
  failure.size = sizeof failure;
  keep.size = sizeof keep;
  CHECK(aptkeep_state_open(path, APTKEEP_READ, &state) == APTKEEP_OK);
  CHECK(aptkeep_state_report(state, 0, &report) == APTKEEP_OK);
  CHECK(aptkeep_report_step(report, 0, &step) == APTKEEP_OK);
  CHECK(step.rolled_back && same(step.never_back, "") && step.remains_count == 2);
  CHECK(same(step.remains[0], "/etc/foo: mode 0600, was 0640"));
  CHECK(aptkeep_report_step(report, 3, &step) == APTKEEP_OK);
  CHECK(!step.rolled_back && step.remains_count == 0);
  CHECK(same(step.never_back, "its data were converted"));
  CHECK(same(step.repair, "restore the dump"));
  CHECK(step.backup_count == 2);
  CHECK(same(step.backups[0], "/var/lib/aptkeep/backups/1/db/1-pg_dump"));
  CHECK(aptkeep_report_failure(report, 0, &failure) == APTKEEP_OK);
  CHECK(!failure.healed && same(failure.failure_class, "unknown") && !failure.on_request);
  CHECK(aptkeep_report_failure(report, 5, &failure) == APTKEEP_OK);
  CHECK(failure.healed && same(failure.failure_class, "transient"));
  aptkeep_report_free(report);
  CHECK(aptkeep_state_keeps(state, &keeps) == APTKEEP_OK && aptkeep_keeps_count(keeps) == 6);
  CHECK(aptkeep_keeps_get(keeps, 1, &keep) == APTKEEP_OK);
  CHECK(!keep.failed && same(keep.failure_class, "") && !keep.tries_again);
  aptkeep_keeps_free(keeps);
  test_older_caller(state);
  aptkeep_state_close(state);
}

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  test_way_back(argv[1]);
  printf("%d checks failed\n", failed_checks);
  return failed_checks == 0 ? 0 : 1;
}
