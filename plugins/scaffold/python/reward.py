"""NAME: a reward for harness."""

from harness.v1 import data_pb2

from harness_plugin import serve_reward

# One property per setting, each with its default: `harness run --reward NAME --set lines=20`.
SCHEMA = {
    "type": "object",
    "properties": {
        "lines": {"type": "integer", "minimum": 1, "default": 20, "description": "a program of that many lines is worth half"},
    },
    "additionalProperties": False,
}


def open_reward(settings):
    """Return the function that scores a group."""
    lines = settings["lines"]

    def score(sample):
        program = sample.evidence.program.decode("utf-8", "replace")
        verdict = getattr(sample.evidence.verdict, "class")
        if verdict == "infrastructure":
            return data_pb2.Score(abstain=True, note="not verified")
        if not program:
            return data_pb2.Score(note="no code")
        n = len(program.splitlines())
        return data_pb2.Score(value=lines / (lines + n), note=f"{n} lines")

    return lambda group: [score(s) for s in group.samples]


if __name__ == "__main__":
    serve_reward("NAME", "0.1.0", "shorter programs are better", SCHEMA, open_reward)
