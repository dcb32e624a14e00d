package plugins

import (
	"strings"

	"github.com/rlvr-harness/harness/core"
	wire "github.com/rlvr-harness/harness/plugins/wire/harness/v1"
)

// The conversions between the nouns of core and the wire. Each pair is a round trip, with two provisos: an empty slice
// comes back as nil, and text that is no valid UTF-8 comes back with replacement characters, except where it was sampled
// by a policy (a completion's text, a program), which is carried byte for byte.

// text makes a string fit for a protobuf string.
func text(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

func texts(in []string) []string {
	if len(in) == 0 {
		return nil
	}
	out := make([]string, len(in))
	for i, s := range in {
		out[i] = text(s)
	}
	return out
}

// orNil makes an empty slice nil, so that nil and empty are one on either end.
func orNil[E any](s []E) []E {
	if len(s) == 0 {
		return nil
	}
	return s
}

func groupToWire(g core.Group) *wire.Group {
	out := &wire.Group{Task: taskToWire(g.Task), Prompt: promptToWire(g.Prompt)}
	for _, s := range g.Samples {
		out.Samples = append(out.Samples, &wire.Sample{
			Index: int64(s.Index), Completion: completionToWire(s.Completion), Evidence: evidenceToWire(s.Evidence),
		})
	}
	return out
}

func groupFromWire(g *wire.Group) core.Group {
	out := core.Group{Task: taskFromWire(g.GetTask()), Prompt: promptFromWire(g.GetPrompt())}
	for _, s := range g.GetSamples() {
		out.Samples = append(out.Samples, core.Sample{
			Index: int(s.GetIndex()), Completion: completionFromWire(s.GetCompletion()), Evidence: evidenceFromWire(s.GetEvidence()),
		})
	}
	return out
}

func taskToWire(t core.Task) *wire.Task {
	return &wire.Task{
		Id: text(t.ID), Benchmark: text(t.Benchmark), Text: text(t.Text), Code: text(t.Code), Entry: text(t.Entry),
		Imports: texts(t.Imports), Setup: text(t.Setup), Tests: texts(t.Tests), Challenge: texts(t.Challenge), Judge: text(t.Judge),
	}
}

func taskFromWire(t *wire.Task) core.Task {
	return core.Task{
		ID: t.GetId(), Benchmark: t.GetBenchmark(), Text: t.GetText(), Code: t.GetCode(), Entry: t.GetEntry(),
		Imports: t.GetImports(), Setup: t.GetSetup(), Tests: t.GetTests(), Challenge: t.GetChallenge(), Judge: t.GetJudge(),
	}
}

func promptToWire(p core.Prompt) *wire.Prompt {
	out := &wire.Prompt{TaskId: text(p.TaskID), Prefill: text(p.Prefill), Stop: texts(p.Stop), Protocol: text(p.Protocol), Visible: int64(p.Visible)}
	for _, m := range p.Messages {
		out.Messages = append(out.Messages, &wire.Message{Role: text(m.Role), Content: text(m.Content)})
	}
	return out
}

func promptFromWire(p *wire.Prompt) core.Prompt {
	out := core.Prompt{TaskID: p.GetTaskId(), Prefill: p.GetPrefill(), Stop: p.GetStop(), Protocol: p.GetProtocol(), Visible: int(p.GetVisible())}
	for _, m := range p.GetMessages() {
		out.Messages = append(out.Messages, core.Message{Role: m.GetRole(), Content: m.GetContent()})
	}
	return out
}

func completionToWire(c core.Completion) *wire.Completion {
	return &wire.Completion{
		Text: []byte(c.Text), PromptTokens: c.PromptTokens, Tokens: c.Tokens, LogProbs: c.LogProbs, Finish: text(string(c.Finish)),
	}
}

func completionFromWire(c *wire.Completion) core.Completion {
	return core.Completion{
		Text: string(c.GetText()), PromptTokens: orNil(c.GetPromptTokens()), Tokens: orNil(c.GetTokens()),
		LogProbs: orNil(c.GetLogProbs()), Finish: core.Finish(c.GetFinish()),
	}
}

func evidenceToWire(e core.Evidence) *wire.Evidence {
	return &wire.Evidence{
		Program: []byte(e.Program), Verdict: verdictToWire(e.Verdict), Lint: lintToWire(e.Lint),
		Tokens: int64(e.Tokens), Truncated: e.Truncated,
	}
}

func evidenceFromWire(e *wire.Evidence) core.Evidence {
	return core.Evidence{
		Program: string(e.GetProgram()), Verdict: verdictFromWire(e.GetVerdict()), Lint: lintFromWire(e.GetLint()),
		Tokens: int(e.GetTokens()), Truncated: e.GetTruncated(),
	}
}

func verdictToWire(v core.Verdict) *wire.Verdict {
	out := &wire.Verdict{
		Class: text(string(v.Class)), Weak: v.Weak, Exception: text(v.Exception), Message: text(v.Message),
		Fuel: v.Fuel, MemoryBytes: v.MemoryBytes, StdoutBytes: v.StdoutBytes,
	}
	for _, t := range v.Tests {
		out.Tests = append(out.Tests, &wire.TestResult{
			Class: text(string(t.Class)), Exception: text(t.Exception), Message: text(t.Message), Weak: t.Weak,
		})
	}
	return out
}

func verdictFromWire(v *wire.Verdict) core.Verdict {
	out := core.Verdict{
		Class: core.Class(v.GetClass()), Weak: v.GetWeak(), Exception: v.GetException(), Message: v.GetMessage(),
		Fuel: v.GetFuel(), MemoryBytes: v.GetMemoryBytes(), StdoutBytes: v.GetStdoutBytes(),
	}
	for _, t := range v.GetTests() {
		out.Tests = append(out.Tests, core.TestResult{
			Class: core.Class(t.GetClass()), Exception: t.GetException(), Message: t.GetMessage(), Weak: t.GetWeak(),
		})
	}
	return out
}

func lintToWire(l core.Lint) *wire.Lint {
	out := &wire.Lint{
		Fatal: int64(l.Fatal), Error: int64(l.Error), Warning: int64(l.Warning), Refactor: int64(l.Refactor),
		Convention: int64(l.Convention), Suppressions: int64(l.Suppressions), Unavailable: l.Unavailable,
	}
	if len(l.Codes) > 0 {
		out.Codes = make(map[string]int64, len(l.Codes))
		for code, n := range l.Codes {
			out.Codes[text(code)] = int64(n)
		}
	}
	return out
}

func lintFromWire(l *wire.Lint) core.Lint {
	out := core.Lint{
		Fatal: int(l.GetFatal()), Error: int(l.GetError()), Warning: int(l.GetWarning()), Refactor: int(l.GetRefactor()),
		Convention: int(l.GetConvention()), Suppressions: int(l.GetSuppressions()), Unavailable: l.GetUnavailable(),
	}
	if len(l.GetCodes()) > 0 {
		out.Codes = make(map[string]int, len(l.GetCodes()))
		for code, n := range l.GetCodes() {
			out.Codes[code] = int(n)
		}
	}
	return out
}

func scoresToWire(scores []core.Score) []*wire.Score {
	var out []*wire.Score
	for _, s := range scores {
		w := &wire.Score{Value: s.Value, Abstain: s.Abstain, Note: text(s.Note)}
		for _, c := range s.Components {
			w.Components = append(w.Components, &wire.Component{Name: text(c.Name), Value: c.Value, Weighted: c.Weighted, Weight: c.Weight})
		}
		out = append(out, w)
	}
	return out
}

func scoresFromWire(scores []*wire.Score) []core.Score {
	var out []core.Score
	for _, s := range scores {
		c := core.Score{Value: s.GetValue(), Abstain: s.GetAbstain(), Note: s.GetNote()}
		for _, w := range s.GetComponents() {
			c.Components = append(c.Components, core.Component{Name: w.GetName(), Value: w.GetValue(), Weighted: w.GetWeighted(), Weight: w.GetWeight()})
		}
		out = append(out, c)
	}
	return out
}
