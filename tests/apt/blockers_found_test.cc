// Systems in which the search for what must be pinned away has failed once, found by random graphs
// and made smaller: tests/data/blockers/*.world.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "../core/test_data.h"
#include "apt_root.h"

namespace aptkeep::test {
namespace {

// "kept NAME [VERSION THAT FAILED]" and "installed NAME VERSION", "available NAME VERSION", each of
// these with the further lines of its stanza below it.
struct FoundWorld {
  std::vector<ProtectedPackage> keeps;
  std::vector<Package> installed, available;
};

FoundWorld read_world(const std::filesystem::path& path) {
  FoundWorld world;
  std::ifstream in(path);
  std::vector<Package>* last = nullptr;
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string what, name, version;
    words >> what >> name >> version;
    if (what == "kept") {
      world.keeps.push_back({name + ":amd64", "1.0", version});
    } else if (what == "installed" || what == "available") {
      last = what == "installed" ? &world.installed : &world.available;
      last->push_back({name, version, ""});
    } else if (last != nullptr && !line.empty() && line.front() != '#') {
      last->back().fields += line + "\n";
    }
  }
  return world;
}

class FoundBlockers : public ::testing::TestWithParam<std::string> {};

TEST_P(FoundBlockers, AFullUpgradeTakesNothingAwayAndIsNotRefused) {
  const FoundWorld world = read_world(data_dir() / "blockers" / GetParam());
  ASSERT_FALSE(world.keeps.empty());
  AptRoot root;
  for (const Package& package : world.installed) root.installed(package);
  for (const Package& package : world.available) root.available(package);
  root.write();
  const auto pin = [&](const std::vector<BlockedVersion>& blocked) {
    const auto stanza = [](const std::string& package, const std::string& version) {
      return "Package: " + package + "\nPin: version " + version + "\nPin-Priority: -1\n\n";
    };
    std::string text;
    for (const auto& keep : world.keeps) {
      if (!keep.tried.empty()) text += stanza(keep.package, keep.tried);
    }
    for (const auto& one : blocked) text += stanza(one.package, one.version);
    write_text(root.path("etc/preferences.d/0-aptkeep.pref"), text);
  };
  const auto upgrade = [&](std::string& output) {
    const int code = root.apt_get("-s dist-upgrade", &output);
    return code == 0 && output.find("\nRemv ") == std::string::npos;
  };
  std::string output;
  pin({});
  EXPECT_FALSE(upgrade(output)) << "there is nothing to be found";
  auto cache = AptCache::open();
  ASSERT_TRUE(cache) << cache.error().message;
  const auto found = cache->blockers(world.keeps);
  ASSERT_TRUE(found) << found.error().message;
  pin(*found);
  EXPECT_TRUE(upgrade(output)) << output;
}

INSTANTIATE_TEST_SUITE_P(Graphs, FoundBlockers, ::testing::Values("no-way-out.world"),
                         [](const auto& one) {
                           std::string name = one.param.substr(0, one.param.find('.'));
                           std::erase(name, '-');
                           return name;
                         });

}  // namespace
}  // namespace aptkeep::test
