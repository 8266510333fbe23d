#include "dpkg_root.h"

#include <sys/stat.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "adapters/dpkg_db.h"

#if defined(__SANITIZE_ADDRESS__)
// What libdpkg holds when it jumps out of an error is lost. The sanitizer's library has to see
// this, whatever else is hidden.
extern "C" __attribute__((visibility("default"))) const char*
__lsan_default_suppressions();  // NOLINT(bugprone-reserved-identifier)
const char* __lsan_default_suppressions() {
  return "leak:m_malloc\nleak:m_realloc\nleak:m_strdup\nleak:vasprintf\nleak:scandir\n"
         "leak:opendir\nleak:__alloc_dir\n";
}
#endif

namespace aptkeep::test {
namespace {

namespace fs = std::filesystem;

class Folder {
 public:
  Folder() {
    std::string name = fs::temp_directory_path().string() + "/aptkeep-dpkg-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    path = name;
    // Before libdpkg asks for the first time.
    ::setenv("DPKG_ADMINDIR", (path + "/var/lib/dpkg").c_str(), 1);
    ::setenv("LC_ALL", "C.UTF-8", 1);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  std::string path;
};

std::string last_output;

}  // namespace

ConffileRecord record(const std::string& path, const std::string& hash, bool obsolete) {
  ConffileRecord one;
  one.path = path;
  one.hash = hash;
  one.obsolete = obsolete;
  return one;
}

const std::string& DpkgRoot::root() {
  static const Folder folder;
  return folder.path;
}

void DpkgRoot::SetUp() {
  for (const auto& entry : fs::directory_iterator(root())) fs::remove_all(entry.path());
  for (const char* folder : {"info", "updates", "triggers"}) fs::create_directories(admin(folder));
  fs::create_directories(on_disk("/etc"));
  write(admin("status"), "");
  write(info("format"), "1\n");
  ::unsetenv("DPKG_FRONTEND_LOCKED");
}

std::string DpkgRoot::read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void DpkgRoot::write(const std::string& path, std::string_view content) {
  fs::create_directories(fs::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << content;
}

std::string DpkgRoot::build(const Deb& deb) {
  const std::string tree = on_disk("/tree");
  fs::remove_all(tree);
  fs::create_directories(tree + "/DEBIAN");
  const std::string arch = deb.arch.empty() ? native() : deb.arch;
  write(tree + "/DEBIAN/control", "Package: " + deb.name + "\nVersion: " + deb.version +
                                      "\nArchitecture: " + arch +
                                      "\nMaintainer: Nobody <nobody@example.org>\n" + deb.fields +
                                      "Description: made for a test\n");
  for (const auto& [path, content] : deb.files) write(tree + path, content);
  for (const auto& [name, content] : deb.control) {
    const std::string file = tree + "/DEBIAN/" + name;
    const bool script = name.starts_with("p");
    write(file, (script ? "#!/bin/sh\n" : "") + content);
    ::chmod(file.c_str(), script ? 0755 : 0644);
  }
  std::string conffiles;
  for (const auto& line : deb.conffiles) conffiles += line + "\n";
  if (!conffiles.empty()) write(tree + "/DEBIAN/conffiles", conffiles);
  const std::string archive = on_disk("/" + deb.name + "_" + deb.version + "_" + arch + ".deb");
  EXPECT_EQ(sh("dpkg-deb -Znone --root-owner-group -b " + tree + " " + archive), 0) << output();
  fs::remove_all(tree);
  return archive;
}

int DpkgRoot::sh(const std::string& command) {
  const std::string file = on_disk("/output");
  const int status = std::system(("(" + command + ") </dev/null >" + file + " 2>&1").c_str());
  last_output = read(file);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int DpkgRoot::dpkg(const std::string& args) {
  // The root has no shell: scripts run outside of it.
  return sh("dpkg --root=" + root() + " --force-script-chrootless,unsafe-io --log=/dev/null " +
            args);
}

const std::string& DpkgRoot::output() {
  return last_output;
}

std::string DpkgRoot::query(const std::string& format, const std::string& package) {
  EXPECT_EQ(dpkg("-s " + package + " >/dev/null"), 0) << output();
  EXPECT_EQ(sh("dpkg-query --admindir=" + admin("") + " -f '" + format + "' -W " + package), 0);
  return output();
}

std::string DpkgRoot::native() {
  return native_architecture();
}

PackageFiles DpkgRoot::files_of(const std::string& package) {
  const auto files = read_dpkg_files({package});
  EXPECT_TRUE(files.ok()) << files.error().message;
  if (!files || files->packages.size() != 1) {
    ADD_FAILURE() << package << ": not found";
    return {};
  }
  return files->packages[0];
}

std::vector<std::string> DpkgRoot::conffile_lines(const std::vector<ConffileRecord>& conffiles) {
  std::vector<std::string> all;
  for (const auto& conffile : conffiles) {
    all.push_back(" " + conffile.path + " " + conffile.hash +
                  (conffile.obsolete ? " obsolete" : "") +
                  (conffile.remove_on_upgrade ? " remove-on-upgrade" : ""));
  }
  return all;
}

void DpkgRoot::expect_conffiles(const std::string& package,
                                const std::vector<ConffileRecord>& expected) {
  EXPECT_EQ(lines(query("${Conffiles}\\n", package)), conffile_lines(expected));
  EXPECT_EQ(conffile_lines(files_of(slot(package)).conffiles), conffile_lines(expected));
  EXPECT_EQ(dpkg("-L " + package), 0);
  const std::vector<std::string> listed = lines(output());
  for (const auto& one : expected)
    EXPECT_EQ(std::count(listed.begin(), listed.end(), one.path), 1) << one.path;
  EXPECT_EQ(dpkg("--audit"), 0);
  EXPECT_EQ(output(), "");
}

std::vector<std::string> DpkgRoot::lines(const std::string& text) {
  std::vector<std::string> all;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    if (!line.empty()) all.push_back(line);
  }
  return all;
}

}  // namespace aptkeep::test
