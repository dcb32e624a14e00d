package main

import (
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/rlvr-harness/harness/benchmarks/samples"
	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/core/eval"
)

// TestTerminalGetsTextOnly lets every text that a program chooses, the names of its exceptions among them, carry what a terminal obeys.
func TestTerminalGetsTextOnly(t *testing.T) {
	const hostile = "a\x1b[2J\x07\x7f\u009b31m\r\xff\u202ez"
	var explained strings.Builder
	err := explain(&explained, &gradedJob{
		sample: samples.Sample{Text: hostile},
		task:   core.Task{ID: hostile, Tests: []string{"assert f(1) == 1\nassert f(2)" + hostile}},
	}, core.Evidence{Program: "x = 1\n# " + hostile, Verdict: core.Verdict{
		Class: core.Error, Exception: hostile, Message: hostile, Tests: []core.TestResult{{Class: core.Error, Exception: hostile, Message: hostile}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	var none strings.Builder
	if err := explain(&none, &gradedJob{}, core.Evidence{Verdict: core.Verdict{Class: core.Memory, Message: hostile}}); err != nil {
		t.Fatal(err)
	}
	var measured strings.Builder
	printEvaluation(cli.NewContext(&cli.App{Writer: &measured}, nil, nil), eval.Result{
		PassAtK: map[string]eval.Estimate{"1": {}}, Exceptions: map[string]int{hostile: 2}, Verdicts: map[core.Class]int{core.Error: 2},
	})
	if got, want := printable("é\t\x00\x1b\x7f\u0085\u202e\u2066\xff→"), "é\t"+strings.Repeat("�", 7)+"→"; got != want {
		t.Errorf("printable gives %q, want %q", got, want)
	}
	for what, text := range map[string]string{"--explain": explained.String(), "--explain without tests": none.String(), "eval": measured.String()} {
		if !strings.Contains(text, "[2J") || !strings.Contains(text, "31m") {
			t.Errorf("%s lost the text: %q", what, text)
		}
		if line := strings.ReplaceAll(text, "\n", ""); line != printable(line) {
			t.Errorf("%s reaches a terminal as %q", what, text)
		}
	}
}
