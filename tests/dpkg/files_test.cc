// read_dpkg_files() against what the real dpkg wrote and says.
#include <algorithm>
#include <filesystem>

#include "adapters/dpkg_db.h"
#include "dpkg_root.h"

namespace aptkeep::test {
namespace {

using Strings = std::vector<std::string>;

class DpkgFilesTest : public DpkgRoot {
 protected:
  static Strings control_names(const PackageFiles& files) {
    Strings names;
    for (const auto& file : files.control_files) {
      names.push_back(file.name);
      EXPECT_TRUE(std::filesystem::is_regular_file(file.path)) << file.path;
    }
    return names;
  }

  // "Name: value" lines of a control file in a fixed order, as dpkg reads them.
  static Strings fields_of(const std::string& archive) {
    EXPECT_EQ(sh("dpkg-deb -f " + archive), 0) << output();
    Strings fields;
    for (const auto& line : lines(output())) {
      if (line[0] == ' ')
        fields.back() += "\n" + line;
      else
        fields.push_back(line);
    }
    std::sort(fields.begin(), fields.end());
    return fields;
  }
};

TEST_F(DpkgFilesTest, TellsFilesInDpkgsOrder) {
  ASSERT_EQ(install({.name = "foo",
                     .files = {{"/usr/bin/foo", "1"}, {"/usr/share/foo/a", ""}},
                     .control = {{"postinst", "true\n"}, {"md5sums", "x  usr/bin/foo\n"}}}),
            0)
      << output();
  const PackageFiles files = files_of(slot("foo"));
  EXPECT_EQ(files.package, slot("foo"));
  EXPECT_EQ(files.arch, native());
  EXPECT_EQ(files.version, "1.0");
  EXPECT_EQ(files.state, "ii");
  ASSERT_EQ(dpkg("-L foo"), 0);
  Strings expected = lines(output());
  ASSERT_EQ(expected[0], "/.");
  expected.erase(expected.begin());
  EXPECT_EQ(files.paths, expected);
  EXPECT_EQ(control_names(files), (Strings{"md5sums", "postinst"}));
  EXPECT_TRUE(files.conffiles.empty());
}

TEST_F(DpkgFilesTest, ControlMakesTheSamePackageAgain) {
  const Deb deb{.name = "foo",
                .version = "1:2.0~rc1-3+b1",
                .fields =
                    "Source: foo-src (2.0)\nEssential: no\nMulti-Arch: foreign\n"
                    "Section: utils\nPriority: optional\nInstalled-Size: 12\n"
                    "Replaces: old (<< 2), older\nProvides: virtual (= 3)\n"
                    "Recommends: r1 | r2 (>> 1), r3:any\nSuggests: s\n"
                    "Breaks: old (<< 2)\nConflicts: c (<= 4)\nEnhances: e\n"
                    "Original-Maintainer: Some One <a@example.org>\nBugs: https://b\n"
                    "X-Own: line one\n line two\n .\n line four\nTask: t\n",
                .files = {{"/etc/foo", "a"}},
                .conffiles = {"/etc/foo"}};
  const std::string archive = build(deb);
  const Strings before = fields_of(archive);
  ASSERT_EQ(dpkg("-i " + archive), 0) << output();
  const PackageFiles files = files_of(slot("foo"));
  write(on_disk("/again/DEBIAN/control"), files.control);
  ASSERT_EQ(sh("dpkg-deb -b " + on_disk("/again ") + on_disk("/again.deb")), 0) << output();
  Strings after = fields_of(on_disk("/again.deb"));
  // dpkg leaves a "no" out, as it is what goes without saying.
  Strings expected = before;
  std::erase(expected, "Essential: no");
  EXPECT_EQ(after, expected);
}

TEST_F(DpkgFilesTest, ControlOfAPackageWithTriggersHasNoneOfDpkgsOwnFields) {
  ASSERT_EQ(install({.name = "bar", .control = {{"triggers", "interest do-it\n"}}}), 0);
  ASSERT_EQ(dpkg("--unpack " + build({.name = "foo",
                                      .files = {{"/etc/foo", "a"}},
                                      .conffiles = {"/etc/foo"},
                                      .control = {{"triggers", "activate do-it\n"}}})),
            0);
  ASSERT_EQ(dpkg("--no-triggers --configure foo"), 0) << output();
  const auto both = read_dpkg_files({slot("foo"), slot("bar")});
  ASSERT_TRUE(both.ok());
  ASSERT_EQ(both->packages.size(), 2U);
  EXPECT_EQ(both->packages[0].state, "iW");
  EXPECT_EQ(both->packages[1].state, "it");
  for (const auto& package : both->packages) {
    for (const char* field : {"Status:", "Conffiles:", "Config-Version:", "Triggers-"})
      EXPECT_EQ(package.control.find(field), std::string::npos) << package.control;
  }
}

TEST_F(DpkgFilesTest, ConffilesAreAsDpkgHasThem) {
  ASSERT_EQ(install({.name = "foo",
                     .files = {{"/etc/a", "1"}, {"/etc/b", "1"}, {"/etc/with a space", "1"}},
                     .conffiles = {"/etc/a", "/etc/b", "/etc/with a space"}}),
            0);
  write(on_disk("/etc/a"), "edited");
  ASSERT_EQ(install({.name = "foo",
                     .version = "2.0",
                     .files = {{"/etc/a", "1"}, {"/etc/with a space", "2"}},
                     .conffiles = {"/etc/a", "/etc/with a space", "remove-on-upgrade /etc/c"}}),
            0)
      << output();
  const PackageFiles files = files_of(slot("foo"));
  const Strings expected = lines(query("${Conffiles}\\n", "foo"));
  EXPECT_EQ(conffile_lines(files.conffiles), expected);
  ASSERT_EQ(files.conffiles.size(), 4U) << output();
  EXPECT_EQ(files.conffiles[0].hash, kHashOf1);  // not the edit's
  EXPECT_EQ(std::count_if(files.conffiles.begin(), files.conffiles.end(),
                          [](const auto& one) { return one.obsolete; }),
            1);
  EXPECT_EQ(std::count_if(files.conffiles.begin(), files.conffiles.end(),
                          [](const auto& one) { return one.remove_on_upgrade; }),
            1);
}

TEST_F(DpkgFilesTest, ArchitectureAllIsNamedByTheNativeOne) {
  ASSERT_EQ(install({.name = "foo", .arch = "all", .control = {{"prerm", "true\n"}}}), 0);
  const PackageFiles files = files_of(slot("foo"));
  EXPECT_EQ(files.package, slot("foo"));
  EXPECT_EQ(files.arch, "all");
  EXPECT_EQ(control_names(files), (Strings{"md5sums", "prerm"}));
  const auto as_all = read_dpkg_files({"foo:all", "foo"});
  ASSERT_TRUE(as_all.ok());
  EXPECT_TRUE(as_all->packages.empty());
}

TEST_F(DpkgFilesTest, MultiArchSiblingsAreTwoPackages) {
  const std::string foreign = native() == "i386" ? "amd64" : "i386";
  ASSERT_EQ(dpkg("--add-architecture " + foreign), 0);
  for (const auto& arch : {native(), foreign}) {
    ASSERT_EQ(install({.name = "libfoo",
                       .arch = arch,
                       .fields = "Multi-Arch: same\n",
                       .files = {{"/usr/lib/" + arch + "/libfoo.so", arch}, {"/etc/foo", "x"}},
                       .conffiles = {"/etc/foo"},
                       .control = {{"shlibs", arch + "\n"}}}),
              0)
        << output();
  }
  const auto files = read_dpkg_files({"libfoo:" + foreign, slot("libfoo")});
  ASSERT_TRUE(files.ok());
  ASSERT_EQ(files->packages.size(), 2U);
  for (const auto& package : files->packages) {
    EXPECT_EQ(package.package, "libfoo:" + package.arch);
    EXPECT_EQ(package.paths.back(), "/usr/lib/" + package.arch + "/libfoo.so");
    EXPECT_EQ(control_names(package), (Strings{"conffiles", "md5sums", "shlibs"}));
    EXPECT_EQ(read(package.control_files.back().path), package.arch + "\n");
    EXPECT_EQ(package.conffiles.size(), 1U);
  }
  EXPECT_EQ(files->packages[0].arch, foreign);  // in asked order
}

TEST_F(DpkgFilesTest, NamesThatBeginAlikeAreNotMixedUp) {
  const Strings names = {"foo", "foo-bar", "foo.bar", "foo.postinst", "g++", "libfoo+x1.2"};
  for (const auto& name : names)
    ASSERT_EQ(install({.name = name, .control = {{"shlibs", name + "\n"}}}), 0) << output();
  write(info("foo.list-new"), "/half");
  for (const auto& name : names) {
    const PackageFiles files = files_of(slot(name));
    ASSERT_EQ(control_names(files), (Strings{"md5sums", "shlibs"})) << name;
    EXPECT_EQ(read(files.control_files.back().path), name + "\n");
  }
}

TEST_F(DpkgFilesTest, OddPathsComeBackByteForByte) {
  ASSERT_EQ(install({.name = "foo",
                     .files = {{"/usr/share/a b", ""},
                               {"/usr/share/\xe9t\xe9", ""},
                               {"/usr/share/*?[x]\\", ""},
                               {"/usr/share/obsolete", ""}}}),
            0)
      << output();
  const PackageFiles files = files_of(slot("foo"));
  for (const char* path : {"/usr/share/a b", "/usr/share/\xe9t\xe9", "/usr/share/*?[x]\\"})
    EXPECT_EQ(std::count(files.paths.begin(), files.paths.end(), path), 1) << path;
}

TEST_F(DpkgFilesTest, WhatIsNotThereIsLeftOut) {
  ASSERT_EQ(install({.name = "foo"}), 0);
  const auto files = read_dpkg_files({"nothing:" + native(), slot("foo"), "foo:s390x", slot("Foo"),
                                      "", ":", slot("../foo"), slot("foo")});
  ASSERT_TRUE(files.ok()) << files.error().message;
  ASSERT_EQ(files->packages.size(), 1U);
  EXPECT_EQ(files->packages[0].package, slot("foo"));
}

TEST_F(DpkgFilesTest, UnfinishedPackagesHaveTheirState) {
  EXPECT_EQ(dpkg("--unpack " + build({.name = "unpacked", .files = {{"/usr/u", ""}}})), 0);
  EXPECT_NE(install({.name = "failed", .control = {{"postinst", "exit 1\n"}}}), 0);
  EXPECT_NE(install({.name = "broken",
                     .files = {{"/usr/broken", ""}},
                     .control = {{"preinst", "exit 1\n"}, {"postrm", "exit 1\n"}}}),
            0);
  EXPECT_EQ(install({.name = "gone",
                     .files = {{"/usr/gone", ""}, {"/etc/gone", ""}},
                     .conffiles = {"/etc/gone"},
                     .control = {{"postrm", "true\n"}}}),
            0);
  EXPECT_EQ(dpkg("-r gone"), 0);
  RealDatabase database;
  const auto states = database.read();
  ASSERT_TRUE(states.ok());
  for (const auto& [name, state] : std::map<std::string, std::string>{
           {"unpacked", "iU"}, {"failed", "iF"}, {"broken", "iHR"}, {"gone", "rc"}}) {
    EXPECT_EQ(files_of(slot(name)).state, state);
    EXPECT_EQ(states->at(slot(name)).state, state);
  }
  const PackageFiles gone = files_of(slot("gone"));
  EXPECT_EQ(gone.paths, (Strings{"/etc", "/etc/gone"}));
  EXPECT_EQ(gone.conffiles.size(), 1U);
  EXPECT_EQ(control_names(gone), (Strings{"postrm"}));
  EXPECT_EQ(files_of(slot("unpacked")).paths, (Strings{"/usr", "/usr/u"}));
}

// It is read again only where it has changed, and whatever has.
TEST_F(DpkgFilesTest, EachChangeIsSeen) {
  RealDatabase database;
  const auto state = [&] {
    const auto all = database.read();
    const auto found = all->find(slot("foo"));
    return found == all->end() ? "" : found->second.state + " " + found->second.version;
  };
  EXPECT_EQ(state(), "");
  ASSERT_EQ(dpkg("--unpack " + build({.name = "foo", .files = {{"/usr/f", ""}}})), 0);
  EXPECT_EQ(state(), "iU 1.0");
  EXPECT_EQ(state(), "iU 1.0");
  ASSERT_EQ(dpkg("--configure foo"), 0);
  EXPECT_EQ(state(), "ii 1.0");
  ASSERT_EQ(sh("echo foo hold | dpkg --root=" + root() + " --set-selections"), 0);
  EXPECT_EQ(state(), "hi 1.0");
  std::string stanza = read(admin("status"));
  stanza.replace(stanza.find("hold ok"), 7, "install ok");
  write(admin("updates/0000"), stanza);
  EXPECT_EQ(state(), "ii 1.0");
  std::filesystem::remove(admin("updates/0000"));
  EXPECT_EQ(state(), "hi 1.0");
}

TEST_F(DpkgFilesTest, UpdatesThatAreNotYetInTheStatusFileCount) {
  ASSERT_EQ(install({.name = "foo", .files = {{"/etc/a", ""}}, .conffiles = {"/etc/a"}}), 0);
  std::string stanza = read(admin("status"));
  stanza.replace(stanza.find("install ok installed"), 20, "hold ok installed");
  write(admin("updates/0000"), stanza);
  EXPECT_EQ(files_of(slot("foo")).state, "hi");
  EXPECT_TRUE(std::filesystem::exists(admin("updates/0000")));  // nothing is changed
}

TEST_F(DpkgFilesTest, DiversionsAreAllToldAndNotRemembered) {
  const auto divert = [](const std::string& args) {
    return sh("dpkg-divert --admindir " + admin("") + " --quiet --no-rename " + args);
  };
  ASSERT_EQ(install({.name = "foo"}), 0);
  EXPECT_TRUE(read_dpkg_files({})->diversions.empty());
  ASSERT_EQ(divert("--local --divert '/usr/bin/a b.real' --add '/usr/bin/a b'"), 0) << output();
  ASSERT_EQ(divert("--package foo --add /usr/bin/c"), 0) << output();
  auto files = read_dpkg_files({slot("foo")});
  ASSERT_TRUE(files.ok());
  std::sort(files->diversions.begin(), files->diversions.end(),
            [](const Diversion& a, const Diversion& b) { return a.from < b.from; });
  EXPECT_EQ(files->diversions, (std::vector<Diversion>{
                                   {"/usr/bin/a b", "/usr/bin/a b.real", ""},
                                   {"/usr/bin/c", "/usr/bin/c.distrib", "foo"},
                               }));
  ASSERT_EQ(divert("--package foo --remove /usr/bin/c"), 0) << output();
  EXPECT_EQ(read_dpkg_files({})->diversions.size(), 1U);
}

}  // namespace
}  // namespace aptkeep::test
