#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <filesystem>

#include "fixture.h"

namespace aptkeep::test {
namespace {

namespace fs = std::filesystem;

using Take = SnapshotTest;
constexpr const char* kFoo = "foo:amd64";

TEST_F(Take, LinksFilesAndCopiesConffilesAndSetuidFiles) {
  const auto plain = file("/usr/plain", "plain");
  const auto setuid = file("/usr/setuid", "setuid", 04755);
  const auto sticky = file("/usr/sticky", "sticky", 01644);
  const auto conf = file("/conf/foo.conf", "conf");
  package(kFoo, {at("/usr"), plain, setuid, sticky, conf});
  known.packages[0].conffiles = {{conf, "42566d5cb9cb8ae7b2d9abf9e7ae1b2d", false, false, false}};
  EXPECT_TRUE(snapshots().take({kFoo}).empty());

  EXPECT_EQ(links_of(plain), 2u);
  for (const auto& path : {setuid, sticky, conf}) {
    EXPECT_EQ(links_of(path), 1u) << path;
    EXPECT_EQ(content_of(stored(kFoo, record_of(kFoo, path))), content_of(path)) << path;
  }
  EXPECT_EQ(record_of(kFoo, setuid).mode, 04755u);
  EXPECT_TRUE(snapshots().has(kFoo));
}

TEST_F(Take, KnowsAnEditedConffile) {
  const auto same = file("/conf/same", "1");
  const auto edited = file("/conf/edited", "1 and more");
  package(kFoo, {same, edited, at("/conf/deleted")});
  const std::string hash = "c4ca4238a0b923820dcc509a6f75849b";  // md5 of "1"
  for (const auto& path : known.packages[0].paths) {
    known.packages[0].conffiles.push_back({path, hash, false, false, false});
  }
  ASSERT_TRUE(snapshots().take({kFoo}).empty());
  auto snapshot = read_snapshot(folder(), kFoo);
  ASSERT_TRUE(snapshot);
  ASSERT_EQ(snapshot->conffiles.size(), 3u);
  EXPECT_FALSE(snapshot->conffiles[0].edited);
  EXPECT_TRUE(snapshot->conffiles[1].edited);
  EXPECT_TRUE(snapshot->conffiles[2].edited);
  EXPECT_EQ(record_of(kFoo, at("/conf/deleted")).type, FileType::Absent);
}

// A power cut before all was on the disk: the record may be whole, and what it names empty.
TEST_F(Take, TakesAnewWhatNoSyncHasFollowed) {
  const auto conf = file("/conf/foo.conf", "conf");
  package(kFoo, {conf});
  known.packages[0].conffiles = {{conf, "42566d5cb9cb8ae7b2d9abf9e7ae1b2d", false, false, false}};
  ASSERT_TRUE(snapshots().take({kFoo}).empty());
  const std::string copy = stored(kFoo, record_of(kFoo, conf));
  const std::string own = folder() + "/" + kFoo;
  fs::rename(own + "/record", own + "/record.unsynced");
  fs::resize_file(copy, 0);
  EXPECT_FALSE(snapshots().has(kFoo));
  ASSERT_TRUE(snapshots().take({kFoo}).empty());
  EXPECT_TRUE(snapshots().has(kFoo));
  EXPECT_EQ(content_of(stored(kFoo, record_of(kFoo, conf))), "conf");
  EXPECT_FALSE(fs::exists(own + "/record.unsynced"));
}

// It is not that the package has no files: what went back by such a list would delete all.
TEST_F(Take, RefusesAPackageWhoseListIsLost) {
  package(kFoo, {});
  known.packages[0].has_list = false;
  EXPECT_EQ(snapshots().take({kFoo}).at(kFoo),
            "unable to save foo:amd64: dpkg's list of its files is lost");
  EXPECT_FALSE(snapshots().has(kFoo));
}

TEST_F(Take, KeepsHardLinksAmongThemselves) {
  const auto one = file("/usr/one", "same");
  fs::create_hard_link(one, at("/usr/two"));
  const auto su = file("/usr/su", "su", 04755);
  fs::create_hard_link(su, at("/usr/su2"));
  package(kFoo, {one, at("/usr/two"), su, at("/usr/su2")});
  ASSERT_TRUE(snapshots().take({kFoo}).empty());
  EXPECT_EQ(record_of(kFoo, one).stored, record_of(kFoo, at("/usr/two")).stored);
  EXPECT_EQ(record_of(kFoo, su).stored, record_of(kFoo, at("/usr/su2")).stored);
  EXPECT_NE(record_of(kFoo, one).stored, record_of(kFoo, su).stored);
}

TEST_F(Take, RecordsAttributesAndWhatIsNoFile) {
  const auto plain = file("/usr/plain", "plain");
  ASSERT_EQ(setxattr(plain.c_str(), "trusted.note", "\0\xff", 2, 0), 0);
  ASSERT_EQ(mkfifo(at("/usr/fifo").c_str(), 0640), 0);
  ASSERT_EQ(symlink("no\xffwhere", at("/usr/link").c_str()), 0);
  made("/usr/group", 02775);
  ASSERT_EQ(chown(at("/usr/group").c_str(), 12, 34), 0);
  ASSERT_EQ(chmod(at("/usr/group").c_str(), 02775), 0);
  package(kFoo, {plain, at("/usr/fifo"), at("/usr/link"), at("/usr/group")});
  ASSERT_TRUE(snapshots().take({kFoo}).empty());
  EXPECT_EQ(record_of(kFoo, plain).xattrs.at("trusted.note"), std::string("\0\xff", 2));
  EXPECT_EQ(record_of(kFoo, at("/usr/fifo")).type, FileType::Fifo);
  EXPECT_EQ(record_of(kFoo, at("/usr/link")).target, "no\xffwhere");
  const auto group = record_of(kFoo, at("/usr/group"));
  EXPECT_EQ(group.mode, 02775u);
  EXPECT_EQ(group.uid, 12u);
  EXPECT_EQ(group.gid, 34u);
}

TEST_F(Take, LooksThroughRootsSymlinksOnly) {
  file("/real/lib/x", "x");
  ASSERT_EQ(symlink("real/lib", at("/lib").c_str()), 0);
  package(kFoo, {at("/lib"), at("/lib/x")});
  ASSERT_TRUE(snapshots().take({kFoo}).empty());
  EXPECT_EQ(record_of(kFoo, at("/lib")).type, FileType::Symlink);
  EXPECT_EQ(content_of(stored(kFoo, record_of(kFoo, at("/lib/x")))), "x");

  file("/secret/shadow", "secret", 0600);
  made("/home");
  ASSERT_EQ(symlink(at("/secret").c_str(), at("/home/data").c_str()), 0);
  ASSERT_EQ(lchown(at("/home/data").c_str(), 1000, 1000), 0);
  package("bar:amd64", {at("/home/data/shadow")});
  const auto problems = snapshots().take({"bar:amd64"});
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_NE(problems.begin()->second.find("a symlink not of root's"), std::string::npos);
  EXPECT_FALSE(snapshots().has("bar:amd64"));
  EXPECT_EQ(links_of(at("/secret/shadow")), 1u);
}

// What a rule names: scripts write through the symlink.
TEST_F(Take, WhatASymlinkOfARuleLeadsToIsSavedAsWell) {
  const auto real = file("/data/real", "content", 0640);
  made("/conf");
  ASSERT_EQ(symlink("./two", at("/conf/one").c_str()), 0);
  ASSERT_EQ(symlink("../data/real", at("/conf/two").c_str()), 0);
  ASSERT_EQ(symlink("nothing", at("/conf/dangling").c_str()), 0);
  package(kFoo, {at("/conf")});
  options.extra[kFoo] = {at("/conf/one"), at("/conf/dangling"), at("/conf/none")};
  ASSERT_TRUE(snapshots().take({kFoo}).empty());
  EXPECT_EQ(record_of(kFoo, at("/conf/one")).target, "./two");
  const auto saved = record_of(kFoo, real);
  EXPECT_EQ(content_of(stored(kFoo, saved)), "content");
  EXPECT_EQ(saved.mode, 0640u);
  EXPECT_EQ(links_of(real), 1u) << "a copy: it may be written in place";
  EXPECT_EQ(said, std::vector<std::string>{});
}

TEST_F(Take, TellsWhatOfARuleItDoesNotSave) {
  const auto secret = file("/secret/shadow", "secret", 0600);
  made("/conf/folder");
  made("/home");
  ASSERT_EQ(chown(at("/home").c_str(), 1000, 1000), 0);
  ASSERT_EQ(chmod(made("/open").c_str(), 0775), 0);
  ASSERT_EQ(chown(at("/open").c_str(), 0, 1000), 0);
  ASSERT_EQ(mkfifo(at("/conf/fifo").c_str(), 0600), 0);
  const auto link = [&](const std::string& name, const std::string& target) {
    EXPECT_EQ(symlink(target.c_str(), at(name).c_str()), 0);
    options.extra[kFoo].push_back(at(name));
  };
  options.extra[kFoo] = {at("/conf/folder"), at("/conf/fifo"), "/proc/self/maps"};
  link("/home/roots", secret);
  link("/open/roots", secret);
  link("/conf/theirs", secret);
  ASSERT_EQ(lchown(at("/conf/theirs").c_str(), 1000, 1000), 0);
  link("/conf/over", at("/conf/theirs"));
  link("/conf/to-folder", "folder");
  link("/conf/to-itself", "to-itself");
  link("/conf/to-program", "/usr/bin/env");
  package(kFoo, {at("/conf")});
  ASSERT_TRUE(snapshots().take({kFoo}).empty()) << "nothing is held up by that";
  const auto unable = [&](const std::string& what, const std::string& why) {
    return "unable to save " + what + " for foo: " + why;
  };
  const auto behind = [&](const std::string& name, const std::string& why) {
    return unable("what " + at(name) + " leads to", why);
  };
  const std::string turned = "users other than root may turn it elsewhere";
  EXPECT_EQ(
      said,
      (std::vector<std::string>{
          unable(at("/conf/folder"), "that is a folder"),
          unable(at("/conf/fifo"), "that is a fifo"),
          unable("/proc/self/maps", "that is no file on a disk"), behind("/home/roots", turned),
          behind("/open/roots", turned), behind("/conf/theirs", turned),
          behind("/conf/over", turned),
          behind("/conf/to-folder", "it leads to " + at("/conf/folder") + ", and that is a folder"),
          behind("/conf/to-itself", "it leads on through too many others"),
          behind("/conf/to-program", "it leads to /usr/bin/env, and that is a package's")}));
  const auto snapshot = read_snapshot(folder(), kFoo);
  ASSERT_TRUE(snapshot);
  for (const FileRecord& file : snapshot->files) EXPECT_EQ(file.stored, "") << file.path;
}

TEST_F(Take, TakesContentFromWhereADiversionPutIt) {
  const auto real = file("/usr/tool.real", "of foo");
  const auto other = file("/usr/tool", "of bar");
  known.diversions = {{other, real, "bar"}};
  package(kFoo, {other});
  package("bar:amd64", {other});
  ASSERT_TRUE(snapshots().take({kFoo, "bar:amd64"}).empty());
  EXPECT_EQ(record_of(kFoo, other).true_path, real);
  EXPECT_EQ(content_of(stored(kFoo, record_of(kFoo, other))), "of foo");
  EXPECT_EQ(content_of(stored("bar:amd64", record_of("bar:amd64", other))), "of bar");
}

TEST_F(Take, IsMadeOnceAndAgainWhereItWasCutOff) {
  const auto plain = file("/usr/plain", "first");
  package(kFoo, {plain});
  ASSERT_TRUE(snapshots().take({kFoo}).empty());
  fs::remove(plain);
  file("/usr/plain", "second");
  ASSERT_TRUE(snapshots().take({kFoo}).empty());
  EXPECT_EQ(content_of(stored(kFoo, record_of(kFoo, plain))), "first");

  fs::remove(folder() + "/" + kFoo + "/record");
  EXPECT_FALSE(snapshots().has(kFoo));
  ASSERT_TRUE(snapshots().take({kFoo}).empty());
  EXPECT_EQ(content_of(stored(kFoo, record_of(kFoo, plain))), "second");
}

TEST_F(Take, SaysWhatCannotBeSaved) {
  EXPECT_EQ(snapshots().take({"gone:amd64"}).size(), 1u);
  EXPECT_EQ(snapshots().take({"../x"}).size(), 1u);
  package(kFoo, {file("/usr/plain", "plain")});
  known.packages[0].control_files = {{"postinst", at("/no/such/script")}};
  const auto problems = snapshots().take({kFoo});
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_NE(problems.begin()->second.find("/no/such/script"), std::string::npos);
  EXPECT_FALSE(fs::exists(folder() + "/" + kFoo));
}

TEST_F(Take, WantsAFolderThatIsRootsAlone) {
  package(kFoo, {file("/usr/plain", "plain")});
  ASSERT_EQ(chmod(base().c_str(), 0777), 0);
  EXPECT_EQ(snapshots().take({kFoo}).size(), 1u);
  ASSERT_EQ(chmod(base().c_str(), 0755), 0);

  made("/elsewhere", 0700);
  ASSERT_EQ(symlink(at("/elsewhere").c_str(), (base() + "/run").c_str()), 0);
  EXPECT_EQ(snapshots().take({kFoo}).size(), 1u);
  EXPECT_TRUE(fs::is_empty(at("/elsewhere")));
  fs::remove(base() + "/run");

  made("/aptkeep/snapshots/run", 0700);
  ASSERT_EQ(chown((base() + "/run").c_str(), 1000, 1000), 0);
  EXPECT_EQ(snapshots().take({kFoo}).size(), 1u);
  fs::remove(base() + "/run");
  EXPECT_TRUE(snapshots().take({kFoo}).empty());
  struct stat stab {};
  ASSERT_EQ(stat((folder() + "/" + kFoo).c_str(), &stab), 0);
  EXPECT_EQ(stab.st_mode & 0777u, 0700u);
}

}  // namespace
}  // namespace aptkeep::test
