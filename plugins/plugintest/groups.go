package plugintest

import (
	"fmt"
	"strings"

	"github.com/rlvr-harness/harness/core"
)

// Group returns n samples of one task: every verdict class occurs, with and without findings, code and weak tests.
func Group(n int) core.Group {
	g := core.Group{
		Task: core.Task{
			ID: "11", Benchmark: "starter", Text: "Write a function square(x).", Code: "def square(x):\n    return x * x\n", Entry: "square",
			Tests: []string{"assert square(2) == 4", "assert square(3) == 9", "assert square(-1) == 1"},
		},
		Prompt: core.Prompt{TaskID: "11", Messages: []core.Message{{Role: "user", Content: "Write a function square(x)."}}, Protocol: "plugintest/1"},
	}
	for i := range n {
		g.Samples = append(g.Samples, Sample(i))
	}
	return g
}

// Sample returns the i-th sample of Group.
func Sample(i int) core.Sample {
	classes := core.Classes()
	class := classes[i%len(classes)]
	program := fmt.Sprintf("import os\n\n\ndef square(x):\n    y = %d\n    return x * x\n", i)
	e := core.Evidence{
		Program: program,
		Verdict: core.Verdict{Class: class, Fuel: int64(1000 + i), MemoryBytes: 1 << 20},
		Lint:    core.Lint{Error: i % 2, Warning: i % 3, Refactor: i % 5, Convention: i % 7, Codes: map[string]int{"F401": 1, "F841": i % 2}},
		Tokens:  20 + i%50, Truncated: i%4 == 3,
	}
	for t := range 3 {
		r := core.TestResult{Class: class, Weak: i%11 == 10}
		if t < i%3 {
			r.Class = core.Passed
		}
		if r.Class == core.Error {
			r.Exception, r.Message = "TypeError", "unsupported operand"
		}
		e.Verdict.Tests = append(e.Verdict.Tests, r)
	}
	switch class {
	case core.Passed:
	case core.NoCode:
		e.Program, e.Verdict.Tests, e.Lint = "", nil, core.Lint{}
	case core.Syntax:
		e.Program, e.Lint = "def square(x:\n", core.Lint{Fatal: 1, Codes: map[string]int{"invalid-syntax": 1}}
	case core.Infrastructure:
		e.Verdict.Tests = nil
		e.Verdict.Message = "the sandbox could not be reset"
	case core.Failed, core.Error, core.Exit, core.Timeout, core.Memory, core.Output:
		e.Verdict.Tests[2].Class = class
	}
	c := core.Completion{Text: "Here it is:\n```python\n" + e.Program + "```\n", Finish: core.FinishEOS}
	for t := range e.Tokens {
		c.Tokens = append(c.Tokens, int32(100+(i*31+t*7)%900))
		c.LogProbs = append(c.LogProbs, -float32((i+t)%13)/4)
	}
	if e.Truncated {
		c.Finish = core.FinishLength
	}
	return core.Sample{Index: i, Completion: c, Evidence: e}
}

// odd returns samples whose texts no author has in mind.
func odd() core.Group {
	g := Group(4)
	for i, text := range []string{"", "\x00\xff\xfe", strings.Repeat("x = 1\n", 1<<17), "```\n```\n```"} {
		g.Samples[i].Completion.Text = text
		g.Samples[i].Evidence.Program = text
	}
	g.Task = core.Task{}
	return g
}
