"""What may become of a conffile from one version to the next, and what the admin may have done to it
before: the kinds of tests/rollback/conffile_matrix_test.py."""

import dataclasses

A, B, C = "shipped first\n", "shipped by what fails\n", "shipped at last\n"
MINE = "by hand\n"


@dataclasses.dataclass
class Kind:
    """Conffiles are named by their base name; the admin's commands are run in their folder."""
    name: str
    old: dict           # of 1.0: base name -> text
    failing: dict       # of 2.0
    fixed: dict         # of 2.1
    admin: str = ""     # sh, while 1.0 is installed
    before: dict = None  # of 0.9, installed before 1.0 if given
    removed: tuple = ()  # flagged remove-on-upgrade in 2.0 and 2.1
    # base name -> text in a package that has taken it over, in 2.0 and 2.1
    taken: dict = dataclasses.field(default_factory=dict)


def _edit(text=MINE):
    return f"printf %s '{text}' >x"


def _x(text):
    return {"x": text} if text else {}


def _kind(name, old, failing, fixed, admin="", **more):
    return Kind(name, _x(old), _x(failing), _x(fixed), admin, **more)


def kinds():
    """All of them: unedited, edited, deleted, new, removed, and what lies beside those."""
    found = []
    for what, admin in (("unedited", ""), ("edited", _edit()), ("deleted", "rm x"),
                        ("chmod", "chmod 640 x; chgrp mail x"),
                        ("symlink", "mv x real; ln -s real x"),
                        ("symlink-edited", f"{_edit()}; mv x real; ln -s real x")):
        found += [_kind(what, A, B, C, admin),
                  # Which stock takes for no change at all, whatever has been in between.
                  _kind(f"{what}-back-to-old", A, B, A, admin),
                  _kind(f"{what}-stays-as-failed", A, B, B, admin)]
    for what, admin in (("edited", _edit()), ("deleted", "rm x")):
        found += [_kind(f"{what}-unchanged-at-first", A, A, C, admin),
                  _kind(f"{what}-never-changed", A, A, A, admin),
                  _kind(f"{what}-then-removed", A, None, None, admin),
                  _kind(f"{what}-removed-comes-back", A, None, C, admin),
                  _kind(f"{what}-removed-comes-back-as-was", A, None, A, admin)]
    found += [
        _kind("edited-like-failed", A, B, C, _edit(B)),
        _kind("edited-like-fixed", A, B, C, _edit(C)),
        _kind("removed", A, None, None),
        _kind("removed-comes-back", A, None, C),
        _kind("removed-comes-back-as-was", A, None, A),
        _kind("removed-on-upgrade", A, None, None, removed=("x",)),
        _kind("removed-on-upgrade-edited", A, None, None, _edit(), removed=("x",)),
        _kind("new", None, B, C),
        _kind("new-then-not", None, B, None),
        _kind("new-over-the-admins", None, B, C, _edit()),
        _kind("new-over-the-admins-then-not", None, B, None, _edit()),
        _kind("new-over-the-same", None, B, C, _edit(B)),
        # Obsolete in 1.0 already.
        _kind("obsolete", None, None, None, before={"x": A}),
        _kind("obsolete-edited", None, None, None, _edit(), before={"x": A}),
        _kind("obsolete-comes-back", None, B, C, before={"x": A}),
        _kind("obsolete-comes-back-edited", None, B, C, _edit(), before={"x": A}),
        _kind("leftovers", A, B, C, f"{_edit()}; for s in old dist bak; do echo $s >x.dpkg-$s; done"),
        Kind("several", {"x": A, "y": A, "z": A}, {"x": B, "y": B, "new": B},
             {"x": C, "y": C, "new": C}, "echo more >>y; rm z"),
    ]
    for what, admin in (("taken", ""), ("taken-edited", _edit()), ("taken-deleted", "rm x")):
        found += [_kind(what, A, None, None, admin, taken={"x": B}),
                  _kind(f"{what}-as-was", A, None, None, admin, taken={"x": A})]
    return found
