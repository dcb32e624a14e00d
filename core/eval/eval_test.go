package eval

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"math/big"
	"math/bits"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rlvr-harness/harness/core"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestPassAtK draws every set of k of n samples.
func TestPassAtK(t *testing.T) {
	for n := 1; n <= 10; n++ {
		for c := range n + 1 {
			for k := 1; k <= n; k++ {
				sets, hits := 0, 0
				for set := range uint(1) << n {
					if bits.OnesCount(set) == k {
						sets++
						if set&(1<<c-1) != 0 { // the first c samples pass
							hits++
						}
					}
				}
				if got, want := PassAtK(n, c, k), float64(hits)/float64(sets); math.Abs(got-want) > 1e-15 {
					t.Errorf("PassAtK(%d, %d, %d) = %v, want %v", n, c, k, got, want)
				}
			}
		}
	}
}

// TestPassAtKLarge compares with exact binomials where a naive quotient overflows or loses its digits.
func TestPassAtKLarge(t *testing.T) {
	for _, c := range [][3]int{{10_000, 1, 1}, {10_000, 1, 100}, {5000, 2500, 3}, {200, 1, 100}, {1000, 999, 1}, {1_000_000, 1, 1}} {
		n, passed, k := int64(c[0]), int64(c[1]), int64(c[2])
		miss, all := new(big.Int).Binomial(n-passed, k), new(big.Int).Binomial(n, k)
		want, _ := new(big.Rat).SetFrac(new(big.Int).Sub(all, miss), all).Float64()
		if got := PassAtK(c[0], c[1], c[2]); math.Abs(got-want) > 1e-13*want {
			t.Errorf("PassAtK%v = %.17g, want %.17g", c, got, want)
		}
	}
}

// TestSignTest adds up exact binomials.
func TestSignTest(t *testing.T) {
	pairs := [][2]int{{400, 600}, {0, 1000}, {499, 501}}
	for x := range 25 {
		for y := range 25 {
			pairs = append(pairs, [2]int{x, y})
		}
	}
	for _, p := range pairs {
		n := int64(p[0] + p[1])
		tail := new(big.Int)
		for i := range int64(min(p[0], p[1])) + 1 {
			tail.Add(tail, new(big.Int).Binomial(n, i))
		}
		want, _ := new(big.Rat).SetFrac(tail.Lsh(tail, 1), new(big.Int).Lsh(big.NewInt(1), uint(n))).Float64()
		if want = min(1, want); math.Abs(signTest(p[0], p[1])-want) > 1e-11*want {
			t.Errorf("signTest%v = %v, want %v", p, signTest(p[0], p[1]), want)
		}
	}
}

// TestIntervals checks numbers from the literature and the ends of the range.
func TestIntervals(t *testing.T) {
	near := func(got, want float64) bool { return math.Abs(got-want) < 5e-5 }
	for _, c := range []struct {
		name      string
		e         Estimate
		low, high float64
	}{
		{"81 of 263 (Newcombe 1998, table I)", wilson(81.0/263, 263), 0.2553, 0.3662},
		{"15 of 148", wilson(15.0/148, 148), 0.0624, 0.1605},
		{"0 of 20", wilson(0, 20), 0, 0.1611},
		{"1 of 29", wilson(1.0/29, 29), 0.0061, 0.1718},
		{"29 of 29", wilson(1, 29), 0.8830, 1},
		{"one value is one outcome", meanOf([]float64{1}), 0.2065, 1},
		{"yes-or-no values are Wilson's", meanOf(append(make([]float64, 182), slices.Repeat([]float64{1}, 81)...)), 0.2553, 0.3662},
		{"fractions: Agresti and Coull's, by hand", meanOf([]float64{0.5, 0.5}), 0.1712, 0.8288},
		{"two halves are narrower than a yes and a no", meanOf([]float64{0, 1}), 0.0945, 0.9055},
	} {
		if !near(c.e.Low, c.low) || !near(c.e.High, c.high) {
			t.Errorf("%s: [%.4f, %.4f], want [%.4f, %.4f]", c.name, c.e.Low, c.e.High, c.low, c.high)
		}
	}
	if e := meanDifference(make([]float64, 50)); e.Value != 0 || e.Low >= 0 || e.Low != -e.High {
		t.Errorf("no difference anywhere: %+v", e)
	}
	if e := meanDifference([]float64{1, 1, 1}); e.High != 1 || e.Value != 1 {
		t.Errorf("all in favour: %+v", e)
	}
}

// TestCoverage draws evaluations of many kinds and counts how often the interval holds the truth.
func TestCoverage(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct {
		tasks, samples int
		spread         bool // tasks differ in difficulty
		p              float64
	}{
		{164, 1, false, 0.02}, {164, 1, false, 0.5}, {500, 1, true, 0.9}, {100, 8, true, 0.3}, {100, 8, false, 0.3}, {50, 4, true, 0.95}, {500, 20, true, 0.6},
	} {
		const rounds = 2000
		hits, width := 0, 0.0
		for range rounds {
			values := make([]float64, c.tasks)
			for i := range values {
				p := c.p
				if c.spread { // solved nearly always or nearly never, p on average
					p = 0.02
					if rng.Float64() < (c.p-0.02)/0.96 {
						p = 0.98
					}
				}
				for range c.samples {
					if rng.Float64() < p {
						values[i] += 1 / float64(c.samples)
					}
				}
			}
			e := meanOf(values)
			width += (e.High - e.Low) / rounds
			if e.Low <= c.p && c.p <= e.High {
				hits++
			}
		}
		share := float64(hits) / rounds
		t.Logf("%+v: coverage %.3f, mean width %.3f", c, share, width)
		if share < 0.93 || share > 0.99 {
			t.Errorf("%+v: a 95 %% interval held the truth in %.3f of the draws", c, share)
		}
	}
}

// TestPairedCoverage does so for differences, and counts how often McNemar's test is wrong where nothing differs.
func TestPairedCoverage(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, c := range []struct {
		tasks, samples int
		a, b           float64 // pass rates, given that the task is one of the half that can be solved
	}{{164, 1, 0.5, 0.5}, {164, 1, 0.6, 0.4}, {500, 1, 0.9, 0.95}, {100, 8, 0.4, 0.5}, {60, 1, 0.02, 0.02}} {
		const rounds = 500
		hits, rejected := 0, 0
		for range rounds {
			var a, b []Record
			for i := range c.tasks {
				possible := rng.Float64() < 0.5
				for s := range c.samples {
					a = append(a, record(fmt.Sprint(i), s, possible && rng.Float64() < c.a))
					b = append(b, record(fmt.Sprint(i), s, possible && rng.Float64() < c.b))
				}
			}
			cmp, err := Compare(a, b)
			if err != nil {
				t.Fatal(err)
			}
			if truth := (c.b - c.a) / 2; cmp.Difference.Low <= truth && truth <= cmp.Difference.High {
				hits++
			}
			if cmp.McNemar.P < 0.05 {
				rejected++
			}
		}
		share, wrong := float64(hits)/rounds, float64(rejected)/rounds
		t.Logf("%+v: coverage %.3f, rejected %.3f", c, share, wrong)
		if share < 0.93 {
			t.Errorf("%+v: a 95 %% interval held the truth in %.3f of the draws", c, share)
		}
		if c.a == c.b && wrong > 0.06 {
			t.Errorf("%+v: the test was wrong in %.3f of the draws", c, wrong)
		}
	}
}

func record(id string, sample int, passed bool) Record {
	r := Record{TaskID: id, Sample: sample, Verdict: core.Verdict{Class: core.Failed}}
	if passed {
		r.Verdict.Class = core.Passed
	}
	return r
}

func tests(outcomes string) []core.TestResult {
	var out []core.TestResult
	for _, c := range outcomes {
		class := core.Failed
		if c == '+' {
			class = core.Passed
		}
		out = append(out, core.TestResult{Class: class})
	}
	return out
}

func example() []Record {
	return []Record{
		{TaskID: "11", Sample: 0, Verdict: core.Verdict{Class: core.Passed, Tests: tests("+++")}, Tokens: 10, Visible: 1, Lint: core.Lint{Warning: 2, Codes: map[string]int{"F401": 2}}},
		{TaskID: "11", Sample: 1, Verdict: core.Verdict{Class: core.Failed, Exception: "AssertionError", Tests: tests("+-+")}, Tokens: 20, Visible: 1, Lint: core.Lint{Convention: 1}},
		{TaskID: "12", Sample: 0, Verdict: core.Verdict{Class: core.Error, Exception: "TypeError", Tests: tests("---")}, Tokens: 30, Truncated: true, Visible: 1, Lint: core.Lint{Codes: map[string]int{"F401": 1}, Error: 1}},
		{TaskID: "12", Sample: 1, Verdict: core.Verdict{Class: core.NoCode}, Tokens: 1},
		{TaskID: "13", Sample: 0, Verdict: core.Verdict{Class: core.Passed, Weak: true}, Tokens: 50, Lint: core.Lint{Unavailable: true}},
		{TaskID: "13", Sample: 1, Verdict: core.Verdict{Class: core.Passed}, Tokens: 60},
		{TaskID: "14", Sample: 0, Verdict: core.Verdict{Class: core.Infrastructure}, Tokens: 70},
	}
}

func TestSummarize(t *testing.T) {
	o := Options{Benchmark: "mbpp", Split: "test", Tasks: []string{"15", "14", "13", "12", "11"}, Ks: []int{1, 2}, Protocol: map[string]any{"prompt": "chat-first/1", "extract": "auto/1"}}
	r, err := Summarize(example(), o)
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", "summary.golden.json")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, append(got, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got)+"\n" != string(want) {
		t.Errorf("got %s\nwant %s", got, want)
	}
	// worked by hand: pass@1 of 11, 12, 13 and of 15, which nobody answered: 1/2, 0, 1, 0
	if v := r.PassAtK["1"].Value; v != 0.375 {
		t.Errorf("pass@1 %v", v)
	}
	if v := r.PassAtK["2"].Value; v != 0.5 {
		t.Errorf("pass@2 %v", v)
	}
	if g := r.Diagnostics["visible_minus_hidden"]; math.Abs(g-(0+0.5+0)/3) > 1e-15 || r.Diagnostics["visible_only"] != 1.0/3 {
		t.Errorf("diagnostics %v", r.Diagnostics)
	}

	shuffled := example()
	rng := rand.New(rand.NewPCG(5, 6))
	for range 20 {
		rng.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		again, err := Summarize(shuffled, o)
		if err != nil {
			t.Fatal(err)
		}
		if b, _ := json.MarshalIndent(again, "", "  "); string(b) != string(got) {
			t.Fatalf("the order of the records matters: %s", b)
		}
	}
}

func TestSummarizeSmall(t *testing.T) {
	r, err := Summarize([]Record{record("a", 0, true)}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`"completion_tokens":null`, `"exceptions":{}`, `"protocol":{}`, `"verdicts":{"passed":1}`} {
		if !strings.Contains(string(b), part) {
			t.Errorf("%s is not in %s", part, b)
		}
	}
	if e := r.PassAtK["1"]; e.Value != 1 || e.High != 1 || e.Low > 0.21 {
		t.Errorf("%+v", e)
	}
}

func TestSummarizeErrors(t *testing.T) {
	two := []Record{record("a", 0, true), record("a", 1, true), record("b", 0, false)}
	for _, c := range []struct {
		name    string
		records []Record
		o       Options
		want    string
	}{
		{"no records", nil, Options{}, "no completions"},
		{"a sample twice", append(two, record("b", 0, true)), Options{}, "task b has sample 0 twice"},
		{"an unknown task", two, Options{Tasks: []string{"a"}}, "a completion is for task b, which is not among the 1 tasks"},
		{"a task listed twice", two, Options{Tasks: []string{"a", "b", "a"}}, "task a is listed twice"},
		{"k is too large", two, Options{Ks: []int{1, 2}}, "pass@2 needs 2 scored samples of each task, and task b has 1"},
		{"k is zero", two, Options{Ks: []int{0}}, "pass@0 means nothing"},
		{"nothing was judged", []Record{{TaskID: "a", Verdict: core.Verdict{Class: core.Infrastructure}}}, Options{}, "no task has a verdict"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Summarize(c.records, c.o)
			if err == nil || !strings.HasPrefix(err.Error(), "eval: ") || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %s", err, c.want)
			}
			if c.name == "k is too large" && !errors.Is(err, ErrTooFewSamples) {
				t.Error("not ErrTooFewSamples")
			}
		})
	}
}

func TestCompare(t *testing.T) {
	a := []Record{record("1", 0, true), record("2", 0, true), record("3", 0, false), record("4", 0, false), record("5", 0, true)}
	b := []Record{
		record("1", 0, true), record("2", 0, false), record("3", 0, true), record("4", 0, true), record("6", 0, true),
		{TaskID: "5", Verdict: core.Verdict{Class: core.Infrastructure}},
	}
	c, err := Compare(a, b)
	if err != nil {
		t.Fatal(err)
	}
	if c.Tasks != 4 || c.OnlyA != 1 || c.OnlyB != 1 || c.A.Value != 0.5 || c.B.Value != 0.75 || c.Difference.Value != 0.25 {
		t.Errorf("%+v", c)
	}
	if c.McNemar != (McNemar{ABetter: 1, BBetter: 2, Ties: 1, P: 1}) {
		t.Errorf("%+v", c.McNemar)
	}
	back, err := Compare(b, a)
	if err != nil || back.Difference.Value != -c.Difference.Value || back.Difference.Low != -c.Difference.High || back.McNemar.P != c.McNemar.P {
		t.Errorf("the other way round: %+v, %v", back, err)
	}
	// thirds: equal shares are a tie whatever floats say
	thirds := func(n, passed int) (out []Record) {
		for i := range n {
			out = append(out, record("x", i, i < passed))
		}
		return out
	}
	if c, err := Compare(thirds(3, 1), thirds(6, 2)); err != nil || c.McNemar.Ties != 1 {
		t.Errorf("%+v, %v", c, err)
	}
	if _, err := Compare(a, []Record{record("9", 0, true)}); err == nil || !strings.Contains(err.Error(), "no task in common") {
		t.Error(err)
	}
	if _, err := Compare(nil, append(a, a...)); err == nil || !strings.Contains(err.Error(), "the second result: task 1 has sample 0 twice") {
		t.Error(err)
	}
}
