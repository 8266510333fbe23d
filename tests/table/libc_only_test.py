"""What reads the table needs nothing but libc: no C++ library, and no memory of its own."""

import re
import subprocess
import sys

ASK, READER = sys.argv[1:3]
FORBIDDEN = r"\b(?:std::|__cxa_|__gxx_|operator (?:new|delete)|(?:m|c|re)alloc\b|_Unwind_).*"


def undefined(program):
    return subprocess.run(["nm", "-C", "--undefined-only", program], check=True,
                          capture_output=True, text=True).stdout


def symbols(program):
    return subprocess.run(["nm", "-C", program], check=True, capture_output=True,
                          text=True).stdout


wrong = [f"the reader needs {found}" for found in re.findall(FORBIDDEN, undefined(READER))]
if "openat" not in undefined(READER):
    wrong.append("that is not the reader's object file")
# malloc is libc's own here, which printf and the like call.
wrong += [f"{ASK} has {found}" for found in re.findall(r"\bstd::.*|__gxx_.*|operator new.*",
                                                       symbols(ASK))]
if "aptkeep::table::Reader::open" not in symbols(ASK):
    wrong.append(f"{ASK} is without the reader")
print("\n".join(wrong))
sys.exit(1 if wrong else 0)
