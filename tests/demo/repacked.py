"""Newer versions of real packages: the same files, repacked with dpkg-deb, some with a script that
fails."""

import hashlib
import pathlib
import re
import subprocess
import tempfile

import bed as beds
import cache
import pkg

SUFFIX = "+demo1"
# A package that has to do with none of the others.
UNRELATED = "unrelated"
FAIL = '#!/bin/sh\necho "{name}: {script} $1: failing for the demonstration" >&2\n{when}exit 1\n'
# Which scripts of the new version fail, and when, by the way a package is to fail.
NEW_SCRIPTS = {
    "preinst": {"preinst": ""},
    "prerm": {"prerm": '[ "$1" = failed-upgrade ] || exit 0\n'},
    "postrm": {"postrm": '[ "$1" = failed-upgrade ] || exit 0\n'},
    "abort": {"preinst": "", "postrm": '[ "$1" = abort-upgrade ] || exit 0\n'},
    "postinst": {"postinst": ""},
}


def break_installed(bed, failing):
    """Lets the installed version's own script fail where that is what is to be shown."""
    for name, (how, _) in failing.items():
        if how not in ("prerm", "postrm"):
            continue
        info = f"/var/lib/dpkg/info/{name}"
        if bed.path(f"{info}:{pkg.NATIVE}.list").exists():  # Multi-Arch: same
            info = f"{info}:{pkg.NATIVE}"
        when = '[ "$1" = upgrade ] || exit 0\n'
        bed.write(f"{info}.{how}", FAIL.format(name=name, script=how, when=when), 0o755)


def _installed(suite, packages):
    """name -> version of what `packages` brought in beyond the plain root."""
    query = ["dpkg-query", "-W", "-f", "${Package} ${Version}\\n"]
    found = []
    for needs in (packages, ()):
        with beds.fresh(suite, needs) as bed:
            found.append(dict(line.split() for line in bed.must(query).splitlines()))
    return {n: v for n, v in found[0].items() if n not in found[1]}


def _control(text, versions):
    """The control file of the new version; strict relations among the new versions follow."""
    for name, version in versions.items():
        old = re.escape(version)
        text = re.sub(rf"(?<![\w.+-]){re.escape(name)}(:\w+)? \(= {old}\)",
                      rf"{name}\1 (= {version}{SUFFIX})", text)
    return re.sub(r"^(Version: .*)$", rf"\g<1>{SUFFIX}", text, flags=re.M)


def _repack(deb, target, versions, how):
    with tempfile.TemporaryDirectory() as folder:
        tree = pathlib.Path(folder, "tree")
        subprocess.run(["dpkg-deb", "-R", deb, tree], check=True)
        control = tree / "DEBIAN/control"
        text = _control(control.read_text(encoding="utf-8"), versions)
        control.write_text(text, encoding="utf-8")
        name = re.search(r"^Package: (.*)$", text, re.M).group(1)
        for script, when in NEW_SCRIPTS.get(how, {}).items():
            path = tree / "DEBIAN" / script
            path.write_text(FAIL.format(name=name, script=script, when=when), encoding="utf-8")
            path.chmod(0o755)
        subprocess.run(["dpkg-deb", "-Znone", "-b", tree, target], check=True,
                       stdout=subprocess.DEVNULL)
    return text


def make(suite, packages, failing):
    """({name: new version}, (text of a Packages file, {file name: content}))"""
    versions = _installed(suite, packages)
    archives = cache.folder("archives", suite)
    stanzas, debs = [], {}
    for name, version in sorted(versions.items()):
        [deb] = archives.glob(f"{name}_{version.replace(':', '%3a')}_*.deb")
        with tempfile.NamedTemporaryFile(suffix=".deb") as target:
            text = _repack(deb, target.name, versions, failing.get(name, ("",))[0])
            content = pathlib.Path(target.name).read_bytes()
        file = f"{name}.deb"
        debs[file] = content
        stanzas.append(f"{text.rstrip()}\nFilename: ./{file}\nSize: {len(content)}\n"
                       f"SHA256: {hashlib.sha256(content).hexdigest()}\n")
    text, new = pkg.index([pkg.Package(UNRELATED, "1.0")], "./")
    return ({n: v + SUFFIX for n, v in versions.items()},
            ("\n".join([*stanzas, text]), {**debs, **new}))
