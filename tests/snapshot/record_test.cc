#include "adapters/snapshot_record.h"

#include <fcntl.h>

#include <fstream>

#include "adapters/snapshot_fs.h"
#include "adapters/snapshot_system.h"
#include "fixture.h"

namespace aptkeep::test {
namespace {

class Records : public SnapshotTest {
 protected:
  void SetUp() override {
    SnapshotTest::SetUp();
    made("/records");
    folder_ = snapshot::Fd(open(at("/records").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }

  snapshot::Record sample() const {
    snapshot::Record record;
    record.snapshot.package = "foo:amd64";
    record.snapshot.control = "Description: caf\xe9\n";
    FileRecord file;
    file.path = "/usr/with space/\xff\xfe";
    file.true_path = "/usr/elsewhere";
    file.type = FileType::Regular;
    file.mode = 04755;
    file.size = std::uint64_t{1} << 40;
    file.mtime = -1;
    file.xattrs = {{"security.capability", std::string("\0\1\xff", 3)}};
    file.stored = "17";
    record.snapshot.files = {file};
    record.snapshot.conffiles = {{"/etc/x", "hash", true, false, true}};
    record.snapshot.ucf = {{"/etc/y", ""}};
    record.snapshot.scripts = {"postinst"};
    record.listed = 1;
    record.taken = 123456789012345;
    return record;
  }

  snapshot::Fd folder_;
};

TEST_F(Records, ComeBackAsTheyWere) {
  const auto before = sample();
  ASSERT_TRUE(save(folder_.get(), "record", before));
  auto after = snapshot::load_record(folder_.get(), "record");
  ASSERT_TRUE(after) << after.error().message;
  const FileRecord& one = before.snapshot.files[0];
  const FileRecord& two = after->snapshot.files[0];
  EXPECT_EQ(two.path, one.path);
  EXPECT_EQ(two.true_path, one.true_path);
  EXPECT_EQ(two.type, one.type);
  EXPECT_EQ(two.mode, one.mode);
  EXPECT_EQ(two.size, one.size);
  EXPECT_EQ(two.mtime, one.mtime);
  EXPECT_EQ(two.xattrs, one.xattrs);
  EXPECT_EQ(two.stored, one.stored);
  EXPECT_EQ(after->snapshot.control, before.snapshot.control);
  EXPECT_TRUE(after->snapshot.conffiles[0].obsolete);
  EXPECT_TRUE(after->snapshot.conffiles[0].edited);
  EXPECT_EQ(after->snapshot.ucf[0].path, "/etc/y");
  EXPECT_EQ(after->snapshot.scripts, before.snapshot.scripts);
  EXPECT_EQ(after->taken, before.taken);
}

TEST_F(Records, AreNoneWhenCutShortOrChanged) {
  ASSERT_TRUE(save(folder_.get(), "record", sample()));
  const std::string whole = content_of(at("/records/record"));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    file("/records/record", whole.substr(0, size));
    EXPECT_FALSE(snapshot::load_record(folder_.get(), "record")) << size;
    EXPECT_FALSE(snapshot::is_whole(folder_.get(), "record")) << size;
  }
  for (std::size_t i = 0; i < whole.size(); ++i) {
    std::string changed = whole;
    changed[i] = static_cast<char>(changed[i] ^ 0x20);
    file("/records/record", changed);
    EXPECT_FALSE(snapshot::load_record(folder_.get(), "record")) << i;
  }
}

TEST_F(Records, NameNothingOutsideOfTheirFolder) {
  for (const char* name : {"../../etc/shadow", "/etc/shadow", "x"}) {
    auto record = sample();
    record.snapshot.files[0].stored = name;
    ASSERT_TRUE(save(folder_.get(), "record", record));
    EXPECT_FALSE(snapshot::load_record(folder_.get(), "record")) << name;
  }
  for (const char* name : {"../postinst", "..", "", "a/b"}) {
    auto record = sample();
    record.snapshot.scripts = {name};
    ASSERT_TRUE(save(folder_.get(), "record", record));
    EXPECT_FALSE(snapshot::load_record(folder_.get(), "record")) << name;
  }
  auto record = sample();
  record.snapshot.files[0].true_path = "relative";
  ASSERT_TRUE(save(folder_.get(), "record", record));
  EXPECT_FALSE(snapshot::load_record(folder_.get(), "record"));
}

TEST_F(Records, ReadWhatUpdateAlternativesWrites) {
  const auto read = snapshot::parse_alternative(
      "manual\n/usr/bin/ed\ned.1\n/usr/share/man/ed.1\n\n/bin/a\n10\n/man/a.1\n/bin/b\n-5\n\n\n");
  EXPECT_TRUE(read.manual);
  EXPECT_EQ(read.link, "/usr/bin/ed");
  ASSERT_EQ(read.choices.size(), 2u);
  EXPECT_EQ(read.choices.at("/bin/a").priority, 10);
  EXPECT_EQ(read.choices.at("/bin/a").slaves, std::vector<std::string>{"/man/a.1"});
  EXPECT_EQ(read.choices.at("/bin/b").priority, -5);
  EXPECT_EQ(read.choices.at("/bin/b").slaves, std::vector<std::string>{""});
  for (const char* torn : {"", "auto", "auto\n", "else\n/x\n\n", "auto\n/x\ns\n"}) {
    EXPECT_TRUE(snapshot::parse_alternative(torn).choices.empty()) << torn;
  }
}

TEST_F(Records, ReadDpkgsListsOfDiversionsAndOverrides) {
  const auto diversions = snapshot::parse_diversions("/a b\n/a b.real\nfoo\n/c\n/d\n:\n/torn\n");
  ASSERT_EQ(diversions.size(), 2u);
  EXPECT_EQ(diversions[0], (Diversion{"/a b", "/a b.real", "foo"}));
  EXPECT_EQ(diversions[1], (Diversion{"/c", "/d", ""}));
  const auto overrides = snapshot::parse_overrides("root #5 4755 /with space\ntorn line\n");
  ASSERT_EQ(overrides.size(), 1u);
  EXPECT_EQ(overrides[0], (snapshot::Override{"root", "#5", "4755", "/with space"}));
}

}  // namespace
}  // namespace aptkeep::test
