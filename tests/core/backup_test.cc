#include "core/backup.h"

#include <gtest/gtest.h>

namespace aptkeep {
namespace {

TEST(DumpFaultTest, AnEmptyFileIsNone) {
  EXPECT_EQ(dump_fault("", ""), "it is empty");
}

TEST(DumpFaultTest, WhatIsNoKnownDumpMayBeAnything) {
  EXPECT_EQ(dump_fault("PGDMP\x01", "\x02"), "");
  EXPECT_EQ(dump_fault("a line\n", "a line\n"), "");
}

TEST(DumpFaultTest, KnownDumpsSayThatTheyAreComplete) {
  const struct {
    const char* begins;
    const char* ends;
  } kDumps[] = {
      {"--\n-- PostgreSQL database dump\n--\n", "--\n-- PostgreSQL database dump complete\n--\n\n"},
      {"--\n-- PostgreSQL database cluster dump\n--\n",
       "--\n-- PostgreSQL database cluster dump complete\n--\n"},
      {"-- MySQL dump 10.13  Distrib 8.0\n", ");\n-- Dump completed on 2026-11-29 18:00:00\n"},
      {"/*M!999999\\- enable the sandbox mode */\n-- MariaDB dump 10.19\n",
       "\n-- Dump completed on 2026-11-29\n"},
      {"PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n", "INSERT INTO t VALUES(1);\nCOMMIT;\n"},
  };
  for (const auto& dump : kDumps) {
    EXPECT_EQ(dump_fault(dump.begins, dump.ends), "") << dump.begins;
    EXPECT_EQ(dump_fault(dump.begins, "INSERT INTO t VAL"), "its end is missing") << dump.begins;
  }
}

TEST(DumpFaultTest, OneDatabaseAmongAllIsNotTheEnd) {
  EXPECT_EQ(dump_fault("--\n-- PostgreSQL database cluster dump\n--\n",
                       "\n-- PostgreSQL database dump complete\n"),
            "its end is missing");
}

// A small cluster: the first database's head is among the first few KiB.
TEST(DumpFaultTest, AClusterIsNotCompleteBehindAnInnerDatabase) {
  const std::string head =
      "--\n-- PostgreSQL database cluster dump\n--\n\nCREATE ROLE postgres;\n\n"
      "--\n-- Databases\n--\n\n\\connect template1\n\n--\n-- PostgreSQL database dump\n--\n";
  const std::string inner = "--\n-- PostgreSQL database dump complete\n--\n\n";
  EXPECT_EQ(dump_fault(head, inner), "its end is missing");
  EXPECT_EQ(dump_fault(head, inner + "--\n-- PostgreSQL database cluster dump complete\n--\n"), "");
}

TEST(BackupNameTest, HasItsNumberAndItsProgram) {
  EXPECT_EQ(backup_name(1, "/usr/bin/pg_dump"), "1-pg_dump");
  EXPECT_EQ(backup_name(12, ""), "12");
}

}  // namespace
}  // namespace aptkeep
