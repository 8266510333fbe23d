// Drives the snapshots as the engine does, in a throw-away root, for way_back_test.py. Linked
// statically, so that it runs in every release.
//
//   by_hand take FOLDER PKG...    says why a package cannot be gone back to
//   by_hand back FOLDER PKG...    the whole way back with the real dpkg; says what differs
//   by_hand clear|settle|complete FOLDER PKG...    one step of it
//   by_hand archive FOLDER PKG    prints the archive's path
//   by_hand strays FOLDER PKG ARCHIVE    what the archive's version left half-installed
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "adapters/snapshot.h"

namespace {

using aptkeep::RealSnapshots;

int say(const std::string& text) {
  std::printf("%s\n", text.c_str());
  return 1;
}

int dpkg(const std::vector<std::string>& args) {
  std::fflush(stdout);
  const pid_t pid = fork();
  if (pid == 0) {
    std::string program = "/usr/bin/dpkg";
    std::vector<std::string> copies = args;
    std::vector<char*> argv = {program.data()};
    for (std::string& arg : copies) argv.push_back(arg.data());
    argv.push_back(nullptr);
    dup2(open("/dev/null", O_RDONLY), 0);
    execv(argv[0], argv.data());
    _exit(127);
  }
  int status = 0;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

int complete(RealSnapshots& snapshots, const std::vector<std::string>& packages) {
  auto differences = snapshots.complete(packages);
  if (!differences) return say(differences.error().message);
  for (const std::string& sentence : *differences) say("differs: " + sentence);
  return differences->empty() ? 0 : 3;
}

int back(RealSnapshots& snapshots, const std::string& folder,
         const std::vector<std::string>& packages) {
  std::vector<std::string> unpack = {"--force-depends", "--force-overwrite", "--auto-deconfigure",
                                     "--unpack"};
  for (const std::string& package : packages) {
    auto archive = snapshots.archive(package);
    if (!archive) return say(archive.error().message);
    unpack.push_back(*archive);
  }
  if (auto cleared = snapshots.clear_way(packages); !cleared) return say(cleared.error().message);
  const int unpacked = dpkg(unpack);
  if (auto settled = snapshots.settle(packages); !settled) return say(settled.error().message);
  if (unpacked != 0) return say("dpkg --unpack failed");
  std::vector<std::string> configure = {"--configure"};
  for (const std::string& package : packages) {
    auto snapshot = aptkeep::read_snapshot(folder, package);
    if (!snapshot) return say(snapshot.error().message);
    // dpkg does not know a package for all architectures by one of them.
    configure.push_back(snapshot->arch == "all" ? package.substr(0, package.find(':')) : package);
  }
  if (dpkg(configure) != 0) return say("dpkg --configure failed");
  return complete(snapshots, packages);
}

int run(const std::string& what, const std::string& folder, RealSnapshots& snapshots,
        const std::vector<std::string>& packages) {
  if (what == "take") {
    const auto problems = snapshots.take(packages);
    for (const auto& [package, why] : problems) say(package + ": " + why);
    return problems.empty() ? 0 : 1;
  }
  if (what == "back") return back(snapshots, folder, packages);
  if (what == "complete") return complete(snapshots, packages);
  if (what == "archive") {
    auto archive = snapshots.archive(packages.at(0));
    say(archive ? *archive : archive.error().message);
    return archive ? 0 : 1;
  }
  if (what == "strays") {
    const auto removed = snapshots.remove_strays(packages.at(0), packages.at(1));
    return removed ? 0 : say(removed.error().message);
  }
  const auto done = what == "clear" ? snapshots.clear_way(packages) : snapshots.settle(packages);
  return done ? 0 : say(done.error().message);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  aptkeep::SnapshotOptions options;
  options.folder = argv[2];
  if (const char* limit = std::getenv("COPY_LIMIT")) options.copy_limit = std::stoull(limit);
  if (const char* extra = std::getenv("EXTRA")) options.extra[argv[3]] = {extra};
  options.say = [](const std::string& line) { say(line); };
  RealSnapshots snapshots(std::move(options));
  return run(argv[1], argv[2], snapshots, std::vector<std::string>(argv + 3, argv + argc));
}
