#include "core/drop_ins.h"

#include <gtest/gtest.h>

namespace aptkeep {
namespace {

const DropIn kOurs{"/usr/lib/systemd/system/service.d/90-aptkeep-holds.conf",
                   "# why\n[Unit]\nConditionPathExists=!/run/aptkeep/holds/%n\n"
                   "ConditionPathExists=!/run/aptkeep/holds/%p@.service\n"};
DropIn admins(const std::string& text) {
  return {"/etc/systemd/system/foo.service.d/zzz.conf", text};
}

TEST(DropIns, AnEmptyConditionAfterOursTakesItAway) {
  EXPECT_EQ(unheld_by({kOurs}), "");
  for (const char* text :
       {"[Unit]\nConditionPathExists=\n", "[Unit]\nConditionACPower =  \n",
        "[Service]\nUser=x\n[Unit]\n ConditionPathExists= \\\n\n", "[Unit]\nConditionHost="}) {
    EXPECT_EQ(unheld_by({kOurs, admins(text)}), admins("").path) << text;
    EXPECT_EQ(unheld_by({admins(text), kOurs}), "") << text;
  }
}

TEST(DropIns, WhatDoesNot) {
  for (const char* text :
       {"", "[Unit]\nConditionPathExists=/etc/foo\n", "[Service]\nConditionPathExists=\n",
        "[Unit]\n#ConditionPathExists=\n;ConditionPathExists=\n", "[Unit]\nAssertPathExists=\n",
        "[Unit]\nConditionPathExists=\nConditionPathExists=!/run/aptkeep/holds/%n\n"}) {
    EXPECT_EQ(unheld_by({kOurs, admins(text)}), "") << text;
  }
  EXPECT_EQ(unheld_by({kOurs,
                       admins("[Unit]\nConditionPathExists=\n"),
                       {"/run/systemd/system/foo.service.d/~aptkeep-holds.conf", kOurs.text}}),
            "");
}

TEST(DropIns, WhatStandsInForAParkedServiceIsOurs) {
  const std::string empties = "[Unit]\nConditionPathExists=\n";
  EXPECT_EQ(unheld_by({kOurs, {"/run/systemd/system/x.service.d/~aptkeep-parked.conf", empties}}),
            "");
  EXPECT_NE(unheld_by({kOurs, {"/etc/systemd/system/x.service.d/~mine.conf", empties}}), "");
}

TEST(DropIns, WhereOursIsNotThere) {
  EXPECT_EQ(unheld_by({}), kNoDropIn);
  EXPECT_EQ(unheld_by({admins("[Unit]\nConditionPathExists=\n")}), kNoDropIn);
}

}  // namespace
}  // namespace aptkeep
