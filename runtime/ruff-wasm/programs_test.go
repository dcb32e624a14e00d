package ruffwasm

// programs are small programs of our own, in the style of what models write, each with something for a linter to see.
var programs = []struct{ name, src string }{
	{"clean function", `def add(a, b):
    """Return the sum of two numbers."""
    return a + b
`},
	{"empty", ""},
	{"only a comment", "# nothing here\n"},
	{"no newline at the end", "def one():\n    return 1"},
	{"unused import and variable", `import os
import sys


def total(xs):
    unused = len(xs)
    return sum(xs)


print(sys.version)
`},
	{"undefined name", `def area(r):
    return math.pi * r * r
`},
	{"comparisons", `def check(x):
    if x == None:
        return False
    if not x in [1, 2]:
        return True
    return x == True
`},
	{"mutable default", `def push(item, stack=[]):
    stack.append(item)
    return stack
`},
	{"bare except", `def parse(s):
    try:
        return int(s)
    except:
        pass
`},
	{"dangerous calls", `import pickle
import subprocess


def run(cmd, blob):
    subprocess.call(cmd, shell=True)
    return eval(cmd), pickle.loads(blob)
`},
	{"lambda and ambiguous names", `f = lambda l: l + 1
O = f(1)
`},
	{"statements on one line", `x = 1; y = 2
if x: y = 3
`},
	{"import in the middle", `x = 1
import re

print(re.escape(str(x)))
`},
	{"format strings", `def show(name, n):
    print(f"hello")
    print("%s has %d" % (name,))
    print("{} {}".format(name, n))
`},
	{"old style", `class Point(object):
    def __init__(self, x):
        super(Point, self).__init__()
        self.x = x


print(u"x", str("y"), open("f", "r"))
`},
	{"names", `class my_class:
    def BadName(self, Arg):
        Local = Arg
        return Local
`},
	{"complex function", `def grade(a, b, c, d, e, f, g):
    if a:
        if b:
            if c:
                return 1
            elif d:
                return 2
            else:
                return 3
        elif e:
            return 4
    elif f:
        return 5
    elif g:
        return 6
    elif a and b:
        return 7
    elif c and d:
        return 8
    elif e and f:
        return 9
    return 10
`},
	{"loop variable in a closure", `def makers(n):
    out = []
    for i in range(n):
        out.append(lambda: i)
    for k, v in zip(range(n), out):
        print(v)
    return out
`},
	{"duplicate definitions and keys", `def twice():
    return {"a": 1, "a": 2}


def twice():
    return {1, 1}
`},
	{"control flow outside", `return 1
break
yield 2
await x
`},
	{"missing bracket", `def f(a, b:
    return a
`},
	{"python 2", `print "hello"
exec "x = 1"
raise ValueError, "no"
`},
	{"prose around code", "Here is the solution:\n```python\ndef f():\n    return 1\n```\n"},
	{"wrong indentation", "def f():\n    x = 1\n   return x\n"},
	{"unterminated string", "x = 'abc\ny = 2\n"},
	{"match and walrus", `def kind(v):
    match v:
        case {"type": t} if (n := len(t)) > 3:
            return n
        case [first, *_]:
            return first
        case _:
            return None
`},
	{"nested f-strings", "def f(a):\n    return f\"{a + f'{a!r:>{10}}'} {\"x\" if a else 'y'}\"\n"},
	{"tabs and trailing blanks", "def f():\n\tx = 1 \n\treturn x\n\n\n"},
	{"carriage returns", "import os\r\n\r\n\r\ndef f():\r\n    return 1\r\n"},
	{"lone carriage return", "x = 1\rimport os\r"},
	{"form feed", "import os\n\x0c\n\ndef f():\n    return 1\n"},
	{"byte order mark", "\ufeffimport os\n"},
	{"letters beyond ASCII", "größe = 1\nｘ = 'naïve – 😀'; import os\n"},
	{"long line", "numbers = [100000, 200000, 300000, 400000, 500000, 600000, 700000, 800000, 900000, 1000000]\n"},
	{"asserts and prints", "def f(x):\n    assert x > 0, \"positive\"\n    assert (x, \"always true\")\n    return x\n"},
	{"suppressed line", "import os  # noqa: F401\n"},
	{"suppressed file", "# ruff: noqa\nimport os\nx = 1 == None\n"},
	{"type comment", "import os  # type: ignore\n"},
}
