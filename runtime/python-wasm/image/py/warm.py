# Runs once, before the snapshot: modules that programs and tests are likely to import are imported here, so that no program pays
# for it. A module that is missing fails the build of the image.
import sys

for _name in """
abc array ast asyncio base64 binascii bisect builtins calendar cmath codecs collections collections.abc contextlib copy csv
dataclasses datetime decimal difflib enum errno fnmatch fractions functools gc hashlib heapq hmac html inspect io itertools json
keyword linecache locale logging math numbers operator os os.path pathlib pickle platform pprint queue random re reprlib secrets
select shlex signal socket stat statistics string struct sys tempfile textwrap threading time timeit token tokenize traceback types
typing unicodedata unittest unittest.mock urllib.parse uuid warnings weakref
encodings.ascii encodings.idna encodings.latin_1 encodings.utf_8 encodings.utf_16 encodings.utf_32
""".split():
    __import__(_name)

import asyncio

import _virtual_loop

_virtual_loop.install()

# The first use of these fills caches that every program would fill again.
import re
import decimal

re.compile(r"[a-z]+\s*(\d+)?")
re.purge()
decimal.getcontext()
"{:.2f} {!r:>8} {}".format(1.5, "a", [1])


# What a Python that was started as usual has among its builtins.
import _sitebuiltins
import builtins

builtins.exit = _sitebuiltins.Quitter("exit", "Ctrl-D (i.e. EOF)")
builtins.quit = _sitebuiltins.Quitter("quit", "Ctrl-D (i.e. EOF)")
builtins.help = _sitebuiltins._Helper()


# Functions that the reactor's C calls.
def finish(awaitable, _run=asyncio.run):
    async def wait():
        return await awaitable

    return _run(wait())


def finished(ask):
    return ask()
    yield


def generator(items):
    yield from items
