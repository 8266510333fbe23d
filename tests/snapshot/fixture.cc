#include "fixture.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace aptkeep::test {

namespace fs = std::filesystem;

void SnapshotTest::SetUp() {
  ASSERT_EQ(geteuid(), 0u) << "only root can save files of others";
  char name[] = "/tmp/aptkeep-snapshot.XXXXXX";
  ASSERT_NE(mkdtemp(name), nullptr);
  root_ = name;
  made("/aptkeep/snapshots", 0755);
  made("/dpkg/alternatives");
  options.folder = folder();
  options.dpkg_folder = at("/dpkg");
  options.ucf_folder = at("/ucf");
  options.set_aside = at("/aptkeep/set-aside");
  options.alternatives_folder = at("/alternatives");
  options.read = [this](const std::vector<std::string>& packages) -> Result<DpkgFiles> {
    DpkgFiles found;
    found.diversions = known.diversions;
    for (const std::string& name_ : packages) {
      for (const PackageFiles& one : known.packages) {
        if (one.package == name_) found.packages.push_back(one);
      }
    }
    return found;
  };
  options.write = [](const std::string&, const std::vector<ConffileRecord>&) { return success(); };
  options.say = [this](const std::string& line) { said.push_back(line); };
  options.half_configure = [](const std::string&, const std::string&) { return success(); };
}

void SnapshotTest::TearDown() {
  std::error_code failed;
  fs::remove_all(root_, failed);
}

std::string SnapshotTest::file(const std::string& path, const std::string& content, unsigned mode) {
  fs::create_directories(fs::path(at(path)).parent_path());
  std::ofstream(at(path), std::ios::binary) << content;
  EXPECT_EQ(chmod(at(path).c_str(), mode), 0);
  return at(path);
}

std::string SnapshotTest::made(const std::string& path, unsigned mode) {
  fs::create_directories(at(path));
  EXPECT_EQ(chmod(at(path).c_str(), mode), 0);
  return at(path);
}

PackageFiles SnapshotTest::package(const std::string& name, const std::vector<std::string>& paths) {
  PackageFiles files;
  files.package = name;
  files.arch = "amd64";
  files.version = "1.0";
  files.state = "ii";
  files.control = "Package: foo\nVersion: 1.0\nArchitecture: amd64\nMaintainer: x\n";
  files.paths = paths;
  known.packages.push_back(files);
  return files;
}

RealSnapshots SnapshotTest::snapshots() {
  return RealSnapshots(options);
}

FileRecord SnapshotTest::record_of(const std::string& name, const std::string& path) {
  auto snapshot = read_snapshot(folder(), name);
  if (!snapshot) {
    ADD_FAILURE() << snapshot.error().message;
    return {};
  }
  const auto found = std::find_if(snapshot->files.begin(), snapshot->files.end(),
                                  [&](const FileRecord& one) { return one.path == path; });
  if (found == snapshot->files.end()) {
    ADD_FAILURE() << "no record of " << path;
    return {};
  }
  return *found;
}

std::string SnapshotTest::stored(const std::string& name, const FileRecord& record) const {
  return folder() + "/" + name + "/files/" + record.stored;
}

std::string content_of(const std::string& path) {
  std::ostringstream content;
  content << std::ifstream(path, std::ios::binary).rdbuf();
  return content.str();
}

unsigned links_of(const std::string& path) {
  struct stat stab {};
  return lstat(path.c_str(), &stab) == 0 ? static_cast<unsigned>(stab.st_nlink) : 0;
}

}  // namespace aptkeep::test
