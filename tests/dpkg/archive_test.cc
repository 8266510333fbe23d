// read_archive_files() against what dpkg unpacks.
#include "adapters/dpkg_archive.h"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "dpkg_root.h"

namespace aptkeep::test {
namespace {

class DpkgArchiveTest : public DpkgRoot {};

const ArchiveFile* find(const std::vector<ArchiveFile>& files, const std::string& path) {
  for (const auto& file : files) {
    if (file.path == path) return &file;
  }
  return nullptr;
}

TEST_F(DpkgArchiveTest, NamesAllThatDpkgUnpacks) {
  const std::string name_of_100(100, 'n');
  const std::string big(100'000, 'b');
  const std::string archive = build({.name = "foo",
                                     .files = {{"/usr/bin/foo", "1"},
                                               {"/usr/share/foo/empty", ""},
                                               {"/usr/share/foo/big", big},
                                               {"/usr/share/" + name_of_100 + "/name", "12"}}});
  const auto files = read_archive_files(archive);
  ASSERT_TRUE(files) << files.error().message;
  ASSERT_EQ(dpkg("-i " + archive), 0) << output();
  std::vector<std::string> paths;
  for (const auto& file : *files) {
    paths.push_back(file.path);
    struct stat stab {};
    ASSERT_EQ(lstat(on_disk(file.path).c_str(), &stab), 0) << file.path;
    EXPECT_EQ(file.type == FileType::Directory, S_ISDIR(stab.st_mode)) << file.path;
    if (file.type != FileType::Regular) continue;
    EXPECT_EQ(file.size, static_cast<std::uint64_t>(stab.st_size)) << file.path;
    EXPECT_EQ(file.mtime, stab.st_mtim.tv_sec) << file.path;
  }
  EXPECT_NE(find(*files, "/usr/share/" + name_of_100 + "/name"), nullptr);
  ASSERT_NE(find(*files, "/usr/share/foo/big"), nullptr);
  EXPECT_EQ(find(*files, "/usr/share/foo/big")->size, big.size());
  EXPECT_EQ(paths.front(), "/usr");
}

TEST_F(DpkgArchiveTest, TellsLinksFromFiles) {
  const std::string tree = root() + "/tree";
  ASSERT_EQ(sh("mkdir -p " + tree + "/DEBIAN " + tree + "/usr/lib && cd " + tree +
               " && printf 'Package: foo\\nVersion: 1\\nArchitecture: all\\nMaintainer: "
               "x\\nDescription: x\\n' >DEBIAN/control && echo 1 >usr/lib/a && ln usr/lib/a "
               "usr/lib/b && ln -s a usr/lib/c && mkfifo usr/lib/d && dpkg-deb -b . ../foo.deb"),
            0)
      << output();
  const auto files = read_archive_files(root() + "/foo.deb");
  ASSERT_TRUE(files) << files.error().message;
  const auto* one = find(*files, "/usr/lib/a");
  const auto* other = find(*files, "/usr/lib/b");
  ASSERT_TRUE(one != nullptr && other != nullptr);
  EXPECT_NE(one->hard_link, other->hard_link);
  EXPECT_EQ(one->mtime, other->mtime);
  EXPECT_EQ(find(*files, "/usr/lib/c")->target, "a");
  EXPECT_EQ(find(*files, "/usr/lib/d")->type, FileType::Fifo);
}

TEST_F(DpkgArchiveTest, ADamagedOneIsAnError) {
  const std::string archive = build({.name = "foo", .files = {{"/usr/bin/foo", "1"}}});
  EXPECT_FALSE(read_archive_files("/nowhere/foo.deb"));
  EXPECT_FALSE(read_archive_files("/dev/null"));
  const auto size = std::filesystem::file_size(archive);
  for (const std::uintmax_t cut : {size - 1, size / 2, size / 4, std::uintmax_t{70}}) {
    std::filesystem::resize_file(archive, cut);
    EXPECT_FALSE(read_archive_files(archive)) << cut;
  }
  write(archive, "not an archive");
  EXPECT_FALSE(read_archive_files(archive));
}

}  // namespace
}  // namespace aptkeep::test
