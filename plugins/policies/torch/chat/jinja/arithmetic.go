package jinja

import (
	"math"
	"slices"
	"strings"
)

// arithmetic computes left op right with two defined values, by Python's rules.
func (s *state) arithmetic(op string, left, right any) any {
	if v, ok := s.sequences(op, left, right); ok {
		return v
	}
	x, okX := integer(left)
	y, okY := integer(right)
	if okX && okY && op != "/" {
		if op == "**" && y < 0 {
			return math.Pow(float64(x), float64(y))
		}
		return s.integers(op, x, y)
	}
	f, okF := number(left)
	g, okG := number(right)
	if !okF || !okG {
		fail(s.line, "unsupported operand types for %s: '%s' and '%s'", op, typeName(left), typeName(right))
	}
	switch op {
	case "+":
		return f + g
	case "-":
		return f - g
	case "*":
		return f * g
	case "**":
		return math.Pow(f, g)
	}
	if g == 0 {
		fail(s.line, "division by zero")
	}
	switch op {
	case "/":
		return f / g
	case "//":
		return math.Floor(f / g)
	}
	r := math.Mod(f, g)
	if r != 0 && (r < 0) != (g < 0) {
		r += g
	}
	return r
}

// sequences adds two texts or lists, or repeats one.
func (s *state) sequences(op string, left, right any) (any, bool) {
	switch op {
	case "+":
		switch a := left.(type) {
		case string:
			if b, ok := right.(string); ok {
				return s.made(a + b), true
			}
		case *List:
			if b, ok := right.(*List); ok && a.Tuple == b.Tuple {
				s.work(len(a.Items) + len(b.Items))
				return &List{slices.Concat(a.Items, b.Items), a.Tuple}, true
			}
		}
	case "*":
		if n, ok := integer(left); ok {
			return s.repeat(right, n)
		}
		if n, ok := integer(right); ok {
			return s.repeat(left, n)
		}
	}
	return nil, false
}

func (s *state) repeat(v any, n int64) (any, bool) {
	n = max(n, 0)
	charge := func(size int) {
		if size > 0 && n > int64(maxWork/size) {
			fail(s.line, "%w", errWork)
		}
		s.work(size*int(n)/8 + 1)
	}
	switch v := v.(type) {
	case string:
		if v == "" {
			return v, true
		}
		charge(len(v))
		return strings.Repeat(v, int(n)), true
	case *List:
		if len(v.Items) == 0 {
			return &List{Tuple: v.Tuple}, true
		}
		charge(16 * len(v.Items))
		return &List{slices.Repeat(v.Items, int(n)), v.Tuple}, true
	}
	return nil, false
}

// integers computes with 64 bits; where Python would need more it fails.
func (s *state) integers(op string, x, y int64) any {
	overflow := func(bad bool) {
		if bad {
			fail(s.line, "integer out of range in %d %s %d", x, op, y)
		}
	}
	switch op {
	case "+":
		r := x + y
		overflow((r > x) != (y > 0) && y != 0)
		return r
	case "-":
		r := x - y
		overflow((r < x) != (y > 0) && y != 0)
		return r
	case "*":
		if x == 0 || y == 0 {
			return int64(0)
		}
		r := x * y
		overflow(r/y != x || x == -1 && y == math.MinInt64 || y == -1 && x == math.MinInt64)
		return r
	case "**":
		r := int64(1)
		for range min(y, 64) {
			r, _ = s.integers("*", r, x).(int64)
		}
		overflow(y > 64 && x != 0 && x != 1 && x != -1)
		if y > 64 && x == -1 && y%2 == 1 {
			r = -1
		}
		return r
	}
	if y == 0 {
		fail(s.line, "division by zero")
	}
	overflow(x == math.MinInt64 && y == -1)
	q, r := x/y, x%y
	if r != 0 && (r < 0) != (y < 0) {
		q, r = q-1, r+y
	}
	if op == "//" {
		return q
	}
	return r
}
