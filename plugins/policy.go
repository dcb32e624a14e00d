package plugins

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"google.golang.org/grpc"

	"github.com/rlvr-harness/harness/core"
	wire "github.com/rlvr-harness/harness/plugins/wire/harness/v1"
)

// Policy is an opened policy plugin. What Forward computes stays in its process, so it is never restarted: after it died,
// or was ended since it kept silent for too long, every call fails, and the run goes on from its last checkpoint.
type Policy struct{ p *process }

var _ core.Policy = (*Policy)(nil)

// OpenPolicy finds, starts and configures a policy plugin, which loads its model meanwhile. The caller closes it.
func OpenPolicy(ctx context.Context, o Options) (*Policy, error) {
	p, err := openProcess(ctx, KindPolicy, o)
	if err != nil {
		return nil, err
	}
	return &Policy{p}, nil
}

// Plugin describes the plugin.
func (c *Policy) Plugin() Info { return c.p.plugin() }

// PID returns the id of the plugin's process, or 0 where none is running.
func (c *Policy) PID() int { return c.p.pid() }

// Close ends the plugin's process.
func (c *Policy) Close() error { c.p.close(); return nil }

// Info implements core.Policy.
func (c *Policy) Info(ctx context.Context) (core.PolicyInfo, error) {
	var info core.PolicyInfo
	err := c.p.once(ctx, "Describe", "", func(ctx context.Context, conn *grpc.ClientConn) error {
		r, err := wire.NewPolicyServiceClient(conn).Describe(ctx, &wire.DescribeRequest{})
		if err == nil {
			info = policyInfoFromWire(r)
		}
		return err
	})
	return info, err
}

// Generate implements core.Policy. yield and progress are called on the caller's goroutine; an error of yield ends the call
// and is returned as it is.
func (c *Policy) Generate(ctx context.Context, prompts []core.Prompt, s core.Sampling, yield func(core.Generated) error, progress func(int)) error {
	if len(s.Seeds) != len(prompts)*s.N {
		return fmt.Errorf("%s: Generate: %d seeds for %d prompts with %d completions each", c.p.label(), len(s.Seeds), len(prompts), s.N)
	}
	request := &wire.GenerateRequest{Sampling: samplingToWire(s)}
	for _, p := range prompts {
		request.Prompts = append(request.Prompts, promptToWire(p))
	}
	sent := fmt.Sprintf("%d prompts with %d completions each, of up to %d tokens", len(prompts), s.N, s.MaxTokens)
	return c.p.stream(ctx, "Generate", sent, func(ctx context.Context, conn *grpc.ClientConn, heard func()) error {
		ctx, cancel := context.WithCancel(ctx) // leaving early must end the stream
		defer cancel()
		stream, err := wire.NewPolicyServiceClient(conn).Generate(ctx, request)
		if err != nil {
			return err
		}
		seen := make(map[[2]int]bool, len(prompts)*s.N)
		for {
			r, err := stream.Recv()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return err
			}
			heard()
			switch e := r.GetEvent().(type) {
			case *wire.GenerateResponse_Tokens:
				if progress != nil {
					progress(int(e.Tokens))
				}
			case *wire.GenerateResponse_Generated:
				g := core.Generated{
					Prompt: int(e.Generated.GetPrompt()), Sample: int(e.Generated.GetSample()),
					Completion: completionFromWire(e.Generated.GetCompletion()),
				}
				if err := checkGenerated(g, len(prompts), s, seen); err != nil {
					return err
				}
				if err := yield(g); err != nil {
					return callerError{err}
				}
			}
		}
		if len(seen) != len(prompts)*s.N {
			return wrong("%d completions where %d were asked for", len(seen), len(prompts)*s.N)
		}
		return nil
	})
}

// describe says in a few words what sequences are sent.
func describe(seqs []core.Sequence) string {
	prompt, completion := 0, 0
	for _, s := range seqs {
		prompt += len(s.Prompt)
		completion += len(s.Completion)
	}
	return fmt.Sprintf("%d sequences with %d prompt and %d completion tokens", len(seqs), prompt, completion)
}

// Score implements core.Policy.
func (c *Policy) Score(ctx context.Context, seqs []core.Sequence, temperature float64, reference bool) (core.TokenScores, error) {
	request := &wire.ScoreTokensRequest{Sequences: sequencesToWire(seqs), Temperature: temperature, Reference: reference}
	var scores core.TokenScores
	err := c.p.once(ctx, "ScoreTokens", describe(seqs), func(ctx context.Context, conn *grpc.ClientConn) error {
		r, err := wire.NewPolicyServiceClient(conn).ScoreTokens(ctx, request)
		if err != nil {
			return err
		}
		scores, err = receiveTokenScores(r.GetScores(), seqs)
		return err
	})
	return scores, err
}

// Forward implements core.Policy.
func (c *Policy) Forward(ctx context.Context, seqs []core.Sequence, temperature float64) (core.TokenScores, error) {
	request := &wire.ForwardRequest{Sequences: sequencesToWire(seqs), Temperature: temperature}
	var scores core.TokenScores
	err := c.p.once(ctx, "Forward", describe(seqs), func(ctx context.Context, conn *grpc.ClientConn) error {
		r, err := wire.NewPolicyServiceClient(conn).Forward(ctx, request)
		if err != nil {
			return err
		}
		scores, err = receiveTokenScores(r.GetScores(), seqs)
		return err
	})
	return scores, err
}

func receiveTokenScores(w *wire.TokenScores, seqs []core.Sequence) (core.TokenScores, error) {
	scores, err := tokenScoresFromWire(w)
	if err != nil {
		return core.TokenScores{}, wrongError{err}
	}
	if err := checkTokenScores(scores, seqs); err != nil {
		return core.TokenScores{}, err
	}
	return scores, nil
}

// Backward implements core.Policy.
func (c *Policy) Backward(ctx context.Context, grad [][]float64) error {
	for i, row := range grad {
		for t, d := range row {
			if !finite(d) {
				return fmt.Errorf("%s: Backward: derivative %v at row %d token %d", c.p.label(), d, i, t)
			}
		}
	}
	request := &wire.BackwardRequest{Grad: raggedToWire(grad)}
	return c.p.once(ctx, "Backward", fmt.Sprintf("%d rows", len(grad)), func(ctx context.Context, conn *grpc.ClientConn) error {
		_, err := wire.NewPolicyServiceClient(conn).Backward(ctx, request)
		return err
	})
}

// Step implements core.Policy.
func (c *Policy) Step(ctx context.Context, a core.AdamW) (core.StepStats, error) {
	var stats core.StepStats
	err := c.p.once(ctx, "Step", fmt.Sprintf("learning rate %g", a.LR), func(ctx context.Context, conn *grpc.ClientConn) error {
		r, err := wire.NewPolicyServiceClient(conn).Step(ctx, adamWToWire(a))
		if err != nil {
			return err
		}
		stats.GradNorm = r.GetGradNorm()
		if !finite(stats.GradNorm) {
			return wrong("gradient norm %v", stats.GradNorm)
		}
		return nil
	})
	return stats, err
}

// SaveAdapter implements core.Policy.
func (c *Policy) SaveAdapter(ctx context.Context, dir string) error {
	return c.file(ctx, "SaveAdapter", dir, func(ctx context.Context, k wire.PolicyServiceClient, path string) error {
		_, err := k.SaveAdapter(ctx, &wire.SaveAdapterRequest{Dir: path})
		return err
	})
}

// SaveState implements core.Policy.
func (c *Policy) SaveState(ctx context.Context, file string) error {
	return c.file(ctx, "SaveState", file, func(ctx context.Context, k wire.PolicyServiceClient, path string) error {
		_, err := k.SaveState(ctx, &wire.SaveStateRequest{File: path})
		return err
	})
}

// LoadState implements core.Policy.
func (c *Policy) LoadState(ctx context.Context, file string) error {
	return c.file(ctx, "LoadState", file, func(ctx context.Context, k wire.PolicyServiceClient, path string) error {
		_, err := k.LoadState(ctx, &wire.LoadStateRequest{File: path})
		return err
	})
}

// file makes a call about a path, which is made absolute: the plugin may have another working folder.
func (c *Policy) file(ctx context.Context, name, path string, call func(context.Context, wire.PolicyServiceClient, string) error) error {
	abs, err := filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("%s: %s: %w", c.p.label(), name, err)
	}
	return c.p.once(ctx, name, abs, func(ctx context.Context, conn *grpc.ClientConn) error {
		return call(ctx, wire.NewPolicyServiceClient(conn), abs)
	})
}
