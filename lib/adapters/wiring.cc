#include "adapters/wiring.h"

#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstdlib>
#include <new>

#include "adapters/tail.h"

namespace aptkeep {

Wiring::~Wiring() {
  if (ring_ != nullptr) munmap(ring_, sizeof *ring_);
}

// The inner terminal: settings and size of the outer one.
bool Wiring::open_terminal(const bool (&is_terminal)[3]) {
  wires_.terminal_out = is_terminal[1] ? 1 : 2;
  wires_.terminal_in = wires_.terminal_out;
  for (int fd = 2; fd >= 0; --fd)
    if (is_terminal[fd] && (fcntl(fd, F_GETFL) & O_ACCMODE) != O_WRONLY) wires_.terminal_in = fd;
  if (tcgetattr(wires_.terminal_in, &wires_.terminal_state) != 0) return false;

  master_ = Fd(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!master_.ok() || grantpt(master_.get()) != 0 || unlockpt(master_.get()) != 0) return false;
  slave_ = Fd(ioctl(master_.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
  char name[64];
  if (!slave_.ok() && ptsname_r(master_.get(), name, sizeof name) == 0)  // Linux before 4.13
    slave_ = Fd(open(name, O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!slave_.ok() || tcsetattr(slave_.get(), TCSANOW, &wires_.terminal_state) != 0) return false;
  winsize size{};
  if (ioctl(wires_.terminal_out, TIOCGWINSZ, &size) == 0) ioctl(slave_.get(), TIOCSWINSZ, &size);
  wires_.master = master_.get();
  for (int fd = 0; fd < 3; ++fd) onto_slave_[fd] = is_terminal[fd];
  return true;
}

bool Wiring::open_pipe(int which, int fd) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return false;
  pipe_from_[which] = Fd(ends[0]);
  pipe_to_[which] = Fd(ends[1]);
  wires_.pipes[which] = {pipe_from_[which].get(), fd};
  from_pipe_[fd] = which;
  return pipe_from_[which].ok() && pipe_to_[which].ok();
}

bool Wiring::open_control() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return false;
  control_ = Fd(ends[0]);
  relay_control_ = Fd(ends[1]);
  wires_.control = relay_control_.get();
  void* memory =
      mmap(nullptr, sizeof(TailRing), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return false;
  ring_ = new (memory) TailRing;
  wires_.ring = ring_;
  return control_.ok() && relay_control_.ok();
}

bool Wiring::open_all() {
  struct stat info[3];
  bool is_terminal[3];
  for (int fd = 0; fd < 3; ++fd) {
    if (fstat(fd, &info[fd]) != 0) return false;
    is_terminal[fd] = isatty(fd) == 1;
  }
  if ((is_terminal[1] || is_terminal[2]) && !open_terminal(is_terminal)) return false;
  if (!is_terminal[1] && !open_pipe(0, 1)) return false;
  if (!is_terminal[2]) {
    const bool same = info[1].st_dev == info[2].st_dev && info[1].st_ino == info[2].st_ino;
    if (same) {
      from_pipe_[2] = from_pipe_[1];  // one pipe, so that the order of the lines stays
    } else if (!open_pipe(1, 2)) {
      return false;
    }
  }
  return open_control();
}

bool Wiring::start() {
  if (!open_all()) return false;
  relay_ = start_relay(wires_);
  if (relay_ < 0) return false;
  relay_control_.reset();
  master_.reset();
  for (Fd& end : pipe_from_) end.reset();
  return true;
}

void Wiring::take_places() const {
  if (slave_.ok()) {
    setsid();
    ioctl(slave_.get(), TIOCSCTTY, 0);
  }
  for (int fd = 0; fd < 3; ++fd) {
    if (onto_slave_[fd]) dup2(slave_.get(), fd);
    if (from_pipe_[fd] >= 0) dup2(pipe_to_[from_pipe_[fd]].get(), fd);
  }
}

void Wiring::child_started(pid_t pid) {
  // The relay sees the end of the output only when nobody else holds these.
  slave_.reset();
  for (Fd& end : pipe_to_) end.reset();
  if (pid <= 0) return;
  const RelayNote note{RelayNote::Started, pid};
  send(control_.get(), &note, sizeof note, MSG_NOSIGNAL);
}

std::uint64_t Wiring::printed() const {
  return ring_->written.load(std::memory_order_acquire);
}

std::string Wiring::child_ended(std::size_t tail_lines) {
  const RelayNote note{RelayNote::Ended, 0};
  send(control_.get(), &note, sizeof note, MSG_NOSIGNAL);
  char reply = kLeaving;
  while (recv(control_.get(), &reply, 1, 0) < 0 && errno == EINTR) continue;
  if (reply != kDrained) {
    int status = 0;
    while (waitpid(relay_, &status, 0) < 0 && errno == EINTR) continue;
    // It puts the terminal back itself, unless somebody killed it.
    if (WIFSIGNALED(status) && wires_.master >= 0)
      tcsetattr(wires_.terminal_in, TCSANOW, &wires_.terminal_state);
  }
  return clean_tail(ring_->text(), tail_lines, ring_->torn());
}

}  // namespace aptkeep
