# Runs in the grader's interpreter only. A comparison takes the candidate's answer, the reference's and the task's tolerance,
# and where it needs them the arguments of the call; the reference's source and entry, _harness_reference, stand behind this text.
import math as _harness_math

# Its answers are computed once, when the task is compiled.
_harness_constant = ["_harness_want"]
_harness_loaded = None


def _harness_want(*args):
    global _harness_loaded
    if _harness_loaded is None:
        source, entry = _harness_reference
        space = {"__name__": "reference"}
        exec(compile(source, "<reference>", "exec"), space)
        _harness_loaded = space[entry]
    return _harness_loaded(*args)


def _harness_floats(v):
    return isinstance(v, float) or isinstance(v, (list, tuple)) and len(v) > 0 and all(isinstance(x, float) for x in v)


def _harness_near(got, want, atol):
    # |got - want| <= atol + 1e-7 * |want|, element by element
    if isinstance(want, (list, tuple)):
        return isinstance(got, (list, tuple)) and len(got) == len(want) and all(_harness_near(g, w, atol) for g, w in zip(got, want))
    if not isinstance(want, (int, float, complex)) or not isinstance(got, (int, float, complex)):
        return False
    if got == want:
        return True
    if not all(_harness_math.isfinite(x) for v in (got, want) for x in (complex(v).real, complex(v).imag)):
        return False
    return abs(got - want) <= atol + 1e-7 * abs(want)


def _harness_decide(exact, got, want, atol):
    if not exact and atol == 0 and _harness_floats(want):
        atol = 1e-6
    if exact or atol == 0:
        return bool(exact)
    return type(got) is type(want) and _harness_near(got, want, atol)


def _harness_same(got, want, atol):
    return _harness_decide(got == want, got, want, atol)


def _harness_same_set(got, want, atol):
    return _harness_decide(set(got) == set(want), got, want, atol)


def _harness_same_existence(got, want, atol):
    return (want is not None) == (got if isinstance(got, bool) else got is not None)


def _harness_any(got):
    return True


def _harness_same_or_zero(got, want, atol):
    return got == 0 or _harness_same(got, want, atol)


def _harness_same_area(got, want, atol, base, height):
    # the height of the pyramid may be read as the distance of the base to the apex
    other = round(base**2 + 2 * base * _harness_math.sqrt((base / 2) ** 2 + height**2))
    return _harness_decide(got == want or abs(got - other) <= atol, got, want, atol)


def _harness_same_distance(got, want, atol, a, b):
    # the numbers may be filled up with zeros to one length
    a, b = str(a), str(b)
    width = max(len(a), len(b))
    other = sum(abs(int(x) - int(y)) for x, y in zip(a.zfill(width), b.zfill(width)))
    return _harness_decide(got == want or got == other, got, want, atol)


def _harness_same_root(got, want, atol, coefficients):
    # Where the reference finds no root, nobody has to be nearer to one. Its iteration does not converge for some inputs since sum()
    # compensates for rounding (CPython 3.12).
    def distance(x):
        return abs(sum(c * _harness_math.pow(x, i) for i, c in enumerate(coefficients)))

    return distance(got) <= max(atol, distance(want))
