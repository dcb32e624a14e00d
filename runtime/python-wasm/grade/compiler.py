"""The task compiler: splits each test into what the program's interpreter evaluates and what the grader's interpreter judges.

compile_task takes a task as JSON and returns JSON. It runs in a clean interpreter, on the task's own text only: a program is never
seen here. The rules, with f the function that the task asks for:

    assert f(3)[0] == 4            program: f(3)[0]           grader: __v[0] == 4
    assert set(f(a)) == set(f(b))  program: f(a); f(b)        grader: set(__v[0]) == set(__v[1])
    assert math.isclose(f(1), e)   program: f(1)              grader: math.isclose(__v[0], e)
    xs = [1]; f(xs); assert xs     program: xs = [1]; f(xs)   grader: __v[0]

The largest chain of calls, attributes and subscripts that begins at a name of the program goes to the program; everything around it,
and with it every expected value, stays with the grader. Where such a chain uses names that only the surrounding expression binds
(comprehensions, lambdas), the expression around it moves as well, up to the nearest operand, unless a comparison would move too. What
does not split so, and every test with blocks (for, try, with, def), runs in the grader as it stands and calls the program's functions
from afar; only tests on instances of the program's own classes run beside the program, and are weak.

A judge may name functions in _harness_constant whose calls on literals have the same value every time: expected answers that a
reference solution computes. They are evaluated once, by whoever keeps the compiled task, and __v[-1], __v[-2] … stand for them.
"""

import ast
import base64
import builtins
import json
import marshal
import sys


class CannotSplit(Exception):
    """The expression under work has no value of its own; the one around it must move to the program."""


class Weak(Exception):
    """The test can only be judged inside the program's interpreter; the argument says why."""


class Instance(Weak):
    """It compares instances of a class of the program with each other, and no other value."""


LAZY = (ast.BoolOp, ast.IfExp)
NAMELESS = (ast.Constant, ast.expr_context, ast.boolop, ast.operator, ast.unaryop, ast.cmpop)
SIMPLE = (ast.Assign, ast.Expr, ast.Import, ast.ImportFrom, ast.AnnAssign, ast.AugAssign)
CONSTANT = (ast.Constant, ast.Tuple, ast.UnaryOp, ast.USub, ast.expr_context)
# Names that may stand in what is as good as a literal: some numbers need them.
LITERAL = {"complex", "float"}
# Functions whose answer is the judgement: inside the program they would judge what the program says of itself.
JUDGING = {"isinstance", "issubclass", "all", "any", "callable", "hasattr"}


EMPTY = frozenset()


def annotate(tree):
    """Gives every node of a tree the names that its subtree reads and binds, as attributes, since every rule below asks for them; a
    node without any has none. The tree itself learns whether something in it may not be evaluated (lazy)."""
    order, stack = [], [tree]
    lazy = False
    while stack:
        node = stack.pop()
        children = []
        for name in node._fields:
            v = getattr(node, name, None)
            if type(v) is list:
                children += [x for x in v if isinstance(x, ast.AST) and type(x) is not ast.Constant]
            elif isinstance(v, ast.AST) and not isinstance(v, NAMELESS):
                children.append(v)
        order.append((node, children))
        stack += children
        lazy = lazy or isinstance(node, LAZY)
    for node, children in reversed(order):  # children come before their parents
        reads, binds = EMPTY, EMPTY
        for child in children:
            if child.reads:
                reads = reads | child.reads if reads else child.reads
            if child.binds:
                binds = binds | child.binds if binds else child.binds
        kind = type(node)
        if kind is ast.Name:
            name = frozenset((node.id,))
            if type(node.ctx) is ast.Load:
                reads = name
            else:
                binds = name
        elif kind is ast.arg:
            binds = binds | {node.arg}
        elif kind in (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef):
            binds = binds | {node.name}
        elif kind is ast.alias:
            binds = binds | {(node.asname or node.name).split(".")[0]}
        elif kind is ast.ExceptHandler and node.name:
            binds = binds | {node.name}
        elif kind in (ast.MatchAs, ast.MatchStar) and node.name:
            binds = binds | {node.name}
        elif kind is ast.MatchMapping and node.rest:
            binds = binds | {node.rest}
        node.reads, node.binds = reads, binds
    tree.lazy = lazy
    return tree


def parse(text, mode="exec"):
    return annotate(ast.parse(text, mode=mode))


def chain_root(node):
    """The name at the bottom of a chain of attributes, subscripts and calls, or None."""
    while True:
        if isinstance(node, ast.Call):
            node = node.func
        elif isinstance(node, (ast.Attribute, ast.Subscript)):
            node = node.value
        else:
            return node.id if isinstance(node, ast.Name) else None


def chain_calls(node):
    while True:
        if isinstance(node, ast.Call):
            return True
        if not isinstance(node, (ast.Attribute, ast.Subscript)):
            return False
        node = node.value


def expression(node):
    return compile(ast.Expression(node), "<test>", "eval")


def statements(nodes):
    return compile(ast.Module(nodes, []), "<test>", "exec")


class Task:
    """Which names belong to whom. A name that neither builtins, imports, judge nor clean set-up define is the program's."""

    def __init__(self, task):
        self.imports = "\n".join(task["imports"])
        self.namespace = {"__builtins__": builtins, "__name__": "__main__"}
        exec(compile(self.imports, "<imports>", "exec"), self.namespace)
        self.clean = set(dir(builtins)) | set(self.namespace)
        self.program = set()  # names that are the program's although they are known: entries, and what the set-up derives from them
        self.entries = set()
        self.trees = [self.parse_test(t) for t in task["tests"]]
        good = [t for t in self.trees if isinstance(t, ast.Module)]
        judge = parse(task["judge"])
        judge_names = names_bound_outside(judge)
        self.find_entry(task["entry"], good, judge_names)
        self.implicit = self.find_forgotten_imports(good + [judge], judge_names)
        self.split_setup(parse(task["setup"]))
        exec(compile(judge, "<judge>", "exec"), self.namespace)
        self.constant = frozenset(self.namespace.get("_harness_constant", ())) & judge_names
        self.judge_only = judge_names - self.clean
        self.clean |= judge_names

    @staticmethod
    def parse_test(text):
        try:
            return parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as e:
            return "%s: %s" % (type(e).__name__, e)

    def is_programs(self, name):
        return name in self.program or name not in self.clean

    def find_entry(self, entry, trees, judge_names):
        if entry:
            self.entries = {entry}
            self.program.add(entry)
            return
        known = self.clean | judge_names
        if any(n not in known for t in trees for n in t.reads):
            return
        # Every name of the tests is known: the program redefines a builtin. It is the leftmost call of the first assert.
        for t in trees:
            node = t.body[0].test if t.body and isinstance(t.body[0], ast.Assert) else None
            while isinstance(node, (ast.Compare, ast.UnaryOp, ast.BoolOp)):
                node = node.left if isinstance(node, ast.Compare) else node.operand if isinstance(node, ast.UnaryOp) else node.values[0]
            if isinstance(node, ast.Call) and chain_root(node):
                self.entries = {chain_root(node)}
                self.program |= self.entries
                return

    def find_forgotten_imports(self, trees, judge_names):
        """Modules of the standard library that the tests use as `name.attribute` and nobody imports."""
        found = set()
        for t in trees:
            candidates = (t.reads & sys.stdlib_module_names) - self.clean - judge_names
            if candidates:
                found |= {x.value.id for x in ast.walk(t) if isinstance(x, ast.Attribute) and isinstance(x.value, ast.Name) and x.value.id in candidates}
        usable = []
        for name in sorted(found):
            try:
                self.namespace[name] = __import__(name)
            except ImportError:
                continue
            usable.append(name)
            self.clean.add(name)
        return usable

    def split_setup(self, tree):
        """Set-up that does not touch the program also runs in the grader; names that the rest binds are the program's."""
        clean = []
        for node in tree.body:
            bound = node.binds
            if not any(self.is_programs(n) for n in node.reads if n not in bound):
                try:
                    exec(statements([node]), self.namespace)
                    clean.append(node)
                    self.clean |= bound
                    continue
                except Exception:
                    pass
            self.program |= bound
            for x in ast.walk(node):
                if isinstance(x, (ast.Attribute, ast.Subscript)) and isinstance(x.ctx, ast.Store) and chain_root(x):
                    self.program.add(chain_root(x))
        self.clean_setup = clean


def names_bound_outside(tree):
    """Names that the top level of a module binds."""
    out = set()
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            out.add(node.name)
        else:
            out |= node.binds
    return out


class Split:
    """One test, split. shared and needed come from an earlier attempt: mutable variables that the program was handed, which are the
    program's from then on, and variables that the program's part reads."""

    def __init__(self, task, tree, shared, needed, late):
        self.task = task
        self.shared, self.needed = shared, needed
        self.program, self.clean = set(task.program), set(task.clean)
        self.ops = []
        self.reason = None  # why a part that moved makes the test weak
        self.values = 0
        self.before, self.residual = [], []
        self.constants = []  # expressions whose value does not depend on the program
        self.mutable, self.touched = set(), set()
        self.instances = set()  # variables that hold an instance of a class of the program
        body = [n for n in tree.body if not (isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant))]
        for node in body:
            if isinstance(node, ast.Assert):
                self.add_assert(node, late)
            elif isinstance(node, SIMPLE):
                self.add_simple(node)
            else:
                raise Weak("statement " + type(node).__name__)
        if not self.residual:
            raise Weak("no assert")
        bound = set().union(*[n.binds for n in body])
        self.lazy = tree.lazy
        self.now_shared = self.mutable & self.touched
        self.now_needed = self.touched & bound

    def result(self):
        test = self.residual[0]
        if len(self.residual) > 1:
            test = ast.copy_location(ast.BoolOp(ast.And(), self.residual), test)
        return {
            "ops": self.ops,
            "residual": expression(test),
            "before": statements(self.before) if self.before else None,
            "lazy": self.lazy,
            "constants": [expression(x) for x in self.constants],
        }

    def is_programs(self, name):
        return name in self.program or name not in self.clean

    def is_function(self, name):
        """A name that the program itself defines, not one that set-up or test bound to what the program returned."""
        return self.is_programs(name) and (name not in self.program or name in self.task.entries)

    def reads_program(self, node, bound=EMPTY):
        for n in getattr(node, "reads", EMPTY):
            if n not in bound and self.is_programs(n):
                return True
        return False

    def add_op(self, kind, code, node):
        self.ops.append((kind, code))
        self.touched |= node.reads

    def add_assert(self, node, late):
        self.moved = []
        test = node.test
        # Compared with something that does not name the program, a call of a name in capitals is a function, not a class; compared
        # with nothing else than the program's own, it may as well be one: there is no expected value to keep from it.
        self.literal = isinstance(test, (ast.Call, ast.UnaryOp)) or (
            isinstance(test, ast.Compare) and any(not self.reads_program(x) for x in [test.left, *test.comparators])
        )
        self.residual.append(self.operand(test, EMPTY))
        if self.task.constant & test.reads and not late:
            self.residual[-1] = Constants(self).visit(self.residual[-1])
        for x in self.moved:
            x = self.fold_judge(x)
            self.add_op("E", expression(x), x)

    def add_simple(self, node):
        bound = node.binds
        augments = isinstance(node, ast.AugAssign) and any(n in self.program for n in bound)
        if bound & self.shared or self.reads_program(node) or augments:
            node = self.fold_judge(node)
            self.add_op("P", statements([node]), node)
            self.program |= bound
            value = getattr(node, "value", None)
            if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id[:1].isupper():
                self.instances |= bound
            return
        if bound & self.needed:
            node = self.fold_judge(node)
            self.add_op("P", statements([node]), node)
        self.before.append(node)
        self.clean |= bound
        value = getattr(node, "value", None)
        if value is not None and not all(isinstance(x, CONSTANT) for x in ast.walk(value)):
            self.mutable |= bound

    def fold_judge(self, node):
        """Names of the judge never meet the program: what the program's part needs of them is computed here, once."""
        hidden = self.task.judge_only
        if not hidden & node.reads:
            return node
        split = self

        class Fold(ast.NodeTransformer):
            def visit(self, n):
                if isinstance(n, ast.expr) and not isinstance(n, ast.Starred) and getattr(n, "reads", EMPTY) & hidden and not split.reads_program(n):
                    try:
                        value = eval(expression(n), dict(split.task.namespace))
                        literal = parse(repr(value), "eval").body
                        if ast.literal_eval(literal) == value:
                            return literal
                    except Exception:
                        pass
                    raise CannotSplit("a value of the judge that is no literal")
                return self.generic_visit(n)

        copy = parse(ast.unparse(node)).body[0] if isinstance(node, ast.stmt) else parse(ast.unparse(node), "eval").body
        return annotate(Fold().visit(copy))

    def move(self, node, bound, whole=True, judged=True):
        """Gives node to the program and returns what stands for its value. What is not a whole chain may judge the program, unless
        judged says that it does not."""
        if bound & node.reads:
            raise CannotSplit
        called = node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""
        if whole and not self.literal and called[:1].isupper():
            raise Instance("instance of a class of the program")
        if not whole and judged:
            if any(isinstance(x, (ast.Compare, ast.BoolOp)) for x in ast.walk(node)):
                self.reason = "comparison inside the program"
            if called in JUDGING:
                self.reason = called + " inside the program"
        self.moved.append(node)
        self.values += 1
        return value_at(self.values - 1, node)

    def operand(self, node, bound):
        """A position whose value may cross: what cannot be split moves up to here and no further."""
        if not self.reads_program(node, bound):
            return node
        mark = len(self.moved), self.values, self.reason
        try:
            return self.visit(node, bound)
        except CannotSplit:
            del self.moved[mark[0]:]
            self.values, self.reason = mark[1:]
            return self.move(node, bound, whole=False)

    def visit(self, node, bound):
        if not self.reads_program(node, bound):
            return node
        if self.is_identity(node, bound) or drives(node):
            return self.move(node, bound, whole=False, judged=False)
        if isinstance(node, (ast.Call, ast.Attribute, ast.Subscript)):
            root = chain_root(node)
            if root in bound:
                raise CannotSplit
            if root and self.is_programs(root):
                if chain_calls(node) or not self.is_function(root) or isinstance(node, ast.Attribute):
                    return self.move(node, bound)
                raise CannotSplit
        if isinstance(node, ast.Name):
            if self.is_function(node.id):
                raise CannotSplit  # passed to something
            return self.move(node, bound)
        if isinstance(node, (ast.Compare, ast.BoolOp, ast.UnaryOp, ast.BinOp, ast.IfExp, ast.Tuple, ast.List, ast.Set, ast.Dict,
                             ast.FormattedValue, ast.JoinedStr)):
            return self.children(node, bound, self.operand)
        if isinstance(node, ast.Lambda):
            raise CannotSplit
        if isinstance(node, (ast.GeneratorExp, ast.ListComp, ast.SetComp, ast.DictComp)):
            return self.children(node, bound | node.binds, self.visit)
        if isinstance(node, ast.Call):
            for a in node.args + [k.value for k in node.keywords]:
                if isinstance(a, ast.Name) and (a.id in self.instances or self.is_function(a.id)):
                    raise CannotSplit
        return self.children(node, bound, self.visit)

    def is_identity(self, node, bound):
        """Whether two objects of the program are one is seen only where they are, and no method of theirs is asked."""
        return (
            isinstance(node, ast.Compare)
            and all(isinstance(o, (ast.Is, ast.IsNot)) for o in node.ops)
            and all(self.reads_program(x, bound) and isinstance(x, (ast.Name, ast.Call, ast.Attribute, ast.Subscript)) for x in [node.left, *node.comparators])
        )

    def children(self, node, bound, f):
        fields = {}
        for name, v in ast.iter_fields(node):
            if isinstance(v, list):
                v = [f(x, bound) if isinstance(x, ast.expr) else self.visit(x, bound) if isinstance(x, ast.AST) else x for x in v]
            elif isinstance(v, ast.expr):
                v = f(v, bound)
            elif isinstance(v, ast.AST) and not isinstance(v, (ast.expr_context, ast.operator, ast.unaryop, ast.boolop, ast.cmpop)):
                v = self.children(v, bound, f)
            fields[name] = v
        return ast.copy_location(type(node)(**fields), node)


class Constants(ast.NodeTransformer):
    """Takes calls of constant functions on literals out of what is left of an assert. Nodes that the split made have no reads."""

    def __init__(self, split):
        self.split = split

    def visit_Call(self, node):
        name = node.func.id if isinstance(node.func, ast.Name) else None
        if name in self.split.task.constant and getattr(node, "reads", self.split.clean) <= LITERAL | {name}:
            self.split.constants.append(node)
            return value_at(-len(self.split.constants), node)
        return self.generic_visit(node)


def value_at(index, node):
    """__v[index], which takes the place of node."""
    place = ast.copy_location(ast.Name("__v", ast.Load()), node), ast.copy_location(ast.Constant(index), node)
    return ast.copy_location(ast.Subscript(*place, ast.Load()), node)


def drives(node):
    """asyncio.run and its like finish a value that the program has begun."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and (
        node.func.attr == "run_until_complete" or (node.func.attr == "run" and isinstance(node.func.value, ast.Name) and node.func.value.id == "asyncio")
    )


def outcome(**fields):
    return {"ops": [], "constants": [], "weak": None, "error": None, "remote": None, "residual": None, "before": None, "lazy": False} | fields


def inside_test(tree, why):
    """The test runs inside the program's interpreter and is weak."""
    return outcome(ops=[("P", compile(tree, "<test>", "exec"))], weak=why)


def remote_test(task, tree):
    """The test runs in the grader as it stands, where the program's names are stand-ins that call over."""
    names = sorted(n for n in tree.reads - tree.binds if task.is_programs(n))
    return outcome(remote=names, residual=compile(tree, "<test>", "exec"))


def uses_class(task, tree):
    """Classes of the program and their instances cannot cross. A name in capitals that is called makes one; with asks for methods of
    what the program returned; and except, isinstance and issubclass take the class itself."""
    known = tree.binds

    def programs(node):
        return any(n not in known and task.is_programs(n) for n in getattr(node, "reads", EMPTY))

    for x in ast.walk(tree):
        if isinstance(x, ast.Call) and isinstance(x.func, ast.Name):
            name = x.func.id
            if name[:1].isupper() and task.is_programs(name) and name not in task.entries:
                return True
            if name in ("isinstance", "issubclass") and len(x.args) == 2 and programs(x.args[1]):
                return True
        elif isinstance(x, ast.ExceptHandler) and x.type is not None and programs(x.type):
            return True
        elif isinstance(x, ast.withitem) and chain_root(x.context_expr) and programs(x.context_expr):
            root = chain_root(x.context_expr)
            if root not in known and task.is_programs(root):
                return True
    return False


def split_test(task, tree, forced_weak, late):
    if isinstance(tree, str):
        return outcome(error=tree)
    if forced_weak:
        return inside_test(tree, forced_weak)
    shared, needed = set(), set()
    try:
        while True:  # each round adds names, of which there are finitely many
            s = Split(task, tree, shared, needed, late)
            if s.now_shared <= shared and s.now_needed <= needed:
                break
            shared |= s.now_shared
            needed |= s.now_needed
        if not s.reason:
            return outcome(**s.result())
        why = s.reason
    except Instance as e:
        return inside_test(tree, str(e))
    except (Weak, CannotSplit) as e:
        why = str(e) or "expression that does not split"
    return inside_test(tree, why) if uses_class(task, tree) else remote_test(task, tree)


def pack(code):
    return base64.b64encode(marshal.dumps(code)).decode() if code is not None else None


def code_of(text):
    return pack(compile(text, "<task>", "exec")) if text.strip() else None


def compile_task(text):
    spec = json.loads(text)
    task = Task(spec)
    late = set(spec["late"])
    tests = []
    for i, tree in enumerate(task.trees):
        r = split_test(task, tree, spec["weak"].get(str(i)), i in late)
        r["ops"] = [[kind, pack(code)] for kind, code in r["ops"]]
        r["constants"] = [pack(code) for code in r["constants"]]
        r["residual"], r["before"] = pack(r["residual"]), pack(r["before"])
        tests.append(r)
    imports = task.imports + "".join("\nimport " + m for m in task.implicit)
    return json.dumps({
        "imports": code_of(task.imports),
        "setup": code_of(spec["setup"]),
        "grader_imports": code_of(imports),
        "grader_setup": pack(statements(task.clean_setup)) if task.clean_setup else None,
        "judge": code_of(spec["judge"]),
        "tests": tests,
    }).encode()
