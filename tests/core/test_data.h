// Where the recorded conversations and logs are, see tests/data/README.md.
#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace aptkeep::test {

inline std::filesystem::path data_dir() {
  return std::filesystem::path(__FILE__).parent_path().parent_path() / "data";
}

inline std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

}  // namespace aptkeep::test
