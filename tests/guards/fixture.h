// What the tests of guards share: a folder of their own, and calls as a rule writes them.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <string_view>

#include "adapters/guards.h"

namespace aptkeep::test {

// "queue-empty /x 'a b'"; a text that is no call fails the test.
GuardCall call(std::string_view text);

// One guard, with what is remembered.
GuardReport probe(std::string_view text, const Remembered& before = {},
                  const GuardOptions& options = {});

// "met: why", "unmet: why", "unknown: why".
std::string told(const GuardReport& report);

// What `work` returns where it runs in a process of its own, which may change what it likes.
std::string elsewhere(const std::function<std::string()>& work);
// Made a user without any rights.
std::string as_nobody(const std::function<std::string()>& work);
// In a mount namespace in which `path` shows the text.
std::string with_file(const std::string& path, const std::string& text,
                      const std::function<std::string()>& work);

class GuardTest : public testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  std::string path(const std::string& name) const { return folder_ + "/" + name; }
  void write(const std::string& name, const std::string& text, unsigned mode = 0644) const;
  void make_folder(const std::string& name) const;
  // The guard's words with every "@" made this test's folder, and back in what is told.
  std::string tell(std::string text, const Remembered& before = {}) const;
  std::string bare(std::string text) const;

  std::string folder_;
};

}  // namespace aptkeep::test
