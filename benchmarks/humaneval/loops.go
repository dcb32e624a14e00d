package humaneval

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/rlvr-harness/harness/core"
)

// loops give fixed cases to the tasks whose check draws them in a loop, most of them from a generator without a seed. Each
// returns what is left of the body and puts its tests into the task.
var loops = map[string]func(t *core.Task, body []statement) []statement{
	"find_zero":     roots,
	"decode_cyclic": func(t *core.Task, body []statement) []statement { return decoded(t, body, cyclic) },
	"decode_shift":  func(t *core.Task, body []statement) []statement { return decoded(t, body, shifted) },
	"change_base":   bases,
	"add":           sums,
}

// cases is the number of draws of every loop but change_base's.
const cases = 100

// random returns the numbers that a task's cases are drawn with: the same ones every time.
func random(t *core.Task) *rand.Rand {
	return rand.New(rand.NewPCG(0, uint64(len(t.Entry)))) //nolint:gosec // the same numbers every time are wanted, not unpredictable ones
}

// withoutLoops returns the statements that are no loop and call the candidate.
func withoutLoops(t *core.Task, body []statement) []statement {
	var out []statement
	for _, s := range body {
		if s.words[0].Text != "for" && s.uses(t.Entry) {
			out = append(out, s)
		}
	}
	return out
}

// roots is for HumanEval/32: polynomials of an even number of coefficients, 2 to 8, each in -10 … 10 and not 0. The task
// evaluates the polynomial with a function of the candidate's; here it is the grader's.
func roots(t *core.Task, body []statement) []statement {
	r := random(t)
	t.Judge = "def _harness_poly(xs, x):\n    return sum(c * x**i for i, c in enumerate(xs))\n"
	for range cases {
		coefficients := make([]string, 2*(1+r.IntN(4)))
		for i := range coefficients {
			c := r.IntN(21) - 10
			if c == 0 {
				c = 1
			}
			coefficients[i] = fmt.Sprint(c)
		}
		list := "[" + strings.Join(coefficients, ", ") + "]"
		t.Tests = append(t.Tests, fmt.Sprintf("assert abs(_harness_poly(%s, %s(%s))) < 1e-4", list, t.Entry, list))
	}
	return withoutLoops(t, body)
}

// decoded is for HumanEval/38 and 50: words of 10 to 20 letters, encoded.
func decoded(t *core.Task, body []statement, encode func(string) string) []statement {
	r := random(t)
	for range cases {
		word := make([]byte, 10+r.IntN(11))
		for i := range word {
			word[i] = byte('a' + r.IntN(26))
		}
		t.Tests = append(t.Tests, fmt.Sprintf("assert %s(%q) == %q", t.Entry, encode(string(word)), word))
	}
	return withoutLoops(t, body)
}

// cyclic moves the first letter of each three to their end.
func cyclic(word string) string {
	b := []byte(word)
	for i := 0; i+3 <= len(b); i += 3 {
		b[i], b[i+1], b[i+2] = b[i+1], b[i+2], b[i]
	}
	return string(b)
}

// shifted moves each letter five places on in the alphabet.
func shifted(word string) string {
	b := []byte(word)
	for i := range b {
		b[i] = 'a' + (b[i]-'a'+5)%26
	}
	return string(b)
}

// bases is for HumanEval/44: a number that is smaller than the base has one digit.
func bases(t *core.Task, body []statement) []statement {
	for x := 2; x < 8; x++ {
		t.Tests = append(t.Tests, fmt.Sprintf("assert %s(%d, %d) == \"%d\"", t.Entry, x, x+1, x))
	}
	return withoutLoops(t, body)
}

// sums is for HumanEval/53: two numbers in 0 … 1000.
func sums(t *core.Task, body []statement) []statement {
	r := random(t)
	for range cases {
		x, y := r.IntN(1001), r.IntN(1001)
		t.Tests = append(t.Tests, fmt.Sprintf("assert %s(%d, %d) == %d", t.Entry, x, y, x+y))
	}
	return withoutLoops(t, body)
}
