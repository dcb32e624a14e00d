"""Nine snippets that spend their time in one part of the interpreter each, 20 to 50 ms of a native CPython.

Every function in SNIPPETS takes nothing, has no effect and returns the same value each time, whatever the platform. Nothing but
math and re is needed.
"""
import math
import re


def fib():  # calls
    def go(n):
        return n if n < 2 else go(n - 1) + go(n - 2)
    return go(28)


def sieve():  # stores into a list
    n = 800000
    prime = [True] * (n + 1)
    prime[0] = prime[1] = False
    i = 2
    while i * i <= n:
        if prime[i]:
            for j in range(i * i, n + 1, i):
                prime[j] = False
        i += 1
    return sum(prime)


def strings():  # formatting, splitting, joining
    total = 0
    for i in range(45000):
        text = "abc %d def %s" % (i, str(i)[::-1])
        parts = text.upper().replace("DEF", "x").split()
        total += len("-".join(parts)) + parts[-1].count("1")
    return total


def dicts():  # look-ups, and a sort by a key
    table = {}
    for i in range(300000):
        key = (i * 7919) % 10007
        table[key] = table.get(key, 0) + i
    best = sorted(table.items(), key=lambda kv: (-kv[1], kv[0]))[0]
    return best[0] * 1000003 + best[1]


def lcs():  # a table of lists: the usual dynamic programming
    a, b = "abcde" * 96, "badce" * 96
    row = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            if a[i - 1] == b[j - 1]:
                row[i][j] = row[i - 1][j - 1] + 1
            else:
                row[i][j] = max(row[i - 1][j], row[i][j - 1])
    return row[-1][-1]


def regex():  # C code with a loop of its own
    text = "the quick brown fox jumps over the lazy dog 12345 " * 120
    total = 0
    for _ in range(120):
        total += len(re.findall(r"[a-z]+o[a-z]*", text))
        total += len(re.sub(r"\d+", "#", text))
        total += len(re.split(r"\s+", text))
    return total


def floats():  # numbers in boxes
    total = 0.0
    for i in range(1, 300000):
        total += math.sqrt(i) * math.sin(i) / (i + 1.5)
    return round(total, 6)


def bigint():  # arithmetic on digits of 30 bits
    value = 0
    for k in range(180):
        product = math.factorial(1000 + k) * math.factorial(900)
        value = (value + product // math.factorial(800) + pow(3, 700 + k, product)) % 1000000007
    return value


def classes():  # instances, attributes, methods
    class Point:
        def __init__(self, x, y):
            self.x = x
            self.y = y

        def plus(self, other):
            return Point(self.x + other.x, self.y + other.y)

    point, step = Point(0, 0), Point(1, 2)
    for _ in range(220000):
        point = point.plus(step)
    return point.x + point.y


SNIPPETS = [fib, sieve, strings, dicts, lcs, regex, floats, bigint, classes]
