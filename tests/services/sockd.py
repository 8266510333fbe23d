"""A socket-activated daemon whose program, configuration and data change together, and which writes
down at each start what it finds of them: a start of a mixture is a line whose words differ."""

import units  # first: it says where the others are
import frontend
from units import package, service, socket

PORT = 1007
STARTS = "/var/log/sockd.starts"
RELOAD = "systemctl --system daemon-reload\n"

# Serves one request after the other on what systemd hands it, or on a port of its own; when it is
# told to stop, it has answered whom it has accepted.
DAEMON = """#!/usr/bin/python3
import os, select, signal, socket, time
told, tells = socket.socketpair()
tells.setblocking(False)
signal.set_wakeup_fd(tells.fileno())
signal.signal(signal.SIGTERM, lambda *_: None)
def read(path):
    with open(path, encoding="ascii") as file:
        return file.read().strip()
words = ["{version}", read("/etc/sockd.conf"), read("/usr/share/sockd/data")]
with open("{starts}", "a", encoding="ascii") as log:
    log.write(" ".join(words) + "\\n")
if "NOTIFY_SOCKET" in os.environ:
    time.sleep(1)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:
        ready.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])
if "LISTEN_FDS" in os.environ:
    listening = socket.socket(fileno=3)
else:
    listening = socket.create_server(("127.0.0.1", {port}), reuse_port=False)
while told not in select.select([listening, told], [], [])[0]:
    client, _ = listening.accept()
    client.sendall(b"{version}\\n")
    client.close()
"""

# Asks all the time; a line where the answer changes: "refused" where nobody listens, "closed" where
# no answer came.
CLIENT = f"""#!/usr/bin/python3
import socket, time
last = ""
while True:
    try:
        with socket.create_connection(("127.0.0.1", {PORT}), timeout=60) as one:
            said = one.recv(9).decode().strip() or "closed"
    except OSError as error:
        said = "refused" if isinstance(error, ConnectionRefusedError) else "reset"
    if said != last:
        print(said, flush=True)
    last = said
    time.sleep(0.003)
"""

# How debhelper's snippets treat a package with both units (compat 13; --no-restart-after-upgrade; of
# the service only; dh_installinit; restarted one after the other).
FLAVOURS = {
    "default": {
        "postinst": {"configure": RELOAD + "deb-systemd-invoke restart 'sockd.service' "
                     "'sockd.socket' >/dev/null || true"}},
    "no-restart": {
        "preinst": {"upgrade": "deb-systemd-invoke stop 'sockd.service' 'sockd.socket' >/dev/null "
                    "|| true"},
        "postinst": {"configure": RELOAD + "deb-systemd-invoke start 'sockd.service' "
                     "'sockd.socket' >/dev/null || true"}},
    "service-only": {
        "preinst": {"upgrade": "deb-systemd-invoke stop 'sockd.service' >/dev/null || true"},
        "postinst": {"configure": RELOAD + "deb-systemd-invoke start 'sockd.service' >/dev/null "
                     "|| true"}},
    "legacy": {
        "prerm": {"upgrade": "invoke-rc.d sockd stop || exit 1"},
        "postinst": {"configure": RELOAD + "invoke-rc.d sockd start || exit 1"}},
    "separate": {
        "postinst": {"configure": RELOAD +
                     "deb-systemd-invoke restart 'sockd.service' >/dev/null || true\n"
                     "deb-systemd-invoke restart 'sockd.socket' >/dev/null || true"}},
}


def sockd(version, scripts=None, requires=False, units=None, slow=False):
    """`slow`: it says when it is ready, a second after its start."""
    made = package("sockd", version, units or {
        "sockd.service": service("/usr/bin/sockd", unit="Requires=sockd.socket" if requires else "",
                                 service_lines="Type=notify" if slow else ""),
        "sockd.socket": socket(PORT)}, scripts=scripts or {})
    made.files["/usr/bin/sockd"] = DAEMON.format(version=version, starts=STARTS, port=PORT)
    made.modes["/usr/bin/sockd"] = "755 root:root"
    made.files["/usr/share/sockd/data"] = version + "\n"
    made.conffiles["/etc/sockd.conf"] = version + "\n"
    return made


def pair(scripts, **options):
    """The old version has those scripts that run of it in an upgrade."""
    old = {k: v for k, v in scripts.items() if k == "prerm"}
    return sockd("1.0", old, **options), sockd("2.0", scripts, **options)


def starts(world):
    return world.bed.run(f"cat {STARTS} 2>/dev/null").output.splitlines()


def mixtures(world):
    return [line for line in starts(world) if len(set(line.split())) != 1]


class Clients:
    """Some that ask all the time, until this ends."""

    def __init__(self, world, count=3):
        self.world, self.names = world, [f"client{i}" for i in range(count)]

    def __enter__(self):
        self.world.bed.write("/root/client", CLIENT, 0o755)
        for name in self.names:
            self.world.bed.must(f"systemd-run -q --unit={name} "
                                f"-p StandardOutput=file:/root/{name} /root/client")
        frontend.wait_until(lambda: all(self.said(n) for n in self.names), "answers")
        return self

    def __exit__(self, *_):
        self.world.bed.run(["systemctl", "stop", *self.names])

    def said(self, name):
        return self.world.bed.run(f"cat /root/{name}").output.split()

    def all_said(self):
        return [self.said(name) for name in self.names]
