// What rules cost when an upgrade is planned: 500 of them, 2,000 packages, beside opening apt's
// cache, which planning has to do anyway. Root only: rules of others are not read.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <random>
#include <string>
#include <vector>

#include "adapters/apt_cache.h"
#include "adapters/apt_rules.h"

namespace {

using namespace aptkeep;

constexpr int kPackages = 2000;
constexpr int kRules = 500;
constexpr int kFiles = 50;

// A tenth are patterns, a third has a window, a fifth asks what else is installed: more of each
// than our own rules have.
std::string stanza(int number, std::mt19937& random) {
  const auto name = [&random] { return "package-" + std::to_string(random() % kPackages); };
  std::string text = "Package: " + (number % 10 == 0 ? name() + "*" : name() + " " + name());
  if (number % 3 == 0) text += "\nUpgrade-From: << 1:2.0-1~\nUpgrade-To: >= 1:2.0-1~";
  if (number % 5 == 0) text += "\nWhen-Installed: " + name() + " (>= 1:1.0)";
  return text +
         "\nServices: one.service two@*.service\nClass: stop\nSockets: quiesce\n"
         "Guard: queue-empty /var/spool/one\n free-space /var 20M\nIf-Unmet: keep\n"
         "Check-Config: /usr/sbin/one -t\nBackup: timeout=600 user=one /usr/bin/dump -f '/var/a "
         "b'\n"
         "Reason: the new version reads other files than the old one\n"
         "Source: https://example.org/releases\n\n";
}

class Folder {
 public:
  Folder() {
    std::string pattern = "/tmp/aptkeep-bench.XXXXXX";
    path_ = ::mkdtemp(pattern.data());
    std::mt19937 random(1);
    for (int file = 0; file < kFiles; ++file) {
      std::ofstream out(path_ + "/" + std::to_string(file) + ".rules");
      for (int i = 0; i < kRules / kFiles; ++i) out << stanza(file * kRules / kFiles + i, random);
    }
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::vector<Rule> read() const {
    auto rules = read_rules({path_});
    if (!rules || rules->rules.size() != kRules) {
      std::cerr << "the rules cannot be read, " << (rules ? rules->complaints.at(0) : "") << "\n";
      std::exit(1);
    }
    return std::move(rules->rules);
  }

 private:
  std::string path_;
};

std::vector<Step> upgrade() {
  std::vector<Step> steps(kPackages);
  for (int i = 0; i < kPackages; ++i) {
    auto& step = steps[static_cast<std::size_t>(i)];
    step.package = "package-" + std::to_string(i) + ":amd64";
    step.old_version = "1:1.0-1+deb12u1";
    step.new_version = "1:2.0-1+deb13u1";
  }
  return steps;
}

std::size_t decide_all(const std::vector<Rule>& rules, const std::vector<Step>& steps) {
  const RuleFacts facts = {compare_versions, [](std::string_view) { return "1:1.0-1+deb12u1"; }};
  const RuleIndex index(rules);
  std::size_t applying = 0;
  for (const auto& step : steps) applying += index.decide(step, facts).applying.size();
  return applying;
}

void read_rule_files(benchmark::State& state) {
  const Folder folder;
  for (auto _ : state) benchmark::DoNotOptimize(folder.read());
}
BENCHMARK(read_rule_files)->Unit(benchmark::kMillisecond);

void decide_steps(benchmark::State& state) {
  const auto rules = Folder().read();
  const auto steps = upgrade();
  std::size_t applying = 0;
  for (auto _ : state) benchmark::DoNotOptimize(applying = decide_all(rules, steps));
  state.counters["applying"] = static_cast<double>(applying);
}
BENCHMARK(decide_steps)->Unit(benchmark::kMillisecond);

void read_and_decide(benchmark::State& state) {
  const Folder folder;
  const auto steps = upgrade();
  for (auto _ : state) benchmark::DoNotOptimize(decide_all(folder.read(), steps));
}
BENCHMARK(read_and_decide)->Unit(benchmark::kMillisecond);

void open_apt_cache(benchmark::State& state) {
  for (auto _ : state) {
    const auto cache = AptCache::open();
    if (!cache) state.SkipWithError(cache.error().message.c_str());
  }
}
BENCHMARK(open_apt_cache)->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
