// Arbitrary bytes, and arbitrary pieces of shell: never a crash, never for long, never a unit whose
// name is none. A script that can be made out is not made out otherwise for being called twice.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "core/service_class.h"
#include "core/shell_syntax.h"
#include "toy_seed.h"

namespace aptkeep {
namespace {

const std::vector<std::string> kPieces = {"if ",
                                          "then ",
                                          "else ",
                                          "elif ",
                                          "fi\n",
                                          "case ",
                                          "in ",
                                          "esac\n",
                                          "for x in ",
                                          "do ",
                                          "done\n",
                                          "while ",
                                          "{ ",
                                          "}\n",
                                          "( ",
                                          ")\n",
                                          ";",
                                          ";;",
                                          "&& ",
                                          "|| ",
                                          "| ",
                                          "! ",
                                          "\n",
                                          "'",
                                          "\"",
                                          "$",
                                          "$(",
                                          "${",
                                          "}",
                                          "`",
                                          "\\",
                                          "<<EOF\n",
                                          "EOF\n",
                                          "> /x ",
                                          "2>&1 ",
                                          "#",
                                          "[ ",
                                          "] ",
                                          "[[ ",
                                          "]] ",
                                          "= ",
                                          "-n ",
                                          "-z ",
                                          "-a ",
                                          "\"$1\" ",
                                          "$2 ",
                                          "\"$@\" ",
                                          "x=",
                                          "x=\"$x$x\" ",
                                          "$x ",
                                          "f() { ",
                                          "f ",
                                          "f \"$@\" ",
                                          "return ",
                                          "exit ",
                                          "a ",
                                          "upgrade ",
                                          "configure ",
                                          "stop ",
                                          "restart ",
                                          "invoke-rc.d a ",
                                          "\t",
                                          "deb-systemd-invoke stop 'a.service' ",
                                          "systemctl restart b ",
                                          "dpkg --compare-versions ",
                                          "*) ",
                                          "install|upgrade) ",
                                          "shift\n",
                                          "local ",
                                          "\x01",
                                          "\x02",
                                          "a.service "};

class RandomScripts {
 public:
  explicit RandomScripts(std::uint64_t seed) : random_(seed) {}

  std::string bytes() {
    std::string text = "#!/bin/sh\n";
    for (std::size_t left = below(2000); left > 0; --left) text += static_cast<char>(below(256));
    return text;
  }
  std::string pieces() {
    std::string text = "#!/bin/sh\n";
    for (std::size_t left = below(200); left > 0; --left) text += kPieces[below(kPieces.size())];
    return text;
  }
  // Whole commands, some of them within others, so that most can be made out.
  std::string commands(std::size_t depth = 0) {
    std::string text;
    for (std::size_t left = 1 + below(4); left > 0; --left) text += command(depth);
    return text;
  }

 private:
  std::size_t below(std::size_t bound) { return random_() % bound; }
  std::string condition() {
    static const std::vector<std::string> kConditions = {
        "[ \"$1\" = upgrade ]", "[ -n \"$2\" ]", "[ \"$x\" = a ]", "true", "pidof a",
        "! [ -d /nowhere ]",    "test $1",       "f upgrade"};
    return kConditions[below(kConditions.size())];
  }
  std::string command(std::size_t depth) {
    const std::string inner = depth < 5 ? commands(depth + 1) : "x=a\n";
    switch (below(10)) {
      case 0:
        return "if " + condition() + "; then\n" + inner + "fi\n";
      case 1:
        return "case \"$1\" in upgrade|conf*)\n" + inner + ";;\n*)\n:\n;;\nesac\n";
      case 2:
        return "f() {\n" + inner + "}\n";
      case 3:
        return "for x in a b $x; do\n" + inner + "done\n";
      case 4:
        return "while " + condition() + "; do\n" + inner + "done\n";
      case 5:
        return "x=\"$x$x$1\"\n";
      case 6:
        return "f \"$@\" $x\n";
      case 7:
        return condition() + " || return 0\n";
      default:
        return "invoke-rc.d \"$x\" stop && systemctl restart a.service $x || true\n";
    }
  }

  std::mt19937_64 random_;
};

void expect_sane(const std::string& text) {
  const MaintainerScripts scripts{.preinst = text, .postinst = text, .prerm = text};
  const auto begun = std::chrono::steady_clock::now();
  const auto units = read_scripts(scripts);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(20)) << text;
  EXPECT_LE(units.size(), 20'000U);
  for (const auto& [unit, actions] : units) {
    EXPECT_TRUE(actions.stops || actions.restarts || actions.starts) << text;
    EXPECT_FALSE(actions.where.empty()) << text;
    EXPECT_EQ((unit + actions.where).find_first_of(std::string("\x01\x02\n\0", 4)),
              std::string::npos)
        << text;
    const auto derived = derive_class(unit, {}, {}, units);
    ASSERT_TRUE(derived) << text;
    EXPECT_FALSE(derived->why.empty()) << text;
  }
  EXPECT_EQ(read_scripts(scripts), units) << text;
}

TEST(RandomScripts, SayNothingWrong) {
  RandomScripts random(toy::seed_of_run());
  std::size_t made_out = 0;
  const std::uint64_t rounds = toy::rounds(400);
  for (std::uint64_t i = 0; i < rounds && !::testing::Test::HasFailure(); ++i) {
    expect_sane(random.bytes());
    expect_sane(random.pieces());
    const std::string whole = "#!/bin/sh\n" + random.commands();
    made_out += shell::parse(whole) ? 1U : 0U;
    expect_sane(whole);
  }
  EXPECT_EQ(made_out, rounds);
}

TEST(RandomScripts, WhatWouldTakeForEver) {
  std::string twice;
  for (int i = 0; i < 30; ++i) {
    const std::string n = std::to_string(i);
    twice += "f" + n + "() { f" + std::to_string(i + 1) + "; f" + std::to_string(i + 1) + "; }\n";
  }
  expect_sane("#!/bin/sh\n" + twice + "f0\n");
  std::string doubled = "#!/bin/sh\nx=aaaaaaaa\n";
  for (int i = 0; i < 60; ++i) doubled += "x=\"$x$x\"\n";
  expect_sane(doubled + "invoke-rc.d $x stop\n");
  std::string stars = "#!/bin/sh\ncase \"" + std::string(200'000, 'a') + "\" in ";
  for (int i = 0; i < 100'000; ++i) stars += "*a";
  expect_sane(stars + "b) ;; esac\n");
  std::string open = "#!/bin/sh\n";
  for (int i = 0; i < 200'000; ++i) open += "\"$(";
  expect_sane(open);
  expect_sane("#!/bin/sh\n[ " + [] {
    std::string text;
    for (int i = 0; i < 100'000; ++i) text += "! ";
    return text;
  }() + "]\n");
  std::string many = "#!/bin/sh\n";
  for (int i = 0; i < 20'000; ++i) many += "systemctl stop a" + std::to_string(i) + "\n";
  expect_sane(many);
  std::string documents = "#!/bin/sh\ncat";
  for (int i = 0; i < 50'000; ++i) documents += " <<E";
  expect_sane(documents + "\n" + std::string(200'000, '\n'));
}

}  // namespace
}  // namespace aptkeep
