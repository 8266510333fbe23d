#!/usr/bin/python3
"""Our classes beside an outside opinion: piuparts' known problems. See tests/data/README.md."""

import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

TESTS = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TESTS / "lib"))

import known_problems  # noqa: E402

CLASSIFY = os.environ["CLASSIFY"]
KEPT = {"unknown", "refusal"}  # kept at once: neither tried again nor a reason to stop

# Their problem, the classes that we must then say.
COUNTERPARTS = {
    "conffile_prompt_error": {"refusal"},
    "overwrite_other_packages_files_error": {"transient"},
    "db_setup_error": {"transient"},
    "trigger_cycle_error": {"follow-up"},
    "command_not_found_error": KEPT,
    "insserv_error": KEPT,
    "module_build_error_error": KEPT,
}
SCRIPTS = {
    "pre_installation_script_error": "preinst",
    "post_installation_script_error": "postinst",
    "pre_removal_script_error": "prerm",
    "post_removal_script_error": "postrm",
}
# About what dpkg itself says, so that an example is its message and not a script's output.
SAID_BY_DPKG = {"conffile_prompt_error", "overwrite_other_packages_files_error"}
# Alternatives of theirs where we say something else, and why.
OTHERWISE = {
    "warning: database package not installed": (KEPT, "a warning, of which nothing fails"),
    "dbconfig-common: word configure: aborted": ({"refusal"}, "a person's no"),
    "dbconfig-common: word configure: ignoring errors from here forwards":
        (KEPT, "what follows is not a failure"),
    "updating database schema for wordxxxcommand failed with code 0":
        (KEPT, "no word on what went wrong"),
    "Non-default port in /etc/postgresql/word/main/postgresqlxconf":
        (KEPT, "it will be the same at the next try"),
}
# A cycle is not told apart from other reasons in the message that dpkg fails with
# ("triggers looping, abandoned"), and waits for nobody.
ONLY_RECORDED = {"trigger_cycle_error"}


def without_counterpart(name):
    """Why we have no class for it; None: it has to be looked at."""
    if name.endswith("_issue") or name in ("unclassified_failures",):
        return "of packages that went well, or the same regular expression as its …_error"
    after = ("after_purge", "after_removal", "files_in_usr_local", "debsums", "missing_md5sums",
             "obsolete_conffiles", "owned_files", "unowned_lib", "broken_symlinks", "diversion",
             "file_moved", "installs_over_symlink", "processes_running")
    if any(word in name for word in after):
        return "piuparts looks at files and processes when dpkg is done; no script failed"
    before = ("dependency_error", "immediate_configuration", "packages_have_been_kept_back",
              "pre_depends", "problems_and_no_force", "piuparts-depends-dummy", "unknown_purge")
    if any(word in name for word in before):
        return "words of apt's or piuparts' own, about calls that we do not make"
    if name == "resource_violation_error":
        return "piuparts' own time limit; a hang prints nothing that could be compared"
    return None


def samples():
    return sorted((TESTS / "data/failures").glob("*.txt"))


def classify(paths):
    """{name: (class, reaction, script)}"""
    out = subprocess.run([CLASSIFY, *map(str, paths)], check=True, capture_output=True,
                         text=True).stdout
    rows = [line.split("\t") for line in out.splitlines()]
    return {name: (found, reaction, script) for name, found, reaction, script in rows}


class PiupartsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.problems = known_problems.read()
        cls.ours = classify(samples())
        cls.hits = {problem: [path.stem for path in samples()
                              if re.search(pattern, path.read_text(encoding="utf-8"))]
                    for problem, pattern in cls.problems.items()}

    def test_each_of_their_problems_is_accounted_for(self):
        self.assertGreater(len(self.problems), 50)
        for name in [*COUNTERPARTS, *SCRIPTS]:
            self.assertIn(name, self.problems)
        left = [name for name in self.problems
                if name not in COUNTERPARTS and name not in SCRIPTS
                and not without_counterpart(name)]
        self.assertEqual(left, [])

    def test_recorded_failures_that_they_know(self):
        for problem, wanted in COUNTERPARTS.items():
            for name in self.hits[problem]:
                self.assertIn(self.ours[name][0], wanted, f"{name} is {problem}")
        # Else the loop above compares nothing.
        known = [problem for problem in COUNTERPARTS if self.hits[problem]]
        self.assertGreaterEqual(len(known), 4, known)

    def test_the_script_that_failed(self):
        compared = set()
        for problem, script in SCRIPTS.items():
            for name in self.hits[problem]:
                self.assertEqual(self.ours[name][2], script, name)
                compared.add(name)
        self.assertGreater(len(compared), 30)
        english = {name for name, row in self.ours.items() if row[2] and "german" not in name}
        said = {path.stem for path in samples() if "returned error" in
                path.read_text(encoding="utf-8")}
        self.assertEqual(english & said, compared, "those that they do not see")

    def test_what_has_no_counterpart_says_nothing_about_our_samples(self):
        strange = {problem: names for problem, names in self.hits.items()
                   if names and problem not in COUNTERPARTS and problem not in SCRIPTS
                   and not problem.endswith("_issue")}
        self.assertEqual(strange, {})

    def test_strings_made_from_their_expressions(self):
        with tempfile.TemporaryDirectory() as folder:
            wanted = {}
            for problem, classes in COUNTERPARTS.items():
                if problem in ONLY_RECORDED:
                    continue
                for number, text in enumerate(known_problems.examples(self.problems[problem])):
                    path = pathlib.Path(folder, f"{problem}-{number}.txt")
                    path.write_text(self.as_sample(problem, text), encoding="utf-8")
                    wanted[path] = (text, OTHERWISE.get(text, (classes, ""))[0])
            self.assertGreater(len(wanted), 15)
            found = classify(wanted)
            wrong = [f"{text!r}: {found[path.stem][0]}" for path, (text, classes) in wanted.items()
                     if found[path.stem][0] not in classes]
            self.assertEqual(wrong, [])
            texts = {text for text, _ in wanted.values()}
            self.assertEqual(set(OTHERWISE) - texts, set(), "of an older version of theirs")

    @staticmethod
    def as_sample(problem, text):
        said = "installed tst package post-installation script subprocess returned error " \
               "exit status 1"
        if problem in SAID_BY_DPKG:
            said, text = text, ""
        return f"class: unknown\nphase: configure\ndpkg-exit: 1\nmessage: {said}\n\n{text}\n"


if __name__ == "__main__":
    unittest.main()
