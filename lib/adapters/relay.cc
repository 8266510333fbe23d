// Between fork and _exit this runs in a copy of the driver: only plain libc calls, no allocation.
#include "adapters/relay.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "adapters/progress_layout.h"

namespace aptkeep {

void TailRing::add(const char* data, std::size_t size) {
  const std::uint64_t start = written.load(std::memory_order_relaxed);
  const std::size_t skipped = size > kSize ? size - kSize : 0;
  for (std::size_t i = skipped; i < size; ++i) bytes[(start + i) % kSize] = data[i];
  written.store(start + size, std::memory_order_release);
}

std::string TailRing::text() const {
  const std::uint64_t end = written.load(std::memory_order_acquire);
  std::string kept;
  kept.reserve(std::min<std::uint64_t>(end, kSize));
  for (std::uint64_t at = end > kSize ? end - kSize : 0; at < end; ++at) kept += bytes[at % kSize];
  return kept;
}

namespace {

volatile sig_atomic_t size_changed = 1;

void on_winch(int) {
  size_changed = 1;
}

// How long to leave a terminal alone that cannot be read because we are in the background.
constexpr int kBackgroundPauseMs = 500;

// More than pipes and terminals can hold: what comes behind it was printed after dpkg's end, by
// something that its scripts left running.
constexpr std::size_t kMostUnread = 2u << 20;

class Relay {
 public:
  explicit Relay(const RelayWires& wires) : wires_(wires) {}
  [[noreturn]] void run();

 private:
  void isolate();
  void close_all_else();
  void take_signals();
  void make_raw();
  void leave_terminal();
  void pass_size();
  int wait(pollfd* polls, nfds_t count, int timeout_ms);
  bool step();
  void read_control();
  void read_terminal(short events);
  void write_master();
  void copy(int& from, int to);
  bool write_out(int to, const char* data, std::size_t size);
  void close_wire(int& fd);
  bool copying() const {
    return wires_.master >= 0 || wires_.pipes[0].from >= 0 || wires_.pipes[1].from >= 0;
  }
  void child_ended_and_drained();
  void answer(char what);

  RelayWires wires_;
  sigset_t waiting_mask_{};
  int child_ = -1;  // pidfd
  bool ended_ = false;
  bool answered_ = false;
  bool background_ = false;
  std::size_t after_end_ = 0;
  char typed_[4096];
  std::size_t typed_size_ = 0;
  char buffer_[16384];
};

void Relay::close_wire(int& fd) {
  if (fd >= 0) close(fd);
  fd = -1;
}

// Keeps nothing open that is not ours: apt waits for the end of its status-fd, not of dpkg.
void Relay::close_all_else() {
  int kept[] = {wires_.control,       wires_.master,      wires_.terminal_in,   wires_.terminal_out,
                wires_.pipes[0].from, wires_.pipes[0].to, wires_.pipes[1].from, wires_.pipes[1].to};
  std::sort(std::begin(kept), std::end(kept));
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  const int last = static_cast<int>(std::min<rlim_t>(limit.rlim_cur, 1u << 20)) - 1;
  int first = 3;
  const auto close_range_of = [](int from, int to) {
    if (from > to) return;
    if (syscall(SYS_close_range, from, to, 0) == 0) return;
    for (int fd = from; fd <= to; ++fd) close(fd);  // Linux before 5.9
  };
  for (const int fd : kept) {
    if (fd < first) continue;
    close_range_of(first, fd - 1);
    first = fd + 1;
  }
  close_range_of(first, last);
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int fd = 0; null >= 0 && fd < 3; ++fd)
    if (std::find(std::begin(kept), std::end(kept), fd) == std::end(kept)) dup2(null, fd);
  if (null > 2) close(null);
}

void Relay::take_signals() {
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  for (const int number : {SIGINT, SIGQUIT, SIGHUP, SIGTERM, SIGPIPE, SIGTSTP, SIGUSR1, SIGUSR2})
    sigaction(number, &ignore, nullptr);
  struct sigaction winch {};
  winch.sa_handler = on_winch;
  sigaction(SIGWINCH, &winch, nullptr);
  // SIGTTOU and SIGTTIN blocked: from the background, settings are set and reads fail with EIO
  // instead of stopping us (termios(3)). SIGWINCH only arrives while waiting.
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTTOU);
  sigaddset(&blocked, SIGTTIN);
  waiting_mask_ = blocked;
  sigaddset(&blocked, SIGWINCH);
  sigprocmask(SIG_SETMASK, &blocked, nullptr);
}

void Relay::isolate() {
  prctl(PR_SET_NAME, kRelayName);
  take_signals();
  close_all_else();
  // No file system stays busy because of us.
  if (chdir("/") != 0) return;
}

void Relay::make_raw() {
  if (wires_.master < 0) return;
  fcntl(wires_.master, F_SETFL, fcntl(wires_.master, F_GETFL) | O_NONBLOCK);
  termios raw = wires_.terminal_state;
  cfmakeraw(&raw);
  tcsetattr(wires_.terminal_in, TCSANOW, &raw);
}

// Also hangs up what is left on the inner terminal.
void Relay::leave_terminal() {
  if (wires_.master < 0) return;
  close_wire(wires_.master);
  tcsetattr(wires_.terminal_in, TCSADRAIN, &wires_.terminal_state);
}

void Relay::pass_size() {
  size_changed = 0;
  winsize size{};
  if (wires_.master >= 0 && ioctl(wires_.terminal_out, TIOCGWINSZ, &size) == 0)
    ioctl(wires_.master, TIOCSWINSZ, &size);
}

int Relay::wait(pollfd* polls, nfds_t count, int timeout_ms) {
  timespec timeout{timeout_ms / 1000, (timeout_ms % 1000) * 1000000L};
  return ppoll(polls, count, timeout_ms < 0 ? nullptr : &timeout, &waiting_mask_);
}

bool Relay::write_out(int to, const char* data, std::size_t size) {
  while (size > 0) {
    const ssize_t written = write(to, data, size);
    if (written > 0) {
      data += written;
      size -= static_cast<std::size_t>(written);
    } else if (written < 0 && errno == EAGAIN) {
      pollfd ready{to, POLLOUT, 0};
      wait(&ready, 1, -1);
    } else if (written < 0 && errno != EINTR) {
      return false;
    }
  }
  return true;
}

// One piece of dpkg's output. When the outside takes no more, the inside is closed, so that dpkg
// sees the broken pipe or the hang-up that it would have seen without us.
void Relay::copy(int& from, int to) {
  const ssize_t size = read(from, buffer_, sizeof buffer_);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
  const bool terminal = &from == &wires_.master;
  bool open = size > 0;
  if (open) {
    // Once the driver has been told that all is there it reads the ring.
    if (!answered_) wires_.ring->add(buffer_, static_cast<std::size_t>(size));
    if (ended_) after_end_ += static_cast<std::size_t>(size);
    open = write_out(to, buffer_, static_cast<std::size_t>(size));
  }
  if (open) return;
  if (terminal) {
    leave_terminal();
  } else {
    close_wire(from);
  }
}

void Relay::read_terminal(short events) {
  const ssize_t size = read(wires_.terminal_in, typed_, sizeof typed_);
  if (size > 0) {
    typed_size_ = static_cast<std::size_t>(size);
    write_master();
  } else if ((events & (POLLHUP | POLLERR)) != 0 || size == 0) {
    leave_terminal();  // the outer terminal hung up: so does the inner one
  } else if (errno == EIO) {
    background_ = true;
  }
}

void Relay::write_master() {
  const ssize_t written = write(wires_.master, typed_, typed_size_);
  if (written <= 0) return;
  typed_size_ -= static_cast<std::size_t>(written);
  std::memmove(typed_, typed_ + written, typed_size_);
}

void Relay::read_control() {
  RelayNote note{};
  const ssize_t size = recv(wires_.control, &note, sizeof note, MSG_DONTWAIT);
  if (size < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (size != sizeof note) {
    close_wire(wires_.control);  // the driver is gone
  } else if (note.kind == RelayNote::Started) {
    child_ = static_cast<int>(syscall(SYS_pidfd_open, note.pid, 0));
  } else {
    ended_ = true;
  }
}

void Relay::answer(char what) {
  if (!answered_ && wires_.control >= 0) send(wires_.control, &what, 1, MSG_NOSIGNAL);
  answered_ = true;
}

void Relay::child_ended_and_drained() {
  leave_terminal();
  if (copying()) answer(kDrained);
}

// Waits for one round of events and handles them; false: nothing came in.
bool Relay::step() {
  enum { kControl, kChild, kMaster, kPipe0, kPipe1, kTyped, kCount };
  pollfd polls[kCount];
  for (pollfd& entry : polls) entry = {-1, POLLIN, 0};
  polls[kControl].fd = wires_.control;
  polls[kChild].fd = ended_ ? -1 : child_;
  polls[kMaster].fd = wires_.master;
  if (typed_size_ > 0) polls[kMaster].events |= POLLOUT;
  polls[kPipe0].fd = wires_.pipes[0].from;
  polls[kPipe1].fd = wires_.pipes[1].from;
  const bool reads_typed = wires_.master >= 0 && typed_size_ == 0 && !background_;
  if (reads_typed) polls[kTyped].fd = wires_.terminal_in;

  const bool drains = ended_ && !answered_;
  const int count = wait(polls, kCount, drains ? 0 : background_ ? kBackgroundPauseMs : -1);
  if (size_changed) pass_size();
  background_ = false;
  if (count < 0) return errno == EINTR;
  // Output first: what was printed before the end is all passed on before the end is noted.
  bool output = false;
  for (const int i : {kMaster, kPipe0, kPipe1}) {
    if ((polls[i].revents & ~POLLOUT) == 0) continue;
    output = true;
    if (i == kMaster) copy(wires_.master, wires_.terminal_out);
    if (i != kMaster) copy(wires_.pipes[i - kPipe0].from, wires_.pipes[i - kPipe0].to);
  }
  if (wires_.master >= 0 && (polls[kMaster].revents & POLLOUT) != 0) write_master();
  if (wires_.master >= 0 && polls[kTyped].revents != 0) read_terminal(polls[kTyped].revents);
  if (polls[kControl].revents != 0) read_control();
  if (polls[kChild].revents != 0) ended_ = true;
  return output;
}

void Relay::run() {
  isolate();
  make_raw();
  while (copying()) {
    const bool was_ended = ended_;
    const bool drained = !step() || after_end_ > kMostUnread;
    if (drained && was_ended && !answered_) child_ended_and_drained();
  }
  answer(kLeaving);
  _exit(0);
}

}  // namespace

pid_t start_relay(const RelayWires& wires) {
  const pid_t pid = fork();
  if (pid == 0) Relay(wires).run();
  return pid;
}

}  // namespace aptkeep
