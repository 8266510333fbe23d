#include "apt_root.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace aptkeep::test {
namespace {

namespace fs = std::filesystem;

// Output of a shell command; its exit code goes to `code`.
std::string shell(const std::string& command, int* code = nullptr) {
  std::string output;
  // NOLINTNEXTLINE(cert-env33-c): every command is written down in these tests
  FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  char buffer[4096];
  for (std::size_t got = 0; (got = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;) {
    output.append(buffer, got);
  }
  const int status = ::pclose(pipe);
  if (code != nullptr) *code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return output;
}

std::string stanza(const Package& package) {
  return "Package: " + package.name + "\nVersion: " + package.version +
         "\nArchitecture: " + package.arch +
         "\nMaintainer: Test <test@example.org>\nDescription: test\n" + package.fields;
}

std::string status_text(const std::vector<Package>& packages) {
  std::string text;
  for (const auto& package : packages) {
    text += stanza(package) + "Status: install ok installed\n\n";
  }
  return text;
}

}  // namespace

void write_text(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

AptRoot::AptRoot() {
  std::string pattern = fs::temp_directory_path() / "aptkeep-apt-XXXXXX";
  folder_ = ::mkdtemp(pattern.data());
  for (const char* name :
       {"state/lists/partial", "cache/archives/partial", "etc/apt.conf.d", "etc/preferences.d",
        "etc/trusted.gpg.d", "etc/sources.list.d", "etc/auth.conf.d", "log"}) {
    fs::create_directories(path(name));
  }
  write_text(path("apt.conf"), "Dir \"" + folder_ +
                                   "\";\nDir::State \"state\";\nDir::Cache \"cache\";\n"
                                   "Dir::Etc \"etc\";\nDir::Log \"log\";\n"
                                   "Dir::State::status \"" +
                                   path("status") +
                                   "\";\nAPT::Architecture \"amd64\";\n"
                                   "APT::Architectures { \"amd64\"; \"i386\"; };\n"
                                   "APT::Sandbox::User \"root\";\nAcquire::Languages \"none\";\n");
  ::setenv("APT_CONFIG", path("apt.conf").c_str(), 1);
  repos_["main"] = {"Debian", "Debian", "stable", {}};
}

AptRoot::~AptRoot() {
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

void AptRoot::describe_repo(const std::string& name, const Repo& release) {
  auto& repo = repos_[name];
  repo.origin = release.origin;
  repo.label = release.label;
  repo.codename = release.codename;
}

std::string AptRoot::archive(const Package& package) {
  const std::string source = path("deb-" + package.name);
  fs::create_directories(source + "/DEBIAN");
  write_text(source + "/DEBIAN/control", stanza(package));
  std::string file = path(package.name + "_" + package.version + ".deb");
  int code = 0;
  const auto output = shell("dpkg-deb --root-owner-group -Znone -b " + source + " " + file, &code);
  EXPECT_EQ(code, 0) << output;
  return file;
}

void AptRoot::write_repo(const std::string& name, const Repo& repo) const {
  const std::string folder = path("repo-" + name);
  fs::create_directories(folder);
  std::string text;
  for (const auto& package : repo.packages) {
    text += stanza(package) + "Filename: ./" + package.name + "_" + package.version + "_" +
            package.arch + ".deb\nSize: 1\nSHA256: " + std::string(64, '0') + "\n\n";
  }
  write_text(folder + "/Packages", text);
  const auto sum = shell("sha256sum < " + folder + "/Packages").substr(0, 64);
  std::string release;
  if (!repo.origin.empty()) release += "Origin: " + repo.origin + "\n";
  if (!repo.label.empty()) release += "Label: " + repo.label + "\n";
  if (!repo.codename.empty()) release += "Codename: " + repo.codename + "\n";
  write_text(folder + "/Release",
             release + "SHA256:\n " + sum + " " + std::to_string(text.size()) + " Packages\n");
}

void AptRoot::write() {
  write_text(path("status"), status_text(installed_));
  std::string sources;
  for (const auto& [name, repo] : repos_) {
    write_repo(name, repo);
    sources += "deb [trusted=yes] file:" + path("repo-" + name) + " ./\n";
  }
  write_text(path("etc/sources.list"), sources);
  std::string output;
  ASSERT_EQ(apt_get("update", &output), 0) << output;
}

int AptRoot::apt_get(const std::string& args, std::string* output) const {
  int code = 0;
  const auto text = shell("apt-get " + args, &code);
  if (output != nullptr) *output = text;
  return code;
}

bool AptRoot::apt_accepts(const std::vector<Package>& packages) const {
  write_text(path("world"), status_text(packages));
  return apt_get("check -o Dir::State::status=" + path("world") +
                 " -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=") == 0;
}

Step upgrade(const std::string& name, const std::string& from, const std::string& to) {
  Step step;
  step.package = name.find(':') == std::string::npos ? name + ":amd64" : name;
  step.action = Action::Upgrade;
  step.old_version = from;
  step.new_version = to;
  step.archive = "/var/cache/apt/archives/" + name + "_" + to + ".deb";
  return step;
}

Step install(const std::string& name, const std::string& version) {
  Step step = upgrade(name, "", version);
  step.action = Action::Install;
  return step;
}

Step removal(const std::string& name, const std::string& version) {
  Step step = upgrade(name, version, "");
  step.action = Action::Remove;
  step.archive.clear();
  return step;
}

std::vector<std::string> clause_lines(const Plan& plan) {
  const auto side = [](Side which) { return std::string(which == Side::Old ? "old" : "new"); };
  std::vector<std::string> lines;
  for (const auto& clause : plan.clauses) {
    std::string line = clause.owner + " " + clause.owner_version + " ";
    line += clause.owner_step < 0 ? "outside" : side(clause.owner_side);
    line += std::string(" ") + to_string(clause.kind) + " " + clause.relation + ":";
    std::vector<std::string> literals;
    for (const auto& literal : clause.any_of) {
      literals.push_back(" " + plan.steps[literal.step].package + "=" + side(literal.side));
    }
    std::sort(literals.begin(), literals.end());
    for (const auto& literal : literals) line += literal;
    lines.push_back(line);
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}

Plan plan_in(const AptRoot&, const std::vector<Step>& steps) {
  auto cache = AptCache::open();
  if (!cache) {
    ADD_FAILURE() << cache.error().message;
    return {};
  }
  auto plan = cache->make_plan(steps);
  if (!plan) {
    ADD_FAILURE() << plan.error().message;
    return {};
  }
  return *plan;
}

std::vector<std::string> kept_names(const Plan& plan, const std::vector<std::string>& failed) {
  std::vector<std::uint32_t> indexes;
  for (std::uint32_t i = 0; i < plan.steps.size(); ++i) {
    const auto& name = plan.steps[i].package;
    if (std::find(failed.begin(), failed.end(), name) != failed.end()) indexes.push_back(i);
  }
  std::vector<std::string> names;
  for (const auto& member : least_kept_set(plan, indexes).members) {
    names.push_back(plan.steps[member.step].package);
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace aptkeep::test
