package jinja

// expr is an expression: its value in a state.
type expr interface{ eval(s *state) any }

// stmt is a statement: it writes to the state's output. What it returns says how the statements after it go on.
type stmt interface{ run(s *state) flow }

type flow int

const (
	flowNext flow = iota
	flowBreak
	flowContinue
)

type (
	constant struct{ value any }
	name     struct {
		line int
		id   string
	}
	listExpr struct {
		items []expr
		tuple bool
	}
	dictExpr struct {
		line         int
		keys, values []expr
	}
	unary struct {
		line int
		op   string // "-", "+", "not"
		of   expr
	}
	binary struct {
		line        int
		op          string // arithmetic, "~", "and", "or"
		left, right expr
	}
	comparison struct {
		line  int
		first expr
		ops   []string // "==", "<", …, "in", "not in"
		rest  []expr
	}
	conditional struct{ test, then, other expr } // other may be nil
	attribute   struct {
		line int
		of   expr
		id   string
	}
	item struct {
		line int
		of   expr
		key  expr
	}
	slice struct {
		line              int
		of                expr
		start, stop, step expr // each may be nil
	}
	call struct {
		line int
		of   expr
		args arguments
	}
	filter struct {
		line int
		of   expr // nil in a filter block
		id   string
		args arguments
	}
	test struct {
		line   int
		of     expr
		id     string
		args   arguments
		negate bool
	}
	arguments struct {
		positional []expr
		spread     []bool // of each positional argument: it is a list with * before it; nil where none is
		names      []string
		named      []expr
		rest       expr // a dict with ** before it, or nil
	}
)

type (
	textStmt  struct{ text string }
	printStmt struct {
		line int
		of   expr
	}
	ifStmt struct {
		tests  []expr
		bodies [][]stmt // one more than tests where there is an else
	}
	forStmt struct {
		line   int
		target target
		in     expr
		filter expr // may be nil
		body   []stmt
		other  []stmt
		again  bool // recursive
	}
	setStmt struct {
		line   int
		target target
		value  expr
	}
	setBlock struct {
		line    int
		target  target
		filters []filter
		body    []stmt
	}
	withStmt struct {
		line    int
		targets []target
		values  []expr
		body    []stmt
	}
	macroStmt struct {
		line     int
		id       string
		params   []string
		defaults []expr // of the last params
		body     []stmt
	}
	callStmt struct {
		line  int
		macro macroStmt // the block as caller()
		of    call
	}
	filterStmt struct {
		filters []filter
		body    []stmt
	}
	scopeStmt struct{ body []stmt } // {% generation %}
	jumpStmt  struct{ to flow }
)

// target is what a value is assigned to: a name, an attribute of a namespace, or several targets.
type target struct {
	line  int
	id    string
	attr  string // where not "", of the namespace id
	parts []target
}
