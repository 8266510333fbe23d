// A folder with a package's files in it, which is told to the snapshots as dpkg's. For root, since
// owners are part of what is saved.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "adapters/snapshot.h"

namespace aptkeep::test {

class SnapshotTest : public ::testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  // Below the test's own folder, which is removed with all that is in it.
  std::string at(const std::string& path) const { return root_ + path; }
  std::string base() const { return at("/aptkeep/snapshots"); }
  std::string folder() const { return base() + "/run/plan"; }
  std::string file(const std::string& path, const std::string& content, unsigned mode = 0644);
  std::string made(const std::string& path, unsigned mode = 0755);  // a folder

  // A package with these paths, the folders first.
  PackageFiles package(const std::string& name, const std::vector<std::string>& paths);
  RealSnapshots snapshots();
  // The record of the one file among a taken package's.
  FileRecord record_of(const std::string& name, const std::string& path);
  std::string stored(const std::string& name, const FileRecord& record) const;

  DpkgFiles known;  // what dpkg "knows"
  SnapshotOptions options;
  std::vector<std::string> said;  // of what cannot be saved

 private:
  std::string root_;
};

std::string content_of(const std::string& path);
unsigned links_of(const std::string& path);

}  // namespace aptkeep::test
