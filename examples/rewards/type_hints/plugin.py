"""type_hints: a reward for annotated programs, as far as they pass their tests.

A plugin without any Go: gRPC stubs generated from harness's .proto files, and harness_plugin.py.
"""

import ast

from harness.v1 import data_pb2

from harness_plugin import serve_reward

SCHEMA = {
    "type": "object",
    "properties": {
        "gate": {
            "type": "string",
            "enum": ["tests", "none"],
            "default": "tests",
            "description": "tests: hints count only as far as tests pass; none: always",
        },
    },
    "additionalProperties": False,
}


def hinted(program):
    """Return how many places for a type hint a program has, and how many of them are used."""
    places = used = 0
    for node in ast.walk(ast.parse(program)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            args = node.args
            named = [a for a in args.posonlyargs + args.args + args.kwonlyargs + [args.vararg, args.kwarg] if a]
            hints = [a.annotation for a in named if a.arg not in ("self", "cls")] + [node.returns]
            places += len(hints)
            used += sum(h is not None for h in hints)
    return places, used


def passed(verdict):
    """Return the share of tests that passed."""
    classes = [getattr(t, "class") for t in verdict.tests]  # the field is named as in core, and class is a word of Python's
    return classes.count("passed") / len(classes) if classes else 0.0


def open_reward(settings):
    def score(sample):
        verdict = sample.evidence.verdict
        if getattr(verdict, "class") == "infrastructure":
            return data_pb2.Score(abstain=True, note="not verified")
        try:
            places, used = hinted(sample.evidence.program.decode("utf-8", "replace"))
        except (SyntaxError, ValueError, RecursionError, MemoryError):  # what a hostile program makes of a parser
            return data_pb2.Score(note="does not parse")
        value = used / places if places else 0.0
        if settings["gate"] == "tests":
            value *= passed(verdict)
        return data_pb2.Score(value=value, note=f"{used} of {places} hints")

    return lambda group: [score(s) for s in group.samples]


if __name__ == "__main__":
    serve_reward("type-hints", "1.0.0", "the share of type hints, as far as tests pass", SCHEMA, open_reward)
