// A driver that does what $LAUNCHER_ROOT/script says, line by line, with the real record and the
// real run_process: `calling a b | c`, `run ARGS`, `touch FILE`, `wait FILE`, `owe`,
// `finished`, `signal N`, `exit N`; `once LINE`: by the first driver of a test.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "adapters/process.h"
#include "adapters/progress.h"

namespace {

using Words = std::vector<std::string>;

void wait_for(const std::string& file) {
  struct stat info;
  while (stat(file.c_str(), &info) != 0) usleep(5000);
}

void step(const Words& words, const std::string& root, aptkeep::Progress& progress) {
  const auto bar = std::find(words.begin(), words.end(), "|");
  const std::string number = words.size() > 1 ? words[1] : "";
  if (words[0] == "calling") {
    progress.calling({words.begin() + 1, bar}, {bar == words.end() ? bar : bar + 1, words.end()});
  } else if (words[0] == "run") {
    aptkeep::RunOptions options;
    options.program = root + "/real/dpkg";
    options.status_fd = false;
    const auto result = aptkeep::run_process({words.begin() + 1, words.end()}, options);
    std::ofstream(root + "/result", std::ios::app)
        << (result ? std::to_string(result->exit_code) : result.error().message) << '\n';
  } else if (words[0] == "touch") {
    std::ofstream(words[1]).flush();
  } else if (words[0] == "wait") {
    wait_for(words[1]);
  } else if (words[0] == "owe") {
    progress.owe_failure();
  } else if (words[0] == "finished") {
    progress.finished();
  } else if (words[0] == "signal") {
    signal(std::stoi(number), SIG_DFL);
    raise(std::stoi(number));
  } else if (words[0] == "exit") {
    _exit(std::stoi(number));
  }
}

}  // namespace

int main(int argc, char** argv) {
  const char* root = std::getenv("LAUNCHER_ROOT");
  if (argc < 3 || std::string(argv[1]) != "dpkg" || root == nullptr) return 70;
  std::ofstream log(std::string(root) + "/driver-log", std::ios::app);
  for (int i = 3; i < argc; ++i) log << argv[i] << (i + 1 < argc ? '\t' : '\n');
  log.close();
  auto progress = aptkeep::MemfdProgress::open(std::stoi(argv[2]));
  if (!progress) return 71;
  std::ifstream script(std::string(root) + "/script");
  for (std::string line; std::getline(script, line);) {
    std::istringstream stream(line);
    Words words;
    for (std::string word; stream >> word;) words.push_back(word);
    const std::string first = std::string(root) + "/first-driver";
    struct stat info;
    if (!words.empty() && words[0] == "once") {
      if (stat(first.c_str(), &info) == 0) continue;
      std::ofstream(first).flush();
      words.erase(words.begin());
    }
    if (!words.empty()) step(words, root, **progress);
  }
  return 72;
}
