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

Tests that use names which earlier tests bound are split one after the other, as if they were one.

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
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
BINDING = (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Import, ast.ImportFrom, *DEFINITIONS)
CONSTANT = (ast.Constant, ast.Tuple, ast.UnaryOp, ast.USub, ast.expr_context)
# Names that may stand in what is as good as a literal: some numbers need them.
LITERAL = {"complex", "float"}
# Functions whose answer is the judgement: inside the program they would judge what the program says of itself.
JUDGING = {"isinstance", "issubclass", "all", "any", "callable", "hasattr"}


# More such functions, which modules have.
JUDGES = {"isclose", "allclose", "array_equal", "eq", "ne", "lt", "le", "gt", "ge", "is_", "is_not", "contains", "approx", "exec", "eval"}
# Functions that call their first argument, or the one named key.
CALLING = {"map", "filter", "reduce", "starmap", "takewhile", "dropwhile", "filterfalse", "accumulate", "partial"}
# Functions that take only some of the items of an iterator, which is then another.
ADVANCING = {"next", "iter", "islice", "takewhile", "zip"}
SCOPES = (ast.Lambda, ast.GeneratorExp, ast.ListComp, ast.SetComp, ast.DictComp)


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
            if type(node.ctx) is ast.Store:
                binds = name
            else:
                reads = name
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
        # And modules that nobody imports. What is only there for people at a prompt is a name as good as any for a function.
        self.known = (set(dir(builtins)) - {"exit", "quit", "help"}) | set(self.namespace)
        self.clean = set(self.known)
        self.program = set()  # names that are the program's although they are known: entries, and what the set-up derives from them
        self.entries = set()
        self.trees = [self.parse_test(t) for t in task["tests"]]
        good = [t for t in self.trees if isinstance(t, ast.Module)]
        judge = parse(task["judge"])
        judge_names = names_bound_outside(judge)
        self.find_entry(task["entry"], good, judge_names)
        self.implicit = self.find_forgotten_imports(good + [judge], judge_names)
        self.forgotten = frozenset(self.implicit)
        self.split_setup(parse(task["setup"]))
        exec(compile(judge, "<judge>", "exec"), self.namespace)
        self.constant = frozenset(self.namespace.get("_harness_constant", ())) & judge_names
        self.judge_only = judge_names - self.clean
        self.clean |= judge_names

    @staticmethod
    def parse_test(text):
        try:
            compile(text, "<test>", "exec")  # finds more than the parser: return outside a function
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
            self.known.add(name)
        return usable

    def split_setup(self, tree, apart=True):
        """Set-up that does not touch the program also runs in the grader; names that the rest binds are the program's. A function that
        calls the program and compares holds what a test expects: it never meets the program, and each test that uses it gets it. Where
        that cannot be, since it is a class or the set-up itself uses it, it is not kept apart, and the tests that use it are weak."""
        start = set(self.clean), set(self.program)
        clean, inside, self.helpers = [], [], []
        judging = set()  # names of what compares
        for node in tree.body:
            bound = node.binds
            helper = isinstance(node, DEFINITIONS) and self.is_helper(node) or bool(node.reads & judging)
            if helper and apart:
                if not isinstance(node, ast.FunctionDef):
                    self.clean, self.program = start
                    return self.split_setup(tree, apart=False)
                judging.add(node.name)
                self.helpers.append(node)
                self.clean.add(node.name)
                continue
            inside.append(node)
            if helper:
                judging |= {node.name} if isinstance(node, DEFINITIONS) else bound
            elif not any(self.is_programs(n) for n in node.reads if n not in bound):
                try:
                    exec(statements([node]), self.namespace)
                    clean.append(node)
                    self.clean |= bound
                    continue
                except Exception:
                    pass
            self.program |= bound | stores_elsewhere(node)
        self.clean_setup, self.inside_setup = clean, inside
        self.judging = EMPTY if apart else judging
        self.trees = [self.with_helpers(t) for t in self.trees]

    def is_helper(self, node):
        """Whether a definition calls the program and compares."""
        calls = any(isinstance(x, ast.Call) and chain_root(x) and chain_root(x) not in node.binds and self.is_programs(chain_root(x)) for x in ast.walk(node))
        return calls and any(
            isinstance(x, (ast.Compare, ast.Assert)) or isinstance(x, ast.Attribute) and x.attr.startswith("assert") for x in ast.walk(node)
        )

    def with_helpers(self, tree):
        if isinstance(tree, str):
            return tree
        wanted, used = tree.reads, []
        while True:
            found = [n for n in self.helpers if n.name in wanted]
            if len(found) == len(used):
                break
            used = found
            wanted = wanted.union(*(n.reads for n in found))
        if not used:
            return tree
        return annotate(ast.Module(used + tree.body, []))


def stores_elsewhere(tree):
    """The names below the attributes and items that a tree assigns to."""
    return {chain_root(x) for x in ast.walk(tree) if isinstance(x, (ast.Attribute, ast.Subscript)) and isinstance(x.ctx, ast.Store)} - {None}


def names_bound_outside(tree):
    """Names that the top level of a module binds."""
    out = set()
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            out.add(node.name)
        else:
            out |= node.binds
    return out


class Names:
    """Where the names live that tests bind: in the program's interpreter, in the grader's, or in both. Tests that share names are
    split one after the other, again and again until what a later one needs of an earlier one has been found."""

    def __init__(self, task):
        self.task = task
        self.shared = set()  # mutable variables that the program is handed, which are the program's from then on
        self.needed = set()  # variables that the program's part reads
        self.remote = set()  # variables that a test needs which runs in the grader as it stands
        self.begin()

    def begin(self):
        self.program, self.clean = set(self.task.program), set(self.task.clean)
        self.mutable, self.touched, self.bound = set(), set(), set()
        self.instances = set()  # variables that hold an instance of a class of the program
        self.held = set()  # variables that only the program's interpreter has
        self.away = set()  # variables that only the grader's interpreter has
        self.asked = set()  # variables that tests read which run in the grader as they stand

    def copy(self):
        other = Names.__new__(Names)
        other.__dict__ = {k: set(v) if isinstance(v, set) else v for k, v in self.__dict__.items()}
        return other

    def take(self, other):
        self.__dict__ = other.__dict__

    def is_programs(self, name):
        return name in self.program or name not in self.clean

    def settled(self):
        """Whether the last round found nothing new; each round adds names, of which there are finitely many."""
        found = self.mutable & self.touched, self.touched & self.bound, self.asked & self.held
        old = self.shared, self.needed, self.remote
        done = all(f <= o for f, o in zip(found, old))
        for f, o in zip(found, old):
            o |= f
        return done

    def ran_inside(self, tree):
        bound = names_bound_outside(tree)
        self.program |= bound
        self.held |= bound
        self.away -= bound
        self.touched |= tree.reads

    def ran_remotely(self, tree):
        bound = names_bound_outside(tree)
        self.asked |= tree.reads
        self.program -= bound - self.task.program
        self.clean |= bound
        self.held -= bound
        self.away |= bound


class Split:
    """One test, split. names is what the tests before it have left, and then what it leaves itself."""

    def __init__(self, task, tree, names, late):
        self.task = task
        self.names = names
        self.shared, self.needed = names.shared, names.needed
        self.program, self.clean = names.program, names.clean
        self.mutable, self.touched, self.instances = names.mutable, names.touched, names.instances
        self.ops = []
        self.reason = None  # why a part that moved makes the test weak
        self.values = 0
        self.before, self.residual = [], []
        self.constants = []  # expressions whose value does not depend on the program
        body = [n for n in tree.body if not (isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant))]
        for node in body:
            if any(isinstance(x, ast.NamedExpr) for x in ast.walk(node)):
                raise Weak("assignment expression")
            if isinstance(node, ast.Assert):
                self.add_assert(node, late)
            elif isinstance(node, SIMPLE):
                self.add_simple(node)
            elif isinstance(node, DEFINITIONS):
                self.add_definition(node)
            else:
                raise Weak("statement " + type(node).__name__)
            names.bound |= node.binds
        if not self.residual:
            if not body or not all(isinstance(n, BINDING) for n in body):
                raise Weak("no assert")
            self.residual.append(ast.copy_location(ast.Constant(True), body[0]))
        self.lazy = tree.lazy
        self.at_once = bool(tree.reads & names.away)  # which may be objects that the program's interpreter has

    def result(self):
        test = self.residual[0]
        if len(self.residual) > 1:
            test = ast.copy_location(ast.BoolOp(ast.And(), self.residual), test)
        return {
            "ops": self.ops,
            "residual": expression(test),
            "before": statements(self.before) if self.before else None,
            "lazy": self.lazy,
            "at_once": self.at_once,
            "constants": [expression(x) for x in self.constants],
        }

    def is_programs(self, name):
        return self.names.is_programs(name)

    def is_function(self, name):
        """A name that the program itself defines, not one that set-up or test bound to what the program returned."""
        return self.is_programs(name) and (name not in self.program or name in self.task.entries)

    def reads_program(self, node, bound=EMPTY):
        for n in getattr(node, "reads", EMPTY):
            if n not in bound and self.is_programs(n):
                return True
        return False

    def add_op(self, kind, code, node):
        if node.reads & self.names.away:
            raise Weak("variable of a test that runs in the grader")
        for name in sorted(node.reads & self.task.forgotten):
            self.ops.append(("P", compile("import " + name, "<test>", "exec")))
        self.ops.append((kind, code))
        self.touched |= node.reads

    def is_conditional(self, node):
        """Whether the program is called where an operand before it says so. An assert whose `and` ends early has failed anyway."""
        if isinstance(node, ast.BoolOp):
            return isinstance(node.op, ast.Or) and any(self.calls_program(x) for x in node.values[1:])
        return isinstance(node, ast.IfExp) and (self.calls_program(node.body) or self.calls_program(node.orelse))

    def calls_program(self, node):
        return any(isinstance(x, ast.Call) and self.reads_program(x) for x in ast.walk(node))

    def judges(self, node):
        """Whether a statement compares what the program returned: that is the grader's to do."""
        for x in ast.walk(node):
            if isinstance(x, ast.Compare) and self.reads_program(x):
                return True
            if isinstance(x, ast.Call) and self.reads_program(x):
                name = x.func.attr if isinstance(x.func, ast.Attribute) else x.func.id if isinstance(x.func, ast.Name) else ""
                if name in JUDGING or name in JUDGES or name.lower().startswith("assert"):
                    return True
                root = chain_root(x.func)
                values = x.args + [k.value for k in x.keywords]
                if root and not self.is_programs(root) and root not in self.task.known:  # a helper of the tests
                    if any(isinstance(v, ast.Name) and self.is_function(v.id) for v in values):
                        return True
                    if not all(self.reads_program(v) for v in values):
                        return True
        return False

    def add_assert(self, node, late):
        self.moved = []
        test = node.test
        if any(self.is_conditional(x) for x in ast.walk(test)):
            raise Weak("calls that natively may not be made")
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
        if stores_elsewhere(node) & self.task.known:
            raise Weak("assignment to an attribute of a module")
        augments = isinstance(node, ast.AugAssign) and any(n in self.program for n in bound)
        if bound & self.shared or self.reads_program(node) or augments:
            if bound & self.names.remote or self.judges(node):
                raise Weak("what the program returned is compared outside an assert")
            self.add_inside(node, bound)
            value = getattr(node, "value", None)
            if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id[:1].isupper():
                self.instances |= bound
            return
        self.add_outside(node, bound)
        value = getattr(node, "value", None)
        if value is not None and not all(isinstance(x, CONSTANT) for x in ast.walk(value)):
            self.mutable |= bound

    def add_definition(self, node):
        """A function or class of the test. It may be handed to the program, or decorated by it, where it does not call it."""
        inner = set().union(*(getattr(x, "reads", EMPTY) for name, x in parts(node) if name != "decorator_list")) - node.binds
        inside = any(self.is_programs(n) for n in inner) or any(self.reads_program(x) for x in node.decorator_list)
        if any(self.is_programs(n) and n not in self.names.held for n in inner):
            raise Weak("definition that calls the program")
        bound = {node.name}
        if inside:
            if bound & self.names.remote or any(isinstance(x, (ast.Assert, ast.Compare)) for x in ast.walk(node)):
                raise Weak("definition that may judge the program")
            self.add_inside(node, bound)
        else:
            self.add_outside(node, bound)

    def add_inside(self, node, bound):
        """The statement is the program's interpreter's alone, and so is what it binds."""
        node = self.fold_judge(node)
        self.add_op("P", statements([node]), node)
        self.program |= bound
        self.names.held |= bound
        self.names.away -= bound

    def add_outside(self, node, bound):
        """The statement is the grader's, and the program's interpreter has it too where it needs it."""
        if bound & self.needed:
            node = self.fold_judge(node)
            self.add_op("P", statements([node]), node)
        self.before.append(node)
        self.clean |= bound
        self.program -= bound - self.task.program
        self.names.held -= bound
        self.names.away -= bound

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
        if isinstance(node, ast.Attribute) and is_type_of(node.value):
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
            first = node.generators[0]
            if any(self.reads_program(x, bound | node.binds) for x in turns(node)) or not isinstance(first.iter, ast.Call) and self.names_function(first.iter):
                raise CannotSplit  # evaluated with every turn, not once
            return self.children(node, bound | node.binds, self.visit)
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id if isinstance(node.func, ast.Name) else ""
            called = node.args[:1] if name in CALLING else []
            if name in ADVANCING and any(isinstance(x, ast.Name) and x.id in self.names.held for x in node.args):
                return self.move(node, bound, whole=False, judged=False)
            if any(self.reads_program(x, bound) for x in called + [k.value for k in node.keywords if k.arg == "key"]):
                raise CannotSplit
            for a in node.args + [k.value for k in node.keywords]:
                if isinstance(a, ast.Name) and (a.id in self.instances or self.is_function(a.id)):
                    raise CannotSplit
        return self.children(node, bound, self.visit)

    def names_function(self, node):
        return any(isinstance(x, ast.Name) and self.is_function(x.id) for x in ast.iter_child_nodes(node))

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


def parts(node):
    """The nodes right below node, each with the name of its field."""
    for name, v in ast.iter_fields(node):
        for x in v if isinstance(v, list) else [v]:
            if isinstance(x, ast.AST):
                yield name, x


def turns(comprehension):
    """What a comprehension evaluates with every turn: all but the first of its iterables."""
    for x in ast.iter_child_nodes(comprehension):
        if x is comprehension.generators[0]:
            yield from x.ifs
        else:
            yield x


def is_type_of(node):
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "type" and len(node.args) == 1


def drives(node):
    """asyncio.run and its like finish a value that the program has begun."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and (
        node.func.attr == "run_until_complete" or (node.func.attr == "run" and isinstance(node.func.value, ast.Name) and node.func.value.id == "asyncio")
    )


def outcome(**fields):
    return {"ops": [], "constants": [], "weak": None, "error": None, "remote": None, "residual": None, "before": None, "lazy": False, "at_once": False} | fields


def inside_test(tree, why):
    """The test runs inside the program's interpreter and is weak."""
    return outcome(ops=[("P", compile(tree, "<test>", "exec"))], weak=why)


def remote_test(tree, names):
    """The test runs in the grader as it stands, where the program's names are stand-ins that call over."""
    programs = sorted(n for n in tree.reads - tree.binds if names.is_programs(n))
    names.ran_remotely(tree)
    return outcome(remote=programs, residual=compile(tree, "<test>", "exec"))


def uses_class(task, tree, names):
    """Classes of the program and their instances cannot cross. A name in capitals that is called makes one; with asks for methods of
    what the program returned; and except, isinstance and issubclass take the class itself."""
    known = tree.binds

    def programs(node):
        return any(n not in known and names.is_programs(n) for n in getattr(node, "reads", EMPTY))

    for x in ast.walk(tree):
        if isinstance(x, ast.Call) and isinstance(x.func, ast.Name):
            name = x.func.id
            if name[:1].isupper() and names.is_programs(name) and name not in task.entries:
                return True
            if name in ("isinstance", "issubclass") and len(x.args) == 2 and programs(x.args[1]):
                return True
        elif isinstance(x, ast.ExceptHandler) and x.type is not None and programs(x.type):
            return True
        elif isinstance(x, ast.withitem) and chain_root(x.context_expr) and programs(x.context_expr):
            root = chain_root(x.context_expr)
            if root not in known and names.is_programs(root):
                return True
    return False


def needs(tree):
    """The names that a test reads before it has bound them itself."""
    bound, out = set(), set()
    for node in tree.body:
        own = node.binds
        if isinstance(node, SIMPLE + (ast.Assert,)):  # what it binds at its end it does not have before
            own = EMPTY.union(*(x.binds for x in ast.walk(node) if isinstance(x, SCOPES)))
            if isinstance(node, ast.AugAssign):
                out |= node.target.binds - bound
        out |= node.reads - own - bound
        bound |= node.binds
    return out


def share_names(task, trees):
    """Whether a test reads a name that only a test before it binds."""
    bound = set()
    for tree in trees:
        if not isinstance(tree, str):
            if needs(tree) & (bound - task.known):
                return True
            bound |= names_bound_outside(tree)
    return False


def replaces(task, tree):
    """Whether a test puts something in the place of what the program uses: input, print, a module's function. Standard output and
    error may be replaced where the test runs, since what the program prints is brought there."""
    for x in ast.walk(tree):
        if isinstance(x, ast.Attribute) and isinstance(x.ctx, ast.Store) and chain_root(x) in task.known:
            if not (chain_root(x) == "sys" and x.attr in ("stdout", "stderr")):
                return True
        if isinstance(x, ast.Call):
            name = ast.unparse(x.func)
            if name in ("patch", "patch.object", "patch.dict", "mock.patch", "mock.patch.object", "mock.patch.dict", "unittest.mock.patch", "unittest.mock.patch.object"):
                return True
    return False


def split_test(task, tree, forced_weak, late, names):
    """A test, split; names is what the tests before it have left, and then what this one leaves."""
    if isinstance(tree, str):
        return outcome(error=tree)
    if not forced_weak and replaces(task, tree):
        forced_weak = "it replaces what the program uses"
    if not forced_weak and tree.reads & task.judging:
        forced_weak = "set-up that compares inside the program"
    if forced_weak:
        names.ran_inside(tree)
        return inside_test(tree, forced_weak)
    after = names.copy()
    try:
        s = Split(task, tree, after, late)
        if not s.reason:
            names.take(after)
            return outcome(**s.result())
        why = s.reason
    except Instance as e:
        names.ran_inside(tree)
        return inside_test(tree, str(e))
    except (Weak, CannotSplit) as e:
        why = str(e) or "expression that does not split"
    if uses_class(task, tree, names):
        names.ran_inside(tree)
        return inside_test(tree, why)
    return remote_test(tree, names)


def split_tests(task, trees, weak, late):
    """All tests, split: each for itself, or one after the other where they share names."""
    together = share_names(task, trees)
    if together and weak:  # what they share must be where they are
        weak = dict.fromkeys(map(str, range(len(trees))), next(iter(weak.values())))
    numbered = list(enumerate(trees))
    out = []
    for group in [numbered] if together else [[x] for x in numbered]:
        names = Names(task)
        while True:
            names.begin()
            split = [split_test(task, tree, weak.get(str(i)), i in late, names) for i, tree in group]
            if names.settled():
                break
        out += split
    return out


def pack(code):
    return base64.b64encode(marshal.dumps(code)).decode() if code is not None else None


def code_of(text):
    return pack(compile(text, "<task>", "exec")) if text.strip() else None


def compile_task(text):
    spec = json.loads(text)
    task = Task(spec)
    late = set(spec["late"])
    tests = []
    for r in split_tests(task, task.trees, spec["weak"], late):
        r["ops"] = [[kind, pack(code)] for kind, code in r["ops"]]
        r["constants"] = [pack(code) for code in r["constants"]]
        r["residual"], r["before"] = pack(r["residual"]), pack(r["before"])
        tests.append(r)
    imports = task.imports + "".join("\nimport " + m for m in task.implicit)
    return json.dumps({
        "imports": code_of(task.imports),
        "setup": pack(statements(task.inside_setup)) if task.helpers else code_of(spec["setup"]),
        "grader_imports": code_of(imports),
        "grader_setup": pack(statements(task.clean_setup)) if task.clean_setup else None,
        "judge": code_of(spec["judge"]),
        "tests": tests,
    }).encode()
