"""qmail queues on a real file system, whose messages are known by what is in their files."""

import os
import pathlib
import random
import shutil
import subprocess

SPLIT = 23
USERS = (1001, 1002, 1003, 1000)  # qmailq, qmails, qmailr, group qmail
Q, S, R, GROUP = USERS
SPLIT_PARTS = ("mess", "info", "local", "remote")
PARTS = (*SPLIT_PARTS, "todo", "intd", "bounce")
SENDER = ("info", "local", "remote", "bounce")


def mode_of(part):
    return 0o600 if part in SENDER else 0o644


def owner_of(part):
    return S if part in SENDER else Q


class Queue:
    """As qmail's installer makes it (hier.c)."""

    def __init__(self, path, split=SPLIT):
        self.path = pathlib.Path(path)
        self.split = split
        self.messages = {}  # text -> {part: text of its file}
        self.folder("", Q, 0o750)
        for part, user, mode in (("mess", Q, 0o750), ("info", S, 0o700), ("local", S, 0o700),
                                 ("remote", S, 0o700)):
            self.folder(part, user, mode)
            for number in range(split):
                self.folder(f"{part}/{number}", user, mode)
        for part, user, mode in (("todo", Q, 0o750), ("intd", Q, 0o700), ("pid", Q, 0o700),
                                 ("bounce", S, 0o700), ("lock", Q, 0o750)):
            self.folder(part, user, mode)
        self.file("lock/sendmutex", b"", S, 0o600)
        self.file("lock/tcpto", bytes(1024), R, 0o644)
        os.mkfifo(self.path / "lock/trigger")
        self.own("lock/trigger", S, 0o622)

    def own(self, name, user, mode):
        os.chown(self.path / name, user, GROUP)
        (self.path / name).chmod(mode)

    def folder(self, name, user, mode):
        (self.path / name).mkdir(exist_ok=True)
        self.own(name, user, mode)

    def file(self, name, content, user, mode):
        (self.path / name).write_bytes(content)
        self.own(name, user, mode)

    def new_mess(self, text):
        """A mess file with the text, not yet under a number; its path and inode number."""
        path = self.path / "pid" / text
        self.file(f"pid/{text}", text.encode(), Q, 0o644)
        return path, path.stat().st_ino

    def place(self, text, number, parts, folder=None, mess=None):
        """The message `text` under `number`, with files in `parts`."""
        folder = number % self.split if folder is None else folder
        source = mess or self.new_mess(text)[0]
        source.rename(self.path / f"mess/{folder}/{number}")
        self.messages[text] = {}
        for part in parts:
            below = f"{part}/{folder}" if part in SPLIT_PARTS else part
            content = f"{part} of {text}"
            self.file(f"{below}/{number}", content.encode(), owner_of(part), mode_of(part))
            self.messages[text][part] = content

    def fault(self, seed, count=10):
        """Messages that a restore has given other inode numbers, in cycles and chains, with new mail
        among them and a part of them in another split's folders."""
        rng = random.Random(seed)
        made = [self.new_mess(f"m{i}") for i in range(count)]
        own = [inode for _, inode in made]
        numbers = rng.sample(own, count)
        for i in range(6, count, 7):  # new mail
            at = numbers.index(own[i])
            numbers[at], numbers[i] = numbers[i], numbers[at]
        numbers[0] = max(own) + 100000  # a chain's end: a number of no message
        for i, ((path, _), number) in enumerate(zip(made, numbers)):
            parts = [["todo", "intd"], ["info", "local"], ["info", "remote", "bounce"],
                     ["info", "local", "remote"], []][i % 5]
            self.place(f"m{i}", number, parts, number % 19 if i % 4 == 1 else None, path)
        return self

    def stray(self, part, number, text="stray"):
        below = f"{part}/{number % self.split}" if part in SPLIT_PARTS else part
        self.file(f"{below}/{number}", text.encode(), owner_of(part), mode_of(part))

    def snapshot(self):
        """path -> (inode, owner, mode, size), of all that is in it."""
        found = {}
        for folder, folders, files in os.walk(self.path):
            for name in (*folders, *files):
                path = pathlib.Path(folder, name)
                info = path.lstat()
                found[str(path.relative_to(self.path))] = (
                    info.st_ino, info.st_uid, info.st_gid, info.st_mode, info.st_size)
        return found

    def found(self):
        """text of a message -> {part: text}, by what qmail finds under the inode numbers."""
        messages = {}
        for mess in self.path.glob("mess/*/*"):
            number = mess.name
            if not number.isdigit() or mess.is_symlink() or not mess.is_file():
                continue
            parts = {}
            for part in PARTS[1:]:
                below = f"{part}/{mess.parent.name}" if part in SPLIT_PARTS else part
                path = self.path / below / number
                if path.exists():
                    parts[part] = path.read_text()
            messages[mess.read_text()] = parts
        return messages

    def wrong_names(self):
        return [str(m) for m in self.path.glob("mess/*/*")
                if m.name != str(m.stat().st_ino) or
                int(m.parent.name) != m.stat().st_ino % self.split]

    def copy_again(self):
        """As a restore leaves it: every file has another inode number."""
        copy = self.path.with_name(self.path.name + ".copy")
        subprocess.run(["cp", "-a", self.path, copy], check=True)
        shutil.rmtree(self.path)
        copy.rename(self.path)

    def remove(self):
        shutil.rmtree(self.path)


def aptkeep(*words, wrapper=(), cwd="/", stdout=subprocess.PIPE):
    done = subprocess.run([*wrapper, os.environ["APTKEEP_COMMAND"], "queue", *words], cwd=cwd,
                          stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE,
                          text=True, check=False, timeout=120)
    return done.returncode, done.stdout, done.stderr


def check(queue, *words, **options):
    return aptkeep("check", "--users", ",".join(map(str, USERS)), *words, str(queue.path),
                   **options)
