/* Checks that go on after a failure. Part of the C tests. */
#ifndef APTKEEP_TESTS_CHECK_H
#define APTKEEP_TESTS_CHECK_H

#include <aptkeep/aptkeep.h>
#include <stdio.h>
#include <string.h>

static int failed_checks = 0;

#define CHECK(condition)                                                                   \
  do {                                                                                     \
    if (!(condition)) {                                                                    \
      printf("%s:%d: not so: %s (%s)\n", __FILE__, __LINE__, #condition, aptkeep_error()); \
      failed_checks++;                                                                     \
    }                                                                                      \
  } while (0)

static int same(const char* a, const char* b) {
  return strcmp(a, b) == 0;
}

#endif
