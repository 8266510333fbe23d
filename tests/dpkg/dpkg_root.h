// A system in a folder of its own, for the real dpkg and for libdpkg in this process alike. libdpkg
// remembers where its database is, so all tests of a process use the same folder, emptied before
// each.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/dpkg_files.h"

namespace aptkeep::test {

struct Deb {
  std::string name;
  std::string version = "1.0";
  std::string arch = {};                            // empty: native
  std::string fields = {};                          // further lines of its control file, each ended
  std::map<std::string, std::string> files = {};    // path -> content
  std::vector<std::string> conffiles = {};          // lines of DEBIAN/conffiles
  std::map<std::string, std::string> control = {};  // "postinst" -> commands, "triggers" -> lines
};

inline constexpr const char* kHashOf1 = "c4ca4238a0b923820dcc509a6f75849b";  // md5 of "1"
inline constexpr const char* kHashOf2 = "c81e728d9d4c2f636f067f89cc14862c";

ConffileRecord record(const std::string& path, const std::string& hash, bool obsolete = false);

class DpkgRoot : public ::testing::Test {
 protected:
  void SetUp() override;

  static const std::string& root();
  static std::string on_disk(const std::string& path) { return root() + path; }
  static std::string admin(const std::string& name) { return root() + "/var/lib/dpkg/" + name; }
  static std::string info(const std::string& name) { return admin("info/" + name); }

  static std::string read(const std::string& path);
  static void write(const std::string& path, std::string_view content);

  // The archive's path.
  static std::string build(const Deb& deb);
  // The exit code of a shell command; what it printed is kept in output(). No terminal, no input.
  static int sh(const std::string& command);
  static int dpkg(const std::string& args);
  static int install(const Deb& deb) { return dpkg("-i " + build(deb)); }
  static const std::string& output();
  static std::string query(const std::string& format, const std::string& package);

  static std::string native();
  static std::string slot(const std::string& name) { return name + ":" + native(); }

  // The only package that is asked for; fails the test where that does not work.
  static PackageFiles files_of(const std::string& package);
  static std::vector<std::string> conffile_lines(const std::vector<ConffileRecord>& conffiles);
  // dpkg and we say that these are all its conffiles, its list names them, nothing is amiss.
  static void expect_conffiles(const std::string& package,
                               const std::vector<ConffileRecord>& expected);
  static std::vector<std::string> lines(const std::string& text);
};

}  // namespace aptkeep::test
