"""The reader of *.scenario files. README.md tells the format."""

import dataclasses
import re

import pkg

SECTIONS = ("stock", "architectures", "suites", "needs", "installed", "repository", "repository+",
            "aptkeep", "graph", "remember", "run", "expect")


# What a package may have at a path -> the part of pkg.Package that holds it.
CONTENTS = {"link": "links", "hard-link": "hard_links", "mode": "modes"}
TEXTS = {"file": "files", "conffile": "conffiles"}


class FormatError(Exception):
    pass


@dataclasses.dataclass
class Section:
    kind: str
    argument: str
    line: int
    lines: list  # (line number, text)


@dataclasses.dataclass
class Expectation:
    states: dict = dataclasses.field(default_factory=dict)  # key -> (state, version)
    apt_clean: bool = True
    audit_clean: bool = True
    pins: list = None     # "foo 2.0"; None: not looked at
    files: dict = dataclasses.field(default_factory=dict)   # path -> text; None: no such file
    links: dict = dataclasses.field(default_factory=dict)   # path -> target
    modes: dict = dataclasses.field(default_factory=dict)   # path -> "4755 root:mail"
    as_before: list = dataclasses.field(default_factory=list)  # packages


def read(path):
    """All sections of a file, in order. Every line must mean something."""
    sections = []
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            line = line.rstrip("\n")
            if not line.strip() or line.startswith("#"):
                continue
            header = re.fullmatch(r"\[([a-z+]+)\]\s*(.*)", line)
            if header:
                kind, argument = header.groups()
                if kind not in SECTIONS:
                    raise FormatError(f"{path}:{number}: unknown section [{kind}]")
                sections.append(Section(kind, argument, number, []))
            elif sections and not line.startswith("["):
                sections[-1].lines.append((number, line))
            else:
                raise FormatError(f"{path}:{number}: neither a section nor a line in one")
    kinds = [s.kind for s in sections]
    for section in sections:
        if any(line.startswith("as-before:") for _, line in section.lines):
            if "remember" not in kinds[:sections.index(section)]:
                raise FormatError(f"{path}:{section.line}: as-before, and nothing was remembered")
    if not any(s.kind == "expect" for s in sections):
        raise FormatError(f"{path}: expects nothing")
    return sections


def words(sections, kind):
    """The arguments of the sections of a kind, as one list."""
    return [w for s in sections if s.kind == kind for w in s.argument.split()]


def _package_lines(section):
    """[(number, head line, [(number, key, text)])]"""
    heads = []
    for number, line in section.lines:
        if not line.startswith(" "):
            heads.append((number, line, []))
        elif line.startswith("    ") and heads and heads[-1][2]:
            at, key, text = heads[-1][2][-1]
            heads[-1][2][-1] = (at, key, f"{text}\n{line.strip()}" if text else line.strip())
        elif heads and ":" in line:
            key, text = line.strip().split(":", 1)
            heads[-1][2].append((number, key.strip(), text.strip()))
        else:
            raise FormatError(f"line {number}: neither a package nor a `key: value` of one")
    return heads


def _apply(package, number, key, text):
    what, _, rest = key.partition(" ")
    if what in pkg.SCRIPTS:
        package.scripts.setdefault(what, {})[rest or "*"] = text
    elif what in CONTENTS and rest.startswith("/"):
        getattr(package, CONTENTS[what])[rest] = text
    elif what in TEXTS and rest.startswith("/"):
        getattr(package, TEXTS[what])[rest] = text + "\n"
    elif what == "folder" and rest.startswith("/"):
        package.folders.append(rest)
        if text:
            package.modes[rest] = text
    elif what == "without":
        for path in text.split():
            package.without(path)
    elif what == "template" and rest:
        known = package.control_files.get("templates", "")
        package.control_files["templates"] = f"{known}\nTemplate: {rest}\n{text.strip()}\n".lstrip()
    elif what == "triggers":
        package.triggers = text
    elif re.fullmatch(r"[A-Z][A-Za-z-]+", key):
        if text:
            package.fields[key] = text
        else:
            package.fields.pop(key, None)
    else:
        raise FormatError(f"line {number}: unknown key {key}")


def packages(section, known):
    """The packages of an [installed] or [repository] section. `known`: key -> the last one named,
    for `* VERSION` and for packages that have a predecessor; brought up to date."""
    made = {}
    for number, head, details in _package_lines(section):
        *names, version = head.split()
        if not names:
            raise FormatError(f"line {number}: a package without a version")
        for name in known.copy() if names == ["*"] else names:
            name, _, arch = name.partition(":")
            key = name if arch in ("", "all", pkg.NATIVE) else f"{name}:{arch}"
            if key in made and made[key].version == version:
                package = made[key]
            elif key in known:
                package = known[key].successor(version)
            else:
                package = pkg.Package(name, version, arch or pkg.NATIVE)
            for at, detail, text in details:
                _apply(package, at, detail, text)
            made[key] = package
    known.update(made)
    return list(made.values())


def expectation(section):
    if section.argument not in ("", "some", "the least kept set", "none upgraded"):
        raise FormatError(f"line {section.line}: unknown [expect] {section.argument}")
    expected = Expectation()
    for number, line in section.lines:
        # A version may have an epoch.
        halves = re.fullmatch(r"(.+?):(?:\s+(.*))?", line)
        if not halves:
            raise FormatError(f"line {number}: not `what: value`")
        key, text = halves.group(1), (halves.group(2) or "").strip()
        what, _, rest = key.partition(" ")
        if what == "absent":
            expected.states.update({name: ("", "") for name in text.split()})
        elif what == "file" and rest:
            expected.files[rest] = text
        elif what == "link" and rest:
            expected.links[rest] = text
        elif what == "mode" and rest:
            expected.modes[rest] = text
        elif key == "as-before":
            expected.as_before += text.split()
        elif what == "no-file":
            expected.files.update({name: None for name in text.split()})
        elif key == "pins":
            expected.pins = [] if text == "none" else [p.strip() for p in text.split(",")]
        elif key in ("apt", "audit") and text in ("clean", "not clean"):
            setattr(expected, key + "_clean", text == "clean")
        elif re.fullmatch(r"[uihrp][a-zA-Z]R?|rc", what) and rest:
            expected.states.update({name: (what, rest) for name in text.split()})
        else:
            raise FormatError(f"line {number}: unknown expectation {key}")
    return expected


@dataclasses.dataclass
class Run:
    command: str
    exit_code: int = 0
    has: list = dataclasses.field(default_factory=list)
    lacks: list = dataclasses.field(default_factory=list)


def run(section):
    wanted = Run(section.argument)
    for number, line in section.lines:
        key, _, text = line.partition(":")
        if key == "exit" and text.strip().isdigit():
            wanted.exit_code = int(text)
        elif key == "has" and text.strip():
            wanted.has.append(text.strip())
        elif key == "lacks" and text.strip():
            wanted.lacks.append(text.strip())
        else:
            raise FormatError(f"line {number}: not `exit:`, `has:` or `lacks:`")
    if not wanted.command:
        raise FormatError(f"line {section.line}: [run] without a command")
    return wanted
