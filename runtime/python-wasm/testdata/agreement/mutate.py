"""Makes programs that are wrong in one operator, constant, condition or returned value.

    python3 -I -S mutate.py SEED COUNT < tasks > mutants

A line of input is {"id", "code"}; of output {"id", "change", "code"}, at most COUNT of each task. A mutant is the program's own text with
one piece replaced, so it does not depend on how a version of Python prints a tree. Which ones are taken depends on SEED and id alone.
"""
import ast
import json
import random
import sys

OPERATORS = {
    "+": "-", "-": "+", "*": "+", "/": "*", "//": "/", "%": "//", "**": "*", "<<": ">>", ">>": "<<", "&": "|", "|": "&", "^": "&",
    "<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "==", "in": "not in", "not in": "in", "is": "is not", "is not": "is",
    "and": "or", "or": "and", "+=": "-=", "-=": "+=", "*=": "+=", "/=": "*=", "//=": "*=", "%=": "//=", "**=": "*=", "|=": "&=",
    "&=": "|=", "^=": "|=", "<<=": ">>=", ">>=": "<<=",
}


class Text:
    """A program's bytes, addressed as ast does: by line and by byte in the line."""

    def __init__(self, code):
        self.bytes = code.encode()
        self.starts = [0]
        for line in self.bytes.splitlines(keepends=True):
            self.starts.append(self.starts[-1] + len(line))

    def begin(self, node):
        return self.starts[node.lineno - 1] + node.col_offset

    def end(self, node):
        return self.starts[node.end_lineno - 1] + node.end_col_offset

    def of(self, node):
        return self.bytes[self.begin(node):self.end(node)].decode()


def operator_between(text, left, right):
    """The span of an operator, and the operator; parentheses around it belong to the operands."""
    begin, end = text.end(left), text.begin(right)
    between = text.bytes[begin:end].decode()
    words = between.replace("(", " ").replace(")", " ").replace("\\", " ").strip()
    if "#" in between or words not in OPERATORS or between.count(words) != 1:
        return None
    at = begin + len(between[:between.index(words)].encode())
    return at, at + len(words.encode()), OPERATORS[words]


def constant(node):
    value = node.value
    if value is True or value is False:
        return str(not value)
    if type(value) is int:
        return str(value + 1)
    if type(value) is float:
        return repr(value + 1.5)
    if type(value) is str:
        return repr(value + "x") if value else "'x'"
    return None


def changes(text, tree):
    """Every change that there is: begin, end, replacement and what it is called."""
    inside = set()  # parts of formatted strings have no places of their own in older versions
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            inside.update(id(x) for x in ast.walk(node))
    for node in ast.walk(tree):
        if id(node) in inside:
            continue
        pairs = []
        if isinstance(node, ast.BinOp):
            pairs = [(node.left, node.right)]
        elif isinstance(node, ast.Compare):
            pairs = zip([node.left, *node.comparators], node.comparators)
        elif isinstance(node, ast.BoolOp):
            pairs = zip(node.values, node.values[1:])
        elif isinstance(node, ast.AugAssign):
            pairs = [(node.target, node.value)]
        for left, right in pairs:
            found = operator_between(text, left, right)
            if found:
                yield (*found, "operator")
        if isinstance(node, ast.Constant):
            new = constant(node)
            if new and text.of(node)[:1] not in "rbfuRBFU":
                yield text.begin(node), text.end(node), new, "constant"
        elif isinstance(node, (ast.If, ast.While, ast.IfExp)):
            yield text.begin(node.test), text.end(node.test), "(not (" + text.of(node.test) + "))", "branch"
        elif isinstance(node, ast.Return) and node.value is not None:
            yield text.begin(node.value), text.end(node.value), "None", "result"


def mutants(task, seed, count):
    code = task["code"].replace("\r\n", "\n").replace("\r", "\n")
    text = Text(code)
    found = sorted(set(changes(text, ast.parse(code))))
    random.Random("%s:%s" % (seed, task["id"])).shuffle(found)
    for begin, end, new, change in found[:count]:
        mutant = (text.bytes[:begin] + b" " + new.encode() + b" " + text.bytes[end:]).decode()
        yield {"id": task["id"], "change": change, "code": mutant}


if __name__ == "__main__":
    for line in sys.stdin:
        for mutant in mutants(json.loads(line), sys.argv[1], int(sys.argv[2])):
            print(json.dumps(mutant))
