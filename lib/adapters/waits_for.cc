#include "adapters/waits_for.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <sstream>
#include <vector>

#include "adapters/proc_text.h"

namespace aptkeep {
namespace {

// Numbers of calls that not every architecture has.
#ifdef SYS_poll
constexpr long kPoll = SYS_poll;
#else
constexpr long kPoll = -2;
#endif
#ifdef SYS_select
constexpr long kSelect = SYS_select;
#else
constexpr long kSelect = -2;
#endif
#ifdef SYS_epoll_wait
constexpr long kEpollWait = SYS_epoll_wait;
#else
constexpr long kEpollWait = -2;
#endif
#ifdef SYS_open
constexpr long kOpen = SYS_open;
#else
constexpr long kOpen = -2;
#endif

constexpr std::size_t kMostPolled = 64;

// A system call that a thread is in: /proc/PID/task/TID/syscall, "NUMBER ARGUMENT...".
struct Call {
  long number = -1;
  unsigned long argument[6] = {};
};

bool read_call(std::int64_t pid, const std::string& thread, Call& call) {
  const std::string text = proc_text(pid, ("task/" + thread + "/syscall").c_str());
  if (text.empty() || text[0] < '0' || text[0] > '9') return false;  // "running", "-1 SP PC"
  std::istringstream in(text);
  in >> call.number >> std::hex;
  for (unsigned long& argument : call.argument) {
    std::string word;
    in >> word;
    argument = std::strtoul(word.c_str(), nullptr, 16);
  }
  return true;
}

// Memory of the process; less where it cannot be had.
std::string memory_of(std::int64_t pid, unsigned long address, std::size_t size) {
  std::string bytes(size, '\0');
  const int fd = open(("/proc/" + std::to_string(pid) + "/mem").c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return "";
  const ssize_t got = pread(fd, bytes.data(), size, static_cast<off_t>(address));
  close(fd);
  bytes.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
  return bytes;
}

std::vector<int> polled(std::int64_t pid, const Call& call) {
  std::vector<int> fds;
  const std::size_t count = std::min<std::size_t>(call.argument[1], kMostPolled);
  const std::string bytes = memory_of(pid, call.argument[0], count * sizeof(pollfd));
  for (std::size_t at = 0; at + sizeof(pollfd) <= bytes.size(); at += sizeof(pollfd)) {
    pollfd entry{};
    std::copy_n(bytes.data() + at, sizeof entry, reinterpret_cast<char*>(&entry));
    if (entry.fd >= 0 && (entry.events & (POLLIN | POLLRDNORM)) != 0) fds.push_back(entry.fd);
  }
  return fds;
}

std::vector<int> selected(std::int64_t pid, const Call& call) {
  std::vector<int> fds;
  if (call.argument[1] == 0) return fds;
  const auto count = std::min<unsigned long>(call.argument[0], FD_SETSIZE);
  const std::string bits = memory_of(pid, call.argument[1], (count + 7) / 8);
  for (unsigned long fd = 0; fd < count && fd / 8 < bits.size(); ++fd) {
    const unsigned byte = static_cast<unsigned char>(bits[fd / 8]);
    if ((byte >> (fd % 8) & 1u) != 0) {
      fds.push_back(static_cast<int>(fd));
    }
  }
  return fds;
}

// proc(5), /proc/PID/fdinfo: a line "tfd: FD events: ..." for each descriptor in an epoll set.
std::vector<int> epolled(std::int64_t pid, const Call& call) {
  std::vector<int> fds;
  const std::string text = proc_text(pid, ("fdinfo/" + std::to_string(call.argument[0])).c_str());
  for (auto at = text.find("tfd:"); at != std::string::npos; at = text.find("tfd:", at + 4)) {
    fds.push_back(static_cast<int>(std::strtol(text.c_str() + at + 4, nullptr, 10)));
  }
  return fds;
}

bool is(long number, std::initializer_list<long> any) {
  return std::find(any.begin(), any.end(), number) != any.end();
}

// The descriptors whose input the call waits for.
std::vector<int> awaited(std::int64_t pid, const Call& call) {
  if (is(call.number,
         {SYS_read, SYS_readv, SYS_pread64, SYS_recvfrom, SYS_recvmsg, SYS_accept, SYS_accept4})) {
    return {static_cast<int>(call.argument[0])};
  }
  if (is(call.number, {kPoll, SYS_ppoll})) return polled(pid, call);
  if (is(call.number, {kSelect, SYS_pselect6})) return selected(pid, call);
  if (is(call.number, {kEpollWait, SYS_epoll_pwait})) return epolled(pid, call);
  return {};
}

// proc(5) and the kernel's devices.txt: virtual consoles and serial lines, /dev/tty and
// /dev/console (but not ptmx, 5:2), pseudo-terminals, other serial lines, hypervisor consoles.
bool is_terminal(std::int64_t pid, int fd) {
  struct stat info {};
  const std::string path = "/proc/" + std::to_string(pid) + "/fd/" + std::to_string(fd);
  if (stat(path.c_str(), &info) != 0 || !S_ISCHR(info.st_mode)) return false;
  const unsigned device = major(info.st_rdev);
  if (device == 5) return minor(info.st_rdev) != 2;
  return device == 4 || (device >= 136 && device <= 143) || device == 204 || device == 229;
}

std::string named(std::int64_t pid, int fd) {
  const std::string link = proc_link(pid, "fd/" + std::to_string(fd));
  return link.empty() ? "descriptor " + std::to_string(fd) : link;
}

std::string describe(std::int64_t pid, const Call& call, const std::vector<int>& fds) {
  const int first = static_cast<int>(call.argument[0]);
  if (is(call.number, {SYS_wait4, SYS_waitid})) return "waits for a child";
  if (is(call.number, {SYS_write, SYS_writev, SYS_sendto, SYS_sendmsg})) {
    return "writes " + named(pid, first);
  }
  if (is(call.number, {SYS_flock, SYS_fcntl})) return "waits for a lock on " + named(pid, first);
  if (is(call.number, {SYS_clock_nanosleep, SYS_nanosleep})) return "sleeps";
  if (call.number == SYS_futex) return "waits for a thread";
  if (call.number == SYS_connect) return "connects " + named(pid, first);
  if (is(call.number, {SYS_openat, kOpen})) {
    const unsigned long at = call.argument[call.number == SYS_openat ? 1 : 0];
    const std::string path = memory_of(pid, at, 128);
    return "opens " + path.substr(0, path.find('\0'));
  }
  constexpr std::size_t kMostNamed = 4;
  std::string text;
  for (std::size_t i = 0; i < fds.size() && i < kMostNamed; ++i) {
    text += (text.empty() ? "reads " : ", ") + named(pid, fds[i]);
  }
  return text;
}

// Where the call cannot be seen (a kernel or a container that does not let us).
Waits by_wchan(std::int64_t pid) {
  Waits waits;
  const std::string where = proc_text(pid, "wchan");
  if (where.empty() || where == "0") return waits;
  waits.what = "in " + where;
  const bool reads = where.find("tty_read") != std::string::npos || where == "wait_woken" ||
                     where.find("poll") != std::string::npos || where == "do_select";
  waits.asks_person = reads && is_terminal(pid, 0);
  return waits;
}

}  // namespace

Waits waits_for(std::int64_t pid) {
  Waits waits;
  bool seen = false;
  const std::string path = "/proc/" + std::to_string(pid) + "/task";
  DIR* folder = opendir(path.c_str());
  if (folder == nullptr) return waits;
  while (const dirent* entry = readdir(folder)) {
    Call call;
    if (entry->d_name[0] == '.' || !read_call(pid, entry->d_name, call)) continue;
    seen = true;
    const std::vector<int> fds = awaited(pid, call);
    const bool asks =
        std::any_of(fds.begin(), fds.end(), [pid](int fd) { return is_terminal(pid, fd); });
    waits.asks_person = waits.asks_person || asks;
    if (std::strtoll(entry->d_name, nullptr, 10) == pid) waits.what = describe(pid, call, fds);
  }
  closedir(folder);
  return seen ? waits : by_wchan(pid);
}

}  // namespace aptkeep
