#!/usr/bin/python3
"""The command aptkeep: cli_test.py COMMAND MAKE_STATE SCHEMA

Root's commands run in a mount namespace with a /var/lib and a preferences.d of their own, so that
nothing of this machine is read or changed.
"""

import json
import os
import pty
import re
import stat
import subprocess
import sys
import tempfile
import unittest

import jsonschema

COMMAND, MAKE_STATE, SCHEMA = sys.argv[1:4]
NOBODY = 65534
PINS = "/etc/apt/preferences.d/0-aptkeep.pref"
RECORD = "/var/lib/aptkeep/state.db"


def run(*args, **more):
    return subprocess.run([COMMAND, *args], capture_output=True, stdin=subprocess.DEVNULL,
                          timeout=60, **more)


def on_terminal(*args, **environment):
    """What a command prints to a terminal."""
    environment = {**os.environ, "TERM": "xterm", "LC_ALL": "C.UTF-8", **environment}
    child, terminal = pty.fork()
    if child == 0:
        os.execve(COMMAND, [COMMAND, *args], environment)
    text = b""
    while True:
        try:
            more = os.read(terminal, 65536)
        except OSError:  # EIO: the other side is closed
            break
        if not more:
            break
        text += more
    os.waitpid(child, 0)
    os.close(terminal)
    return text


class Base(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="aptkeep-cli-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        os.chmod(self.folder, 0o755)

    def record(self, kind):
        path = os.path.join(self.folder, kind + ".db")
        if not os.path.exists(path):
            subprocess.run([MAKE_STATE, path, kind], check=True, timeout=60)
        return path

    def assert_refused(self, done, why=""):
        """One clear line, exit 2, nothing on standard output."""
        self.assertEqual(done.returncode, 2, done)
        self.assertEqual(done.stdout, b"")
        self.assertRegex(done.stderr, rb"\Aaptkeep: unable to [^\n]*\n\Z")
        self.assertIn(why.encode(), done.stderr)

    def in_namespace(self, script, kind="kept"):
        """A shell script as root, with a record of its own; returns what it did."""
        enter = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
        setup = (
            "set -eu; copy=$(mktemp -d); cp \"$2\" $copy/state.db\n"
            "mount -t tmpfs -o mode=755 own /var/lib; mkdir /var/lib/aptkeep\n"
            "mount -t tmpfs -o mode=755 own /etc/apt/preferences.d\n"
            "cp $copy/state.db " + RECORD + "; rm -r $copy; aptkeep=$1; set +e\n")
        return subprocess.run([*enter, "sh", "-c", setup + script, "sh", COMMAND,
                               self.record(kind)],
                              capture_output=True, timeout=60, stdin=subprocess.DEVNULL)


class Reading(Base):
    def test_status_names_security_first_and_ends_1(self):
        done = run("status", "--state", self.record("kept"))
        self.assertEqual((done.returncode, done.stderr), (1, b""))
        text = done.stdout.decode()
        self.assertTrue(text.startswith("SECURITY: the security update zsec:i386 2.0"), text)
        self.assertLess(text.index("zsec"), text.index("foo"))
        for part in ("3 packages are kept back", "its preinst ended with exit status 3",
                     "while it was unpacked", "last line", "aptkeep retry foo",
                     "was killed by SIGKILL", "dep kept: needs foo (= 2.0)", "(iF)",
                     "bar 3.0: would remove foo"):
            self.assertIn(part, text)

    def test_status_of_a_system_where_all_is_well(self):
        for kind in ("well", "empty"):
            done = run("status", "--state", self.record(kind))
            self.assertEqual((done.returncode, done.stdout), (0, b"No package is kept back.\n"))

    def test_status_shows_what_the_script_said_and_not_dpkg_below_it(self):
        text = run("status", "--state", self.record("kept")).stdout.decode()
        self.assertIn("| last line\n  next:", text)
        self.assertIn("too many errors", run("explain", "--state", self.record("kept"),
                                             "foo").stdout.decode())

    def test_status_names_a_run_without_an_end(self):
        done = run("status", "--state", self.record("unended"))
        self.assertEqual(done.returncode, 1)
        self.assertTrue(done.stdout.startswith(b"Run 1 was cut off: see aptkeep report 1\n"), done)
        done = run("status", "--json", "--state", self.record("unended"))
        self.assertEqual(done.returncode, 1)
        status = json.loads(done.stdout)
        self.assertEqual((status["cut_off"], status["all_well"]), (1, False))
        done = run("status", "--state", self.record("at-work"))
        self.assertEqual((done.returncode, done.stdout),
                         (0, b"Run 1 is at work: see aptkeep report 1\nNo package is kept back.\n"))
        self.assertIn(b"its preinst ended with exit status 3",
                      run("report", "1", "--state", self.record("unended")).stdout)

    def test_status_tells_what_was_put_back_and_what_was_not(self):
        done = run("status", "--state", self.record("back"))
        self.assertEqual((done.returncode, done.stderr), (1, b""))
        text = done.stdout.decode()
        for part in ("foo: put back to 1.0, 2.0 failed\n",
                     "  not as it was: /etc/foo: mode 0600, was 0640\n",
                     "    dep: put back to 1.0, 2.0 waits\n",
                     "fresh: removed again, 2.0 failed\n",
                     "db 2.0: unpacked, but not configured (uF)\n",
                     "  not put back, because its data were converted\n",
                     "  not put back, because putting it back failed\n"):
            self.assertIn(part, text)
        self.assertEqual(text.count("not put back"), 2)

    def test_explain_and_report_tell_of_the_way_back(self):
        text = run("explain", "--state", self.record("back"), "db").stdout.decode()
        self.assertIn("  not put back, because its data were converted\n", text)
        self.assertIn("  kind of failure: unknown\n", text)
        text = run("explain", "--state", self.record("kept"), "zsec:i386").stdout.decode()
        self.assertIn("  kind of failure: crash: a program crashed\n", text)
        self.assertIn("it is tried again by itself after a while", text)
        text = run("report", "--state", self.record("back")).stdout.decode()
        for part in ("failed, put back: upgrade foo 1.0 -> 2.0 [ii]\n      not as it was: /etc/foo",
                     "kept, put back: upgrade dep", "no 1.0, being put back: its postinst ended",
                     "no 2.0: its postinst ended", "a later try went well"):
            self.assertIn(part, text)

    def test_what_a_person_had_put_back_has_not_failed(self):
        record = self.record("request")
        for command in (["status"], ["explain", "foo"], ["explain", "dep"], ["report"]):
            text = run(*command, "--state", record).stdout.decode()
            self.assertNotIn("configured", text)
            self.assertEqual(text.count("failed"), int(command == ["report"]), text)
        self.assertIn("foo: put back to 1.0, 2.0 is not wanted\n  put back by a person on ",
                      run("status", "--state", record).stdout.decode())
        text = run("report", "--state", record).stdout.decode()
        self.assertIn("0 failed, 1 kept, 0 stranded, 0 not reached, 1 to be put back on request", text)
        self.assertIn("  put back: upgrade foo 1.0 -> 2.0 [ii]\n", text)

    def test_a_purge_that_failed(self):
        text = run("status", "--state", self.record("purge")).stdout.decode()
        self.assertIn("gone 1.0: its purge failed\n  its postrm ended with exit status 3 while it "
                      "was purged\n", text)
        self.assertNotIn("is tried by itself", text)
        text = run("report", "--state", self.record("purge")).stdout.decode()
        self.assertIn("\ngone: its postrm ended with exit status 3", text)

    def test_explain_follows_the_cause(self):
        done = run("explain", "--state", self.record("kept"), "dep")
        self.assertEqual(done.returncode, 0)
        text = done.stdout.decode()
        for part in ("dep kept: needs foo (= 2.0)", "foo failed", "its preinst", "first line",
                     "aptkeep release foo"):
            self.assertIn(part, text)
        self.assertEqual(run("explain", "--state", self.record("kept"), "dep:amd64").stdout,
                         done.stdout)

    def test_explain_of_what_went_through(self):
        done = run("explain", "--state", self.record("kept"), "ind")
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout, rb"^ind: not kept\. Run 1 .*upgrade 1\.0 -> 2\.0: done\n$")

    def test_report_and_runs(self):
        for run_number in ([], ["1"]):
            done = run("report", "--state", self.record("kept"), *run_number)
            self.assertEqual(done.returncode, 0)
            text = done.stdout.decode()
            for part in ("Run 1: apt-get -y dist-upgrade", "2 done, 2 failed, 1 kept",
                         "failed: upgrade foo 1.0 -> 2.0 [ii]", "done: install fresh -> 2.0"):
                self.assertIn(part, text)
        done = run("runs", "--state", self.record("kept"))
        self.assertRegex(done.stdout, rb"\n +1  20\d\d-.* 2 +2 +1  apt-get -y dist-upgrade\n")
        done = run("runs", "-n", "0", "--state", self.record("kept"))
        self.assertEqual(done.stdout.count(b"\n"), 1)

    def test_json_is_what_the_schema_says(self):
        with open(SCHEMA, encoding="utf-8") as file:
            schema = json.load(file)
        jsonschema.Draft202012Validator.check_schema(schema)
        # A stricter copy, to see that the schema leaves no member out.
        strict = json.loads(json.dumps(schema), object_hook=lambda node: {
            **node, "additionalProperties": False} if "properties" in node else node)
        for kind in ("kept", "back", "request", "well", "empty"):
            keeps = kind in ("kept", "back", "request")
            for command, code in (("status", int(keeps)), ("report", 0), ("runs", 0)):
                done = run(command, "--json", "--state", self.record(kind))
                self.assertEqual(done.returncode, code)
                document = json.loads(done.stdout.decode("utf-8"))
                jsonschema.validate(document, strict)
                if document is not None:
                    self.assertEqual(document["kind"], command)
                    broken = {**document, "format": 2}
                    with self.assertRaises(jsonschema.ValidationError):
                        jsonschema.validate(broken, schema)
        report = json.loads(run("report", "--json", "--state", self.record("kept")).stdout)
        self.assertEqual(report["steps"][0]["outcome"], "failed_old")
        self.assertEqual(report["failures"][1]["signal"], 9)
        self.assertIsNone(report["failures"][1]["exit_code"])
        report = json.loads(run("report", "--json", "--state", self.record("back")).stdout)
        self.assertEqual([step["rolled_back"] for step in report["steps"]], [True] * 3 + [False] * 4)
        self.assertEqual(report["steps"][3]["never_back"], "its data were converted")
        self.assertEqual(len(report["steps"][0]["remains"]), 2)
        self.assertEqual(report["steps"][3]["repair"], "restore the dump")
        self.assertEqual(report["steps"][3]["passed"], "forced past: guard queue-empty /q is unmet")
        self.assertEqual([len(step["backups"]) for step in report["steps"]], [0, 0, 0, 2, 0, 0, 0])
        self.assertEqual([report["steps"][0][k] for k in ("repair", "passed", "afterwards")], [None] * 3)
        self.assertIn("db is not done with", report["steps"][3]["afterwards"])
        self.assertEqual(report["failures"][5]["class"], "transient")
        status = json.loads(run("status", "--json", "--state", self.record("kept")).stdout)
        self.assertEqual([(keep["tries_again"], (keep["failure"] or {}).get("class"))
                          for keep in status["keeps"]],
                         [(False, "refusal"), (False, None), (True, "crash")])
        status = json.loads(run("status", "--json", "--state", self.record("request")).stdout)
        self.assertTrue(status["keeps"][0]["failure"]["on_request"])

    def test_what_scripts_print_cannot_command_a_terminal(self):
        for command in (["status"], ["explain", "foo"], ["report"]):
            done = run(*command, "--state", self.record("kept"))
            self.assertNotRegex(done.stdout, rb"[\x00-\x08\x0b-\x1f\x7f]")
            self.assertIn("| red ??", done.stdout.decode("utf-8"))

    def test_colour_on_a_terminal_only(self):
        args = ("status", "--state", self.record("kept"))
        self.assertIn(b"\x1b[1;31mSECURITY: the security update", on_terminal(*args))
        self.assertNotIn(b"\x1b", on_terminal(*args, NO_COLOR="1"))
        self.assertIn(b"\x1b", on_terminal(*args, NO_COLOR=""))
        self.assertNotIn(b"\x1b", on_terminal(*args, TERM="dumb"))
        self.assertNotIn(b"\x1b", run(*args).stdout)

    def test_an_ordinary_user_reads(self):
        if os.geteuid() != 0:
            self.fail("needs root, to become somebody else")
        done = run("status", "--state", self.record("kept"), user=NOBODY, group=NOBODY,
                   extra_groups=[])
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"sudo aptkeep retry foo", done.stdout)

    def test_a_full_disk_is_not_success(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([COMMAND, "status", "--state", self.record("well")], stdout=full,
                                  stderr=subprocess.PIPE, timeout=60)
        self.assertEqual((done.returncode, done.stderr),
                         (2, b"aptkeep: unable to write to standard output\n"))


class Refusing(Base):
    def test_wrong_arguments(self):
        for args in ([], ["bogus"], ["status", "x"], ["status", "--bogus"], ["report", "x"],
                     ["report", "0"], ["report", "-1"], ["report", "9" * 30], ["explain"],
                     ["explain", "a", "b"], ["runs", "-n", "x"], ["runs", "-n", "-1"],
                     ["runs", "--state"], ["release"], ["\x1b[31m\nstatus"],
                     ["release", "--state", "x", "foo"], ["retry", "--state", "x"],
                     ["retry", "--bogus"], ["rollback"], ["rollback", "--run", "x"],
                     ["rollback", "--run", "1", "foo"], ["rollback", "--run", "0"], ["resume", "x"],
                     ["rollback", "--state", "x", "foo"]):
            with self.subTest(args):
                self.assert_refused(run(*args))

    def test_records_that_cannot_be_read(self):
        damaged = os.path.join(self.folder, "damaged.db")
        with open(self.record("kept"), "rb") as good, open(damaged, "wb") as bad:
            content = bytearray(good.read())
            content[len(content) // 2:] = b"\xff" * (len(content) - len(content) // 2)
            bad.write(content)
        text = os.path.join(self.folder, "text")
        with open(text, "w", encoding="utf-8") as file:
            file.write("no database\n")
        for path, why in ((damaged, "it is damaged"), (text, "it is not a database"),
                          (self.folder, "it is a directory"), ("/nonexistent/x", "nothing is"),
                          (text + "/x", "Not a directory"), ("/dev/null", "not a regular file")):
            for command in (["status"], ["status", "--json"], ["report"], ["runs"],
                            ["explain", "foo"]):
                with self.subTest((path, command)):
                    self.assert_refused(run(*command, "--state", path), why)

    def test_what_is_not_on_record(self):
        record = self.record("kept")
        self.assert_refused(run("report", "99", "--state", record), "run 99: it is not on record")
        for name in ("nobody", "foo:i386", "", ":", "f*", "fo", "foo\n", "../x", "--"):
            with self.subTest(name):
                self.assert_refused(run("explain", "--state", record, "--", name))

    def test_an_ordinary_user_is_told_that_root_is_needed(self):
        if os.geteuid() != 0:
            self.fail("needs root, to become somebody else")
        for args in (["release", "foo"], ["retry"], ["retry", "foo"], ["rollback", "foo"],
                     ["rollback", "--run", "1"], ["resume"]):
            done = run(*args, user=NOBODY, group=NOBODY, extra_groups=[])
            self.assert_refused(done, "only root may do that")


class Root(Base):
    def test_nothing_recorded_yet(self):
        for command, text in (("status", "Nothing was recorded yet."), ("runs", "Nothing"),
                              ("report", "Nothing"), ("status --json", '"all_well": true'),
                              ("runs --json", '"runs": []'), ("report --json", "null"),
                              ("retry", "No package is kept back.")):
            done = self.in_namespace(f"rm {RECORD}; $aptkeep {command}; e=$?; ls /var/lib/aptkeep;"
                                     " exit $e")
            self.assertEqual((done.returncode, done.stderr), (0, b""), done)
            self.assertIn(text, done.stdout.decode())
            self.assertNotIn(b"state.db", done.stdout)
        done = self.in_namespace(f"rm {RECORD}; $aptkeep release foo")
        self.assert_refused(done, "unable to release foo: it is not kept back")

    def test_release_takes_the_pins_away(self):
        done = self.in_namespace(
            f"$aptkeep release zsec:i386; grep -h ^Package {PINS}; stat -c %a {PINS}; echo --\n"
            f"$aptkeep release foo; ls -A /etc/apt/preferences.d; $aptkeep status")
        self.assertEqual((done.returncode, done.stderr), (0, b""), done)
        first, second = done.stdout.decode().split("--\n")
        self.assertIn("zsec:i386 is no longer kept back", first)
        self.assertRegex(first, r"(?m)^Package: foo\b")
        self.assertRegex(first, r"(?m)^Package: bar\b")
        self.assertNotIn("Package: zsec", first)
        self.assertNotIn("Package: dep", first)
        self.assertRegex(first, r"(?m)^644$")
        self.assertIn("foo is no longer kept back.\n", second)
        self.assertIn("dep is no longer kept back.\n", second)
        self.assertNotIn("0-aptkeep.pref", second)
        self.assertTrue(second.endswith("No package is kept back.\n"))

    def test_one_wrong_name_changes_nothing(self):
        for command in ("release foo nobody", "retry foo nobody", "release nobody foo"):
            done = self.in_namespace(f"$aptkeep {command}; ls -A /etc/apt/preferences.d;"
                                     " $aptkeep status --json")
            self.assertRegex(done.stderr, rb"\Aaptkeep: unable to re\w+ nobody: it is not kept "
                                          rb"back\n\Z")
            status = json.loads(done.stdout)
            self.assertEqual(len(status["keeps"]), 3)

    def test_a_leftover_pins_file_is_replaced_not_followed(self):
        done = self.in_namespace(
            f"echo precious >/var/lib/precious; ln -s /var/lib/precious {PINS}\n"
            f"$aptkeep release zsec >/dev/null; cat /var/lib/precious; test -L {PINS}; echo $?")
        self.assertEqual(done.stdout, b"precious\n1\n", done)

    def test_a_pins_file_that_cannot_be_written(self):
        done = self.in_namespace(
            "mount -o remount,ro /etc/apt/preferences.d; $aptkeep release zsec:i386")
        self.assertEqual(done.returncode, 2)
        self.assertEqual(done.stderr, b"aptkeep: unable to write " + PINS.encode() +
                         b": Read-only file system\n")

    def test_the_environment_does_not_redirect(self):
        done = self.in_namespace(
            f"HOME=/tmp APTKEEP_STATE=/x STATE=/x SQLITE_TMPDIR=/x TMPDIR=/x $aptkeep release zsec"
            f">/dev/null; stat -c %n {PINS} {RECORD}; ls /x")
        self.assertEqual(done.stdout.decode().split(), [PINS, RECORD])


class General(Base):
    def test_version_and_help(self):
        self.assertRegex(run("--version").stdout, rb"\Aaptkeep \d+\.\d+\.\d+\n\Z")
        text = run("--help").stdout.decode()
        for command in ("status", "explain", "report", "runs", "retry", "release", "rollback",
                        "resume", "plan", "rules"):
            self.assertIn(command, text)
            self.assertEqual(run(command, "--help").returncode, 0)

    def test_the_manual_page_has_every_command_and_option(self):
        page = os.path.join(os.path.dirname(SCHEMA), "aptkeep.8")
        done = subprocess.run(["man", "--warnings", "-l", page], capture_output=True, timeout=60,
                              env={**os.environ, "MANWIDTH": "100", "LC_ALL": "C.UTF-8"})
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        text = re.sub(r".\x08", "", done.stdout.decode())
        for command in (["status"], ["explain"], ["report"], ["runs"], ["retry"], ["release"],
                        ["rollback"], ["resume"], ["plan"], ["rules", "check"],
                        ["rules", "test"]):
            help_text = run(*command, "--help").stdout.decode()
            for option in set(re.findall(r"--[a-z]+|\s-[a-z]\b", help_text)) - {"--help", " -h"}:
                self.assertIn(option.strip(), text, command)

    def test_the_program_is_not_set_up_to_be_more_than_its_caller(self):
        self.assertFalse(os.stat(COMMAND).st_mode & (stat.S_ISUID | stat.S_ISGID))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[4:])
