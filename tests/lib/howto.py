"""Plays a how-to of docs/howto: what a reader would type is run in a bed, and what the document
shows of the output has to come. tests/howto/README.md tells the marks."""

import pathlib
import re

FOLDER = pathlib.Path(__file__).resolve().parent.parent.parent / "docs/howto"
MARK = re.compile(r"<!-- test: (\w+)(?: (.*?))? -->")
FENCE = re.compile(r"```(\w*)$")


class HowtoError(Exception):
    """The document cannot be played, or shows what does not come."""


class Command:
    def __init__(self, number, text):
        self.number = number
        self.text = text
        self.shown = []  # lines
        self.exit_code = 0


def commands(number, lines, exit_code=0):
    """The commands of a block and what it shows behind each. `exit_code`: the last one's."""
    found = []
    for at, line in enumerate(lines):
        if found and found[-1].text.endswith("\\") and not found[-1].shown:
            found[-1].text = found[-1].text[:-1] + line.strip()
        elif line.startswith("# "):
            found.append(Command(number + at, line[2:]))
        elif not found:
            raise HowtoError(f"line {number + at}: a block of commands begins with \"# \"")
        else:
            found[-1].shown.append(line)
    if not found:
        raise HowtoError(f"line {number}: a block without a command")
    found[-1].exit_code = exit_code
    return found


def parse(text):
    """[("run", Command) | ("step", name) | ("file", path, content)] in the document's order."""
    parts, marks, block, kind, start = [], {}, None, "", 0
    for number, line in enumerate(text.splitlines(), 1):
        fence = FENCE.match(line)
        if block is not None:
            if line != "```":
                block.append(line)
                continue
            if "file" in marks:
                parts.append(("file", marks["file"], "\n".join(block) + "\n"))
            elif kind == "console" and "skip" not in marks:
                exit_code = int(marks.get("exit", 0))
                parts += [("run", c) for c in commands(start, block, exit_code)]
            elif kind not in ("text", "console"):
                raise HowtoError(f"line {start - 1}: a block is console, text, or has a test mark")
            marks, block = {}, None
            continue
        for mark, value in MARK.findall(line):
            if mark == "step":
                parts.append(("step", value))
            elif mark in ("exit", "file", "skip"):
                marks[mark] = value or ""
            else:
                raise HowtoError(f"line {number}: unknown mark {mark}")
        if fence:
            block, kind, start = [], fence.group(1), number + 1
    if block is not None:
        raise HowtoError(f"line {start - 1}: a block has no end")
    return parts


def missing(shown, output):
    """The first shown line that does not come, in order, in the output; None: all do. Within a
    line, ... stands for any text, alone in one for any lines."""
    rest = iter(output.splitlines())
    for line in shown:
        if line.strip() in ("", "..."):
            continue
        pattern = ".*".join(re.escape(piece) for piece in line.rstrip().split("..."))
        if not any(re.fullmatch(pattern, found.rstrip()) for found in rest):
            return line
    return None


def play(name, bed, steps):
    """Plays docs/howto/NAME. `steps`: what the document's step marks call, by name; each must be
    called. Returns how many commands were run; raises HowtoError with all output so far."""
    log, called, count = [], set(), 0
    for part in parse((FOLDER / name).read_text(encoding="utf-8")):
        if part[0] == "step":
            if part[1] not in steps:
                raise HowtoError(f"{name}: the test has no step {part[1]}")
            called.add(part[1])
            steps[part[1]]()
        elif part[0] == "file":
            bed.write(part[1], part[2])
        else:
            command = part[1]
            result = bed.run(command.text)
            count += 1
            log.append(f"# {command.text}\n{result.output}-> exit {result.code}")
            lacks = missing(command.shown, result.output)
            if result.code != command.exit_code or lacks is not None:
                raise HowtoError("\n".join(
                    [*log, f"{name}:{command.number}: exit status {result.code}, "
                           f"expected {command.exit_code}; not shown: {lacks}"]))
    if set(steps) != called:
        raise HowtoError(f"{name}: never calls {sorted(set(steps) - called)}")
    return count
