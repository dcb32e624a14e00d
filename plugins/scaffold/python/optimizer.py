"""NAME: an optimizer for harness."""

from harness.v1 import optimizer_pb2

from harness_plugin import serve_optimizer

# One property per setting, each with its default: `harness run --optimizer NAME --set scale=0.5`.
SCHEMA = {
    "type": "object",
    "properties": {
        "scale": {"type": "number", "exclusiveMinimum": 0, "default": 1.0, "description": "multiplies every advantage"},
    },
    "additionalProperties": False,
}


class Optimizer:
    """REINFORCE with the group's mean as baseline: L = -1/tokens sum_it A_i log p_it."""

    def __init__(self, settings):
        self.scale = settings["scale"]

    def needs(self):
        return optimizer_pb2.NeedsResponse(skip_idle=True)

    def advantages(self, groups):
        return [self._group(scores) for scores in groups]

    def _group(self, scores):
        values = [s.value for s in scores if not s.abstain]
        mean = sum(values) / len(values) if values else 0.0
        return [0.0 if s.abstain else self.scale * (s.value - mean) for s in scores]

    def loss(self, b):
        tokens = max(b.total_tokens or sum(b.mask), 1)
        value, grad = 0.0, [0.0] * (b.rows * b.cols)
        for i, on in enumerate(b.mask):
            if on:
                a = b.advantages[i // b.cols]
                value -= a * b.log_probs[i] / tokens
                grad[i] = -a / tokens
        return optimizer_pb2.LossResponse(value=value, grad=grad)


if __name__ == "__main__":
    serve_optimizer("NAME", "0.1.0", "REINFORCE with a group baseline", SCHEMA, Optimizer)
