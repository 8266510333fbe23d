#include "adapters/apt_simulate.h"

#include <fcntl.h>
#include <spawn.h>
#include <strings.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <system_error>

#include "adapters/memory_file.h"

extern char** environ;

namespace aptkeep {
namespace {

constexpr const char* kAptGet = "/usr/bin/apt-get";
constexpr const char* kAptConfig = "/usr/bin/apt-config";

std::string system_words(int error) {
  return std::generic_category().message(error);
}

// Ours, but that messages are in English, which is the language that is read here.
std::vector<std::string> environment() {
  std::vector<std::string> made{"LC_ALL=C"};
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    if (!text.starts_with("LC_ALL=") && !text.starts_with("LANGUAGE=")) made.emplace_back(text);
  }
  return made;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> made;
  for (auto& text : texts) made.push_back(text.data());
  made.push_back(nullptr);
  return made;
}

struct Answer {
  int status = 0;
  std::string output;
  std::string errors;
};

Result<Answer> ask(const char* program, std::vector<std::string> arguments) {
  const MemoryFile output;
  const MemoryFile errors;
  if (output.fd() < 0 || errors.fd() < 0) return Error{system_words(errno)};
  arguments.insert(arguments.begin(), program);
  auto variables = environment();
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, output.fd(), STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, errors.fd(), STDERR_FILENO);
  pid_t pid = 0;
  const int error = ::posix_spawn(&pid, program, &actions, nullptr, pointers(arguments).data(),
                                  pointers(variables).data());
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return Error{system_words(error)};
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) return Error{system_words(errno)};
  }
  return Answer{WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), output.content(),
                errors.content()};
}

// apt's first error; what it warns of is its own to show.
std::string why(const char* program, const Answer& answer) {
  std::string_view rest = answer.errors;
  while (!rest.empty()) {
    const auto line = rest.substr(0, rest.find('\n'));
    if (line.starts_with("E: "))
      return std::string(program + 9) + ": " + std::string(line.substr(3));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
  }
  return std::string(program + 9) + " ended with exit status " + std::to_string(answer.status);
}

bool same_key(const std::string& a, const std::string& b) {
  return ::strcasecmp(a.c_str(), b.c_str()) == 0;
}

}  // namespace

std::string AptSettings::find(const std::string& key, const std::string& fallback) const {
  const auto found = std::find_if(entries.rbegin(), entries.rend(),
                                  [&key](const auto& entry) { return same_key(entry.first, key); });
  return found == entries.rend() ? fallback : found->second;
}

bool AptSettings::find_bool(const std::string& key, bool fallback) const {
  const auto value = find(key);
  for (const char* word : {"yes", "true", "with", "on", "enable", "1"}) {
    if (same_key(value, word)) return true;
  }
  for (const char* word : {"no", "false", "without", "off", "disable", "0"}) {
    if (same_key(value, word)) return false;
  }
  return fallback;
}

std::vector<std::string> AptSettings::list(const std::string& key) const {
  std::vector<std::string> values;
  for (const auto& [name, value] : entries) {
    const bool in_list = ::strncasecmp(name.c_str(), (key + "::").c_str(), key.size() + 2) == 0;
    if ((in_list || same_key(name, key)) && !value.empty()) values.push_back(value);
  }
  return values;
}

Result<AptSettings> read_apt_settings(const AptArguments& arguments) {
  std::vector<std::string> command{"dump", "--format=%f=%v%n"};
  for (const auto& setting : arguments.settings) command.push_back("--option=" + setting);
  const auto answer = ask(kAptConfig, std::move(command));
  const std::string cannot = "unable to read apt's configuration: ";
  if (!answer) return Error{cannot + answer.error().message};
  if (answer->status != 0) return Error{cannot + why(kAptConfig, *answer)};
  AptSettings settings;
  std::string_view rest = answer->output;
  while (!rest.empty()) {
    const auto line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    const auto equals = line.find('=');
    if (equals == std::string_view::npos) continue;
    settings.entries.emplace_back(line.substr(0, equals), line.substr(equals + 1));
  }
  return settings;
}

Result<Simulation> simulate(const AptArguments& arguments, const std::string& native_arch,
                            const CompareVersions& compare) {
  // Not closed on exec: apt-get opens it by its number, as the last of all configuration files.
  MemoryFile settings(0);
  const std::string cannot = "unable to ask apt-get: ";
  if (settings.fd() < 0 || !settings.write(simulation_settings())) {
    return Error{cannot + system_words(errno)};
  }
  const auto answer = ask(kAptGet, simulation_command(arguments, settings.path()));
  if (!answer) return Error{cannot + answer.error().message};
  if (answer->status != 0) return Error{"unable to plan: " + why(kAptGet, *answer)};
  return read_simulation(answer->output, native_arch, compare);
}

}  // namespace aptkeep
