// Where dpkg's database is damaged there is an Error, never a crash, and the next call works.
#include <filesystem>
#include <map>
#include <random>

#include "adapters/dpkg_db.h"
#include "dpkg_root.h"

namespace aptkeep::test {
namespace {

class DpkgDamageTest : public DpkgRoot {
 protected:
  void SetUp() override {
    DpkgRoot::SetUp();
    ASSERT_EQ(install({.name = "foo", .files = {{"/etc/a", "1"}}, .conffiles = {"/etc/a"}}), 0);
    before_ = files_of(slot("foo"));
  }

  // The error of reading and of writing while `path` has this content; both work afterwards.
  void expect_errors(const std::string& path, std::string_view content, const std::string& word) {
    const std::string whole = read(path);
    write(path, content);
    const auto files = read_dpkg_files({slot("foo")});
    ASSERT_FALSE(files.ok());
    EXPECT_NE(files.error().message.find(word), std::string::npos) << files.error().message;
    EXPECT_EQ(files.error().message.find('\n'), std::string::npos) << files.error().message;
    const Status written = write_conffiles(slot("foo"), {});
    ASSERT_FALSE(written.ok());
    EXPECT_NE(written.error().message.find(word), std::string::npos) << written.error().message;
    EXPECT_EQ(read(path), content);
    write(path, whole);
    expect_all_works();
  }

  void expect_all_works() {
    EXPECT_EQ(files_of(slot("foo")).control, before_.control);
    EXPECT_EQ(files_of(slot("foo")).paths, before_.paths);
    EXPECT_EQ(conffile_lines(files_of(slot("foo")).conffiles), conffile_lines(before_.conffiles));
    RealDatabase database;
    EXPECT_TRUE(database.read().ok());
    EXPECT_TRUE(write_conffiles(slot("foo"), before_.conffiles).ok());
    EXPECT_EQ(dpkg("--audit"), 0);
    EXPECT_EQ(output(), "");
  }

  PackageFiles before_;
};

TEST_F(DpkgDamageTest, StatusFile) {
  const std::string status = read(admin("status"));
  expect_errors(admin("status"), "\x01\x02 no stanza", "unable to");
  expect_errors(admin("status"), "Package: foo\nStatus: install ok\n\n", "Status");
  expect_errors(admin("status"), status.substr(0, status.find("Maintainer") + 5), "parsing");
  expect_errors(admin("status"), status + "\n" + status + "Config-Version: 1.0\n", "parsing");
  expect_errors(admin("status"), std::string("Package: foo\n\0\0\0", 16), "parsing");
}

// To dpkg that is a system without packages.
TEST_F(DpkgDamageTest, StatusFileIsMissing) {
  std::filesystem::rename(admin("status"), admin("away"));
  EXPECT_TRUE(read_dpkg_files({slot("foo")})->packages.empty());
  EXPECT_FALSE(write_conffiles(slot("foo"), {}).ok());
  EXPECT_FALSE(std::filesystem::exists(admin("status")));
  std::filesystem::rename(admin("away"), admin("status"));
  expect_all_works();
}

TEST_F(DpkgDamageTest, Updates) {
  write(admin("updates/0000"), "Package: foo\nStatus: nonsense ok installed\n");
  EXPECT_FALSE(read_dpkg_files({slot("foo")}).ok());
  EXPECT_FALSE(write_conffiles(slot("foo"), {}).ok());
  EXPECT_TRUE(std::filesystem::exists(admin("updates/0000")));
  write(admin("updates/0000"), read(admin("status")));
  write(admin("updates/00"), read(admin("status")));
  EXPECT_FALSE(read_dpkg_files({slot("foo")}).ok());
  EXPECT_FALSE(write_conffiles(slot("foo"), {}).ok());
  std::filesystem::remove(admin("updates/00"));
  expect_all_works();
}

TEST_F(DpkgDamageTest, ListOfFiles) {
  expect_errors(info("foo.list"), "/etc\n/etc/a", "newline");
  expect_errors(info("foo.list"), "/etc\n\n/etc/a\n", "empty line");
  expect_errors(info("foo.list"), "/\n", "empty line");
}

TEST_F(DpkgDamageTest, ListOfFilesIsAFolder) {
  std::filesystem::rename(info("foo.list"), admin("away"));
  std::filesystem::create_directory(info("foo.list"));
  EXPECT_FALSE(read_dpkg_files({slot("foo")}).ok());
  EXPECT_FALSE(write_conffiles(slot("foo"), {}).ok());
  std::filesystem::remove(info("foo.list"));
  std::filesystem::rename(admin("away"), info("foo.list"));
  EXPECT_TRUE(files_of(slot("foo")).has_list);
  expect_all_works();
}

// dpkg takes it for a package without files.
TEST_F(DpkgDamageTest, ListOfFilesIsMissing) {
  std::filesystem::rename(info("foo.list"), admin("away"));
  EXPECT_TRUE(files_of(slot("foo")).paths.empty());
  EXPECT_FALSE(files_of(slot("foo")).has_list);
  std::filesystem::rename(admin("away"), info("foo.list"));
  expect_all_works();
}

TEST_F(DpkgDamageTest, InfoFolder) {
  expect_errors(info("format"), "99\n", "format");
}

TEST_F(DpkgDamageTest, Diversions) {
  for (const char* content : {"/a\n", "/a\n/b\n", "/a\n/b\n:", "/a\n/b\n:\n/c\n"}) {
    write(admin("diversions"), content);
    EXPECT_FALSE(read_dpkg_files({slot("foo")}).ok()) << content;
  }
  write(admin("diversions"), "/a\n/b\n:\n");
  EXPECT_EQ(read_dpkg_files({})->diversions, (std::vector<Diversion>{{"/a", "/b", ""}}));
  std::filesystem::remove(admin("diversions"));
  std::filesystem::create_directory(admin("diversions"));
  EXPECT_FALSE(read_dpkg_files({slot("foo")}).ok());
  std::filesystem::remove(admin("diversions"));
  expect_all_works();
}

TEST_F(DpkgDamageTest, WhatCannotBeWritten) {
  const std::string status = read(admin("status"));
  std::filesystem::create_directory(admin("status-new"));
  ConffileRecord other = before_.conffiles[0];
  other.obsolete = true;
  EXPECT_FALSE(write_conffiles(slot("foo"), {other}).ok());
  EXPECT_EQ(read(admin("status")), status);
  std::filesystem::remove(admin("status-new"));
  std::filesystem::create_directory(info("foo.list-new"));
  other.path = "/etc/other";
  EXPECT_FALSE(write_conffiles(slot("foo"), {other}).ok());
  EXPECT_EQ(read(admin("status")), status);
  std::filesystem::remove(info("foo.list-new"));
  expect_all_works();
}

// Bytes changed, cut off, doubled: what dpkg's parser makes of it is its business, but it comes
// back, and leaves nothing behind that disturbs the next call.
TEST_F(DpkgDamageTest, AnyDamage) {
  ASSERT_EQ(install({.name = "bar", .control = {{"triggers", "interest /usr/share/bar\n"}}}), 0);
  ASSERT_EQ(dpkg("--unpack " + build({.name = "baz",
                                      .fields = "Depends: bar, foo (>= 1) | qux\n",
                                      .files = {{"/usr/share/bar/x", ""}, {"/etc/z", ""}},
                                      .conffiles = {"/etc/z"}})),
            0);
  ASSERT_EQ(dpkg("--configure --no-triggers baz"), 0) << output();
  ASSERT_EQ(sh("dpkg-trigger --admindir=" + admin("") + " --by-package=baz /usr/share/bar"), 0);
  write(admin("diversions"), "/a\n/b\n:\n/c\n/d\nfoo\n");
  write(admin("arch"), native() + "\ni386\n");
  write(admin("updates/0000"), read(admin("status")));
  const std::vector<std::string> files = {
      admin("status"),        admin("updates/0000"),      info("foo.list"), admin("diversions"),
      admin("triggers/File"), admin("triggers/Unincorp"), admin("arch"),    info("format")};
  std::mt19937 random(1);
  for (int round = 0; round < 150; ++round) {
    const std::string& path = files[random() % files.size()];
    const std::string whole = read(path);
    std::string damaged = whole;
    for (auto times = random() % 3 + 1; times > 0 && !damaged.empty(); --times) {
      const std::size_t at = random() % damaged.size();
      switch (random() % 4) {
        case 0:
          damaged[at] = static_cast<char>(random() % 256);
          break;
        case 1:
          damaged.resize(at);
          break;
        case 2:
          damaged.insert(at, damaged.substr(at, random() % 200));
          break;
        default:
          damaged.erase(at, random() % 30);
          break;
      }
    }
    SCOPED_TRACE(path + ":\n" + damaged);
    std::map<std::string, std::string> before;
    for (const auto& file : files) before[file] = read(file);
    write(path, damaged);
    // Whatever the answer is.
    (void)read_dpkg_files({slot("foo"), slot("baz")}).ok();
    (void)RealDatabase().read().ok();
    (void)write_conffiles(slot("foo"), before_.conffiles).ok();
    for (const auto& [file, content] : before) write(file, content);
    ASSERT_EQ(files_of(slot("foo")).control, before_.control);
    ASSERT_EQ(files_of(slot("foo")).paths, before_.paths);
  }
}

}  // namespace
}  // namespace aptkeep::test
