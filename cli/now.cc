#include "now.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <sstream>
#include <string_view>

#include "command.h"

namespace aptkeep::cli {
namespace {

[[noreturn]] void execute(const std::vector<std::string>& command) {
  std::vector<char*> arguments;
  arguments.reserve(command.size() + 1);
  for (const std::string& argument : command) {
    arguments.push_back(const_cast<char*>(argument.c_str()));
  }
  arguments.push_back(nullptr);
  ::execv(arguments[0], arguments.data());
  ::_exit(127);
}

int wait_for(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) {
      return 127;
    }
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::string output_of(const std::vector<std::string>& command) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), 0) != 0) {
    return {};
  }
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(ends[1], STDOUT_FILENO);
    ::close(ends[0]);
    ::close(ends[1]);
    ::close(STDERR_FILENO);
    execute(command);
  }
  ::close(ends[1]);
  std::string output;
  std::array<char, 65536> buffer{};
  ssize_t size = 0;
  while (child > 0 && ((size = ::read(ends[0], buffer.data(), buffer.size())) > 0 ||
                       (size < 0 && errno == EINTR))) {
    output.append(buffer.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  }
  ::close(ends[0]);
  if (child > 0) {
    wait_for(child);
  }
  return output;
}

}  // namespace

bool is_whole(const Now& package) {
  return package.state.size() == 2 &&
         std::string_view("itW").find(package.state[1]) != std::string_view::npos;
}

std::map<std::string, Now> packages_now(const std::string& native_arch) {
  // Status-Abbrev ends in a blank where there is no error flag.
  std::istringstream lines(output_of(
      {"/usr/bin/dpkg-query", "-W", "-f",
       "${Package}\\t${Architecture}\\t${db:Status-Abbrev}\\t${binary:Package}\\t${Version}\\t"
       "${Config-Version}\\n"}));
  std::map<std::string, Now> packages;
  std::string name;
  std::string arch;
  Now now;
  while (std::getline(lines, name, '\t') && std::getline(lines, arch, '\t') &&
         std::getline(lines, now.state, '\t') && std::getline(lines, now.name, '\t') &&
         std::getline(lines, now.version, '\t') && std::getline(lines, now.config_version)) {
    now.never_configured = now.config_version.empty();
    if (now.config_version == now.version) now.config_version.clear();
    now.state.erase(now.state.find_last_not_of(' ') + 1);
    packages[name + ":" + (arch == "all" ? native_arch : arch)] = now;
  }
  return packages;
}

int run(const std::vector<std::string>& command) {
  // Nobody but the program decides what Ctrl-C means now.
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  struct sigaction interrupt {};
  struct sigaction quit {};
  ::sigaction(SIGINT, &ignore, &interrupt);
  ::sigaction(SIGQUIT, &ignore, &quit);
  const pid_t child = ::fork();
  if (child == 0) {
    ::sigaction(SIGINT, &interrupt, nullptr);
    ::sigaction(SIGQUIT, &quit, nullptr);
    execute(command);
  }
  const int status = child < 0 ? 127 : wait_for(child);
  ::sigaction(SIGINT, &interrupt, nullptr);
  ::sigaction(SIGQUIT, &quit, nullptr);
  if (status == 127) {
    throw Failed("unable to run " + command.front());
  }
  return status;
}

std::vector<std::string> lines_of(const std::vector<std::string>& command) {
  std::istringstream output(output_of(command));
  std::vector<std::string> lines;
  for (std::string line; std::getline(output, line);) {
    lines.push_back(line);
  }
  return lines;
}

std::vector<UnitFacts> units_shown(const std::vector<std::string>& names) {
  std::vector<std::string> command = show_arguments(names);
  command.insert(command.begin(), kSystemctl);
  std::vector<UnitFacts> found = parse_show(output_of(command));
  return found.size() == names.size() ? std::move(found) : std::vector<UnitFacts>{};
}

std::string typed(const std::vector<std::string>& command) {
  std::string text;
  for (const std::string& argument : command) {
    const auto slash = text.empty() ? argument.rfind('/') : std::string::npos;
    text += (text.empty() ? "" : " ") +
            (slash == std::string::npos ? argument : argument.substr(slash + 1));
  }
  return text;
}

}  // namespace aptkeep::cli
