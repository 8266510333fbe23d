#include "architectures.h"

#include <fstream>
#include <sstream>
#include <vector>

namespace aptkeep::cli {
namespace {

// A column of a table, without comments.
std::vector<std::string> column(const std::string& table, int which) {
  std::vector<std::string> found;
  std::ifstream file("/usr/share/dpkg/" + table);
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line.front() == '#') continue;
    std::istringstream words(line);
    std::string word;
    for (int i = 0; i <= which; ++i) words >> word;
    if (words) found.push_back(word);
  }
  return found;
}

}  // namespace

std::set<std::string> known_architectures() {
  const std::string any = "<cpu>";
  const auto cpus = column("cputable", 0);
  std::set<std::string> known;
  for (const std::string& name : column("tupletable", 1)) {
    const auto at = name.find(any);
    if (at == std::string::npos) known.insert(name);
    if (at == std::string::npos) continue;
    for (const std::string& cpu : cpus)
      known.insert(name.substr(0, at) + cpu + name.substr(at + any.size()));
  }
  return known;
}

}  // namespace aptkeep::cli
