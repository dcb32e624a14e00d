# Runs in the grader's interpreter only. A comparison takes the candidate's answer, the arguments of the call and the
# task's tolerance; the reference, _harness_want, is defined behind this text.
import math as _harness_math


def _harness_load(source, entry):
    space = {"__name__": "reference"}
    exec(compile(source, "<reference>", "exec"), space)
    return space[entry]


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


def _harness_same(got, args, atol):
    want = _harness_want(*args)
    return _harness_decide(got == want, got, want, atol)


def _harness_same_set(got, args, atol):
    want = _harness_want(*args)
    return _harness_decide(set(got) == set(want), got, want, atol)


def _harness_same_existence(got, args, atol):
    want = _harness_want(*args) is not None
    return want == (got if isinstance(got, bool) else got is not None)


def _harness_any(got, args, atol):
    return True


def _harness_same_or_zero(got, args, atol):
    return got == 0 or _harness_same(got, args, atol)


def _harness_same_area(got, args, atol):
    # the height of the pyramid may be read as the distance of the base to the apex
    base, height = args
    other = round(base**2 + 2 * base * _harness_math.sqrt((base / 2) ** 2 + height**2))
    want = _harness_want(*args)
    return _harness_decide(got == want or abs(got - other) <= atol, got, want, atol)


def _harness_same_distance(got, args, atol):
    # the numbers may be filled up with zeros to one length
    a, b = map(str, args)
    width = max(len(a), len(b))
    other = sum(abs(int(x) - int(y)) for x, y in zip(a.zfill(width), b.zfill(width)))
    want = _harness_want(*args)
    return _harness_decide(got == want or got == other, got, want, atol)


def _harness_same_root(got, args, atol):
    (coefficients,) = args
    return abs(sum(c * _harness_math.pow(got, i) for i, c in enumerate(coefficients))) <= atol
