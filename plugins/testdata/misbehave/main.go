// Command misbehave is a plugin that does what its first setting says, for the tests of package plugins. Its file's name says
// which kind it is. Told nothing, it is a good plugin: a reward for odd tokens, or REINFORCE with the group's mean.
//
// In a run the settings are part of the manifest, so there $MISBEHAVE says what to do, and when; see disturbed.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/plugins"
)

type settings struct {
	Do   string             `json:"do" doc:"what to do wrong" enum:"nothing,die,die-once,hang,nan,inf,abstain-nan,few,many,error,panic,exit,masked,chatter,configure-error,host,slow,env,component,swap,random,abstain,large,wait,drip,configure-hang"`
	Mark string             `json:"mark" doc:"a file that remembers what was done once"`
	Size int                `json:"size" doc:"a number" min:"0" max:"100"`
	Rate float64            `json:"rate" doc:"another" exclusiveMin:"0"`
	List []string           `json:"list" doc:"words"`
	Map  map[string]float64 `json:"map" doc:"numbers"`
	On   bool               `json:"on" doc:"a switch"`
	Big  uint64             `json:"big" doc:"a seed"`
	By   string             `json:"by" doc:"what a good reward is for" enum:"tests,tokens"`
}

func defaults() settings {
	return settings{Do: "nothing", Rate: 1, Map: map[string]float64{"a": 1}, By: "tests"}
}

// disturbed returns the settings for one call. $MISBEHAVE is CALL:N:DO: DO in the N-th call of CALL, and in all later ones
// where N ends in "+". The file $MISBEHAVE_COUNT has a byte for each call of CALL, whichever process was asked.
func (s settings) disturbed(call string) settings {
	at, do, ok := strings.Cut(strings.TrimPrefix(os.Getenv("MISBEHAVE"), call+":"), ":")
	if !ok || !strings.HasPrefix(os.Getenv("MISBEHAVE"), call+":") {
		return s
	}
	f, err := os.OpenFile(os.Getenv("MISBEHAVE_COUNT"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = f.WriteString(".")
	}
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		log.Fatal(err)
	}
	from, open := strings.CutSuffix(at, "+")
	n, err := strconv.ParseInt(from, 10, 64)
	if err != nil {
		log.Fatal(err)
	}
	if st.Size() == n || open && st.Size() > n {
		s.Do = do
	}
	return s
}

// wrong does what the settings ask for before an answer is made.
func (s settings) wrong(ctx context.Context) error {
	switch s.Do {
	case "die":
		fmt.Fprintln(os.Stderr, "about to die")
		os.Exit(3)
	case "die-once":
		if _, err := os.Stat(s.Mark); err != nil {
			if err := os.WriteFile(s.Mark, nil, 0o600); err != nil {
				return err
			}
			os.Exit(3)
		}
	case "hang":
		fmt.Fprintln(os.Stderr, "waiting for ever")
		select {}
	case "slow":
		select {
		case <-time.After(time.Minute):
		case <-ctx.Done():
			return ctx.Err()
		}
	case "wait":
		fmt.Fprintln(os.Stderr, "waiting for a word")
		for word := os.Getenv("MISBEHAVE_COUNT") + ".go"; ; time.Sleep(10 * time.Millisecond) {
			if _, err := os.Stat(word); err == nil || ctx.Err() != nil {
				return ctx.Err()
			}
		}
	case "error":
		return errors.New("the moon is in the wrong house")
	case "panic":
		panic("a panic of the author's")
	case "chatter":
		fmt.Println("words on standard output")
	}
	return nil
}

type reward struct {
	settings
	host plugins.Host
}

func (r *reward) UseHost(h plugins.Host) error {
	if r.Do == "host" && h == nil {
		return errors.New("this reward runs code of its own and needs the harness's sandbox")
	}
	r.host = h
	return nil
}

func (r *reward) Score(ctx context.Context, g core.Group) ([]core.Score, error) {
	now := r.disturbed("Score")
	if err := now.wrong(ctx); err != nil {
		return nil, err
	}
	out := make([]core.Score, len(g.Samples))
	for i, s := range g.Samples {
		out[i].Value = s.Evidence.Verdict.TestsPassed()
		if r.By == "tokens" {
			out[i].Value = oddTokens(s.Completion.Tokens)
		}
	}
	if len(out) == 0 {
		return out, nil
	}
	switch now.Do {
	case "swap":
		slices.Reverse(out)
	case "random":
		out[0].Value = rand.Float64()
	case "abstain":
		for i := range out {
			out[i] = core.Score{Abstain: true}
		}
	case "large":
		out[0].Note = strings.Repeat("n", 5<<20)
	case "nan":
		out[0].Value = math.NaN()
	case "inf":
		out[0].Value = math.Inf(1)
	case "abstain-nan":
		out[0] = core.Score{Abstain: true, Value: math.NaN()}
	case "component":
		out[0].Components = []core.Component{{Name: "part", Value: math.NaN()}}
	case "few":
		return out[1:], nil
	case "many":
		return append(out, core.Score{}), nil
	case "env":
		out[0].Note = os.Getenv("MISBEHAVE_WORD")
	case "host":
		v, err := r.host.Verify(ctx, g.Task, g.Samples[0].Evidence.Program)
		if err != nil {
			return nil, err
		}
		l, err := r.host.Lint(ctx, g.Samples[0].Evidence.Program)
		if err != nil {
			return nil, err
		}
		out[0].Note = fmt.Sprintf("%s %d", v.Class, l.Total())
	}
	return out, nil
}

// oddTokens returns the share of tokens with an odd id.
func oddTokens(ids []int32) float64 {
	n := 0.0
	for _, id := range ids {
		n += float64(id & 1)
	}
	return n / float64(max(1, len(ids)))
}

type optimizer struct{ settings }

func (o optimizer) Needs() core.Needs { return core.Needs{Reference: o.On, SkipIdle: true} }

func (o optimizer) Advantages(ctx context.Context, scores [][]core.Score) ([][]float64, error) {
	now := o.disturbed("Advantages")
	if err := now.wrong(ctx); err != nil {
		return nil, err
	}
	out := make([][]float64, len(scores))
	for g, group := range scores {
		out[g] = make([]float64, len(group))
		for i, s := range group {
			if !s.Abstain {
				out[g][i] = s.Value - core.Mean(group)
			}
		}
	}
	switch {
	case len(out) == 0 || len(out[0]) == 0:
	case now.Do == "nan":
		out[0][0] = math.NaN()
	case now.Do == "few":
		return out[1:], nil
	case now.Do == "many":
		out[0] = append(out[0], 0)
	case now.Do == "random":
		out[0][0] = rand.Float64()
	case now.Do == "masked":
		for i := range out[0] {
			out[0][i] = 1
		}
	}
	return out, nil
}

func (o optimizer) Loss(ctx context.Context, b core.Batch) (core.Loss, error) {
	now := o.disturbed("Loss")
	if err := now.wrong(ctx); err != nil {
		return core.Loss{}, err
	}
	l := core.Loss{Grad: make([]float64, b.Rows*b.Cols)}
	tokens := max(1, b.TotalTokens)
	for i, on := range b.Mask {
		if on {
			a := b.Advantages[i/b.Cols] / float64(tokens)
			l.Value -= a * b.LogProbs[i]
			l.Grad[i] = -a
		}
	}
	switch now.Do {
	case "nan":
		l.Value = math.NaN()
	case "inf":
		l.Grad[0] = math.Inf(-1)
	case "few":
		l.Grad = l.Grad[1:]
	case "random":
		l.Value = rand.Float64()
	case "masked":
		for i := range l.Grad {
			l.Grad[i] = 1
		}
	case "component":
		l.Metrics = map[string]float64{"odd": math.NaN()}
	}
	return l, nil
}

type policy struct{ settings }

func (p policy) Info(ctx context.Context) (core.PolicyInfo, error) {
	return core.PolicyInfo{Model: "none", Parameters: 7, EOS: []int32{2}, Versions: map[string]string{"lib": "1"}}, p.wrong(ctx)
}

func (p policy) Generate(ctx context.Context, prompts []core.Prompt, s core.Sampling, yield func(core.Generated) error, progress func(int)) error {
	for i := range prompts {
		for n := range s.N {
			g := core.Generated{Prompt: i, Sample: n, Completion: core.Completion{
				Text: "\xff" + prompts[i].Prefill, Tokens: []int32{int32(n), 2}, LogProbs: []float32{-1, -0.5}, Finish: core.FinishEOS,
			}}
			switch p.Do {
			case "nan":
				g.Completion.LogProbs[0] = float32(math.NaN())
			case "few":
				g.Completion.LogProbs = g.Completion.LogProbs[1:]
			case "many":
				g.Sample = 0
			case "large":
				g.Completion.Finish = "max_tokens"
			case "component":
				g.Prompt = 99
			}
			if err := yield(g); err != nil {
				return err
			}
			progress(2 * (n + 1))
			if p.Do == "drip" { // seldom, but again and again
				time.Sleep(300 * time.Millisecond)
			}
			if p.Do == "error" || p.Do == "die" || p.Do == "slow" || p.Do == "hang" {
				if err := p.wrong(ctx); err != nil {
					return err
				}
			}
			if p.Do == "masked" {
				return nil
			}
		}
	}
	return nil
}

func (p policy) Score(ctx context.Context, seqs []core.Sequence, temperature float64, reference bool) (core.TokenScores, error) {
	if err := p.wrong(ctx); err != nil {
		return core.TokenScores{}, err
	}
	var out core.TokenScores
	for _, s := range seqs {
		row := make([]float64, len(s.Completion))
		for t, id := range s.Completion {
			row[t] = -float64(id) / temperature
			if reference {
				row[t]--
			}
		}
		out.LogProbs = append(out.LogProbs, row)
	}
	switch p.Do {
	case "nan":
		out.LogProbs[0][0] = math.NaN()
	case "few":
		out.LogProbs[0] = out.LogProbs[0][1:]
	case "many":
		out.LogProbs = append(out.LogProbs, nil)
	}
	return out, nil
}

func (p policy) Forward(ctx context.Context, seqs []core.Sequence, temperature float64) (core.TokenScores, error) {
	s, err := p.Score(ctx, seqs, temperature, false)
	s.Entropy = s.LogProbs
	return s, err
}

func (p policy) Backward(_ context.Context, grad [][]float64) error {
	if len(grad) == 0 {
		return errors.New("backward: no rows")
	}
	return nil
}

func (p policy) Step(_ context.Context, a core.AdamW) (core.StepStats, error) {
	if p.Do == "nan" {
		return core.StepStats{GradNorm: math.NaN()}, nil
	}
	return core.StepStats{GradNorm: a.LR + a.Beta1 + a.Beta2 + a.Eps + a.WeightDecay + a.MaxGradNorm}, nil
}

func (p policy) SaveAdapter(_ context.Context, dir string) error { return os.MkdirAll(dir, 0o700) }

func (p policy) SaveState(_ context.Context, file string) error {
	return os.WriteFile(file, []byte("state"), 0o600)
}

func (p policy) LoadState(_ context.Context, file string) error {
	_, err := os.ReadFile(file)
	return err
}

func configure[T any](s settings, v T) (T, error) {
	s = s.disturbed("Configure")
	if s.Do == "configure-error" {
		var none T
		return none, &plugins.BadSetting{Name: "do", Err: errors.New("asks for too much")}
	}
	if s.Do == "exit" {
		os.Exit(4)
	}
	if s.Do == "configure-hang" {
		select {}
	}
	return v, nil
}

func main() {
	name := filepath.Base(os.Args[0])
	info := plugins.Info{Version: "0.1.0", Doc: "does what it is told to do wrong"}
	if i := strings.LastIndex(name, "-"); i >= 0 {
		info.Name = name[i+1:]
	}
	switch os.Getenv("MISBEHAVE_START") {
	case "garbage":
		fmt.Println("Hello! I am a plugin.")
		time.Sleep(time.Minute)
	case "exit":
		fmt.Fprintln(os.Stderr, "no such library: libmoon.so")
		os.Exit(127)
	case "protocol", "protocol-old":
		version := map[string]int{"protocol": 7, "protocol-old": 0}[os.Getenv("MISBEHAVE_START")]
		fmt.Printf("1|%d|unix|/nowhere|grpc|\n", version)
		time.Sleep(time.Minute)
	case "netrpc":
		fmt.Println("1|1|unix|/nowhere|netrpc|")
		time.Sleep(time.Minute)
	case "tcp":
		fmt.Println("1|1|tcp|127.0.0.1:1|grpc|")
		time.Sleep(time.Minute)
	case "name":
		info.Name = "somebody-else"
	case "version":
		info.Version = ""
	case "silent":
		time.Sleep(time.Minute)
	}
	switch {
	case strings.Contains(name, "reward"):
		plugins.ServeReward(info, defaults(), func(_ context.Context, s settings) (core.Reward, error) {
			return configure[core.Reward](s, &reward{settings: s})
		})
	case strings.Contains(name, "optimizer"):
		plugins.ServeOptimizer(info, defaults(), func(_ context.Context, s settings) (core.Optimizer, error) {
			return configure[core.Optimizer](s, optimizer{s})
		})
	default:
		plugins.ServePolicy(info, defaults(), func(_ context.Context, s settings) (core.Policy, error) { return configure[core.Policy](s, policy{s}) })
	}
}
