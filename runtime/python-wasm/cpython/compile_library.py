"""Compile the standard library at SOURCE to .pyc files without sources at TARGET: those of shard I of N.

    python compile_library.py SOURCE TARGET I N

The files are of the unchecked hash kind: they hold no time and the interpreter never looks for a source. Only modules
that are built into the interpreter are imported here, because no others have been compiled yet.
"""
import os
import sys
from importlib._bootstrap_external import _code_to_hash_pyc
from importlib.util import source_hash

# Modules that need what the sandbox lacks (terminals, processes, libraries that are not linked), and the tests.
SKIPPED = {
    "__pycache__", "_pyrepl", "ctypes", "curses", "dbm", "distutils", "ensurepip", "idlelib", "lib2to3", "multiprocessing",
    "pydoc_data", "site-packages", "sqlite3", "test", "tkinter", "turtledemo", "venv", "wsgiref", "xmlrpc",
}


def sources(root):
    for folder, subfolders, files in os.walk(root):
        subfolders[:] = sorted(set(subfolders) - SKIPPED)
        for name in sorted(files):
            if name.endswith(".py"):
                yield os.path.relpath(os.path.join(folder, name), root)


def main():
    source, target, shard, shards = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    for number, name in enumerate(sources(source)):
        if number % shards != shard:
            continue
        with open(os.path.join(source, name), "rb") as f:
            text = f.read()
        code = compile(text, "/lib/python3.13/" + name, "exec", dont_inherit=True, optimize=0)
        path = os.path.join(target, name + "c")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(_code_to_hash_pyc(code, source_hash(text), checked=False))


main()
