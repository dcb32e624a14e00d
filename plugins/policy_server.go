package plugins

import (
	"context"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/rlvr-harness/harness/core"
	wire "github.com/rlvr-harness/harness/plugins/wire/harness/v1"
)

// ServePolicy serves a policy to the harness that started this process; see ServeReward. Its methods are called one at
// a time, each on a goroutine of its own.
func ServePolicy[S any](info Info, defaults S, open func(context.Context, S) (core.Policy, error)) {
	serve(KindPolicy, info, defaults, open, func(s *grpc.Server, impl func() (core.Policy, error)) {
		wire.RegisterPolicyServiceServer(s, &policyServer{impl: impl})
	})
}

type policyServer struct {
	wire.UnimplementedPolicyServiceServer
	impl func() (core.Policy, error)
	one  sync.Mutex // held during a call
}

// do runs f on the policy, one call at a time.
func (s *policyServer) do(ctx context.Context, f func(core.Policy) error) error {
	p, err := s.impl()
	if err != nil {
		return err
	}
	s.one.Lock()
	defer s.one.Unlock()
	if err := ctx.Err(); err != nil { // it ended while another call ran
		return status.FromContextError(err).Err()
	}
	return answerError(ctx, f(p))
}

// Describe answers with the policy's description.
func (s *policyServer) Describe(ctx context.Context, _ *wire.DescribeRequest) (out *wire.DescribeResponse, err error) {
	err = s.do(ctx, func(p core.Policy) error {
		info, err := p.Info(ctx)
		out = policyInfoToWire(info)
		return err
	})
	return out, err
}

// Generate streams completions as they finish.
func (s *policyServer) Generate(r *wire.GenerateRequest, stream grpc.ServerStreamingServer[wire.GenerateResponse]) error {
	prompts := make([]core.Prompt, len(r.GetPrompts()))
	for i, p := range r.GetPrompts() {
		prompts[i] = promptFromWire(p)
	}
	ctx := stream.Context()
	var sending sync.Mutex // a policy may report from any of its goroutines
	send := func(m *wire.GenerateResponse) error {
		sending.Lock()
		defer sending.Unlock()
		return stream.Send(m)
	}
	yield := func(g core.Generated) error {
		return send(&wire.GenerateResponse{Event: &wire.GenerateResponse_Generated{Generated: &wire.Generated{
			Prompt: int64(g.Prompt), Sample: int64(g.Sample), Completion: completionToWire(g.Completion),
		}}})
	}
	progress := func(tokens int) {
		// A lost progress report harms nothing, and a broken stream shows in yield and in ctx.
		_ = send(&wire.GenerateResponse{Event: &wire.GenerateResponse_Tokens{Tokens: int64(tokens)}})
	}
	return s.do(ctx, func(p core.Policy) error {
		return p.Generate(ctx, prompts, samplingFromWire(r.GetSampling()), yield, progress)
	})
}

// ScoreTokens answers with log-probabilities.
func (s *policyServer) ScoreTokens(ctx context.Context, r *wire.ScoreTokensRequest) (out *wire.ScoreTokensResponse, err error) {
	err = s.do(ctx, func(p core.Policy) error {
		scores, err := p.Score(ctx, sequencesFromWire(r.GetSequences()), r.GetTemperature(), r.GetReference())
		out = &wire.ScoreTokensResponse{Scores: tokenScoresToWire(scores)}
		return err
	})
	return out, err
}

// Forward answers with log-probabilities and holds the computation.
func (s *policyServer) Forward(ctx context.Context, r *wire.ForwardRequest) (out *wire.ForwardResponse, err error) {
	err = s.do(ctx, func(p core.Policy) error {
		scores, err := p.Forward(ctx, sequencesFromWire(r.GetSequences()), r.GetTemperature())
		out = &wire.ForwardResponse{Scores: tokenScoresToWire(scores)}
		return err
	})
	return out, err
}

// Backward adds to the gradient.
func (s *policyServer) Backward(ctx context.Context, r *wire.BackwardRequest) (*wire.BackwardResponse, error) {
	grad, err := raggedFromWire(r.GetGrad())
	if err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "grad: %v", err)
	}
	return &wire.BackwardResponse{}, s.do(ctx, func(p core.Policy) error { return p.Backward(ctx, grad) })
}

// Step updates the adapter.
func (s *policyServer) Step(ctx context.Context, r *wire.StepRequest) (out *wire.StepResponse, err error) {
	err = s.do(ctx, func(p core.Policy) error {
		stats, err := p.Step(ctx, adamWFromWire(r))
		out = &wire.StepResponse{GradNorm: stats.GradNorm}
		return err
	})
	return out, err
}

// SaveAdapter writes the adapter.
func (s *policyServer) SaveAdapter(ctx context.Context, r *wire.SaveAdapterRequest) (*wire.SaveAdapterResponse, error) {
	return &wire.SaveAdapterResponse{}, s.do(ctx, func(p core.Policy) error { return p.SaveAdapter(ctx, r.GetDir()) })
}

// SaveState writes the state.
func (s *policyServer) SaveState(ctx context.Context, r *wire.SaveStateRequest) (*wire.SaveStateResponse, error) {
	return &wire.SaveStateResponse{}, s.do(ctx, func(p core.Policy) error { return p.SaveState(ctx, r.GetFile()) })
}

// LoadState reads the state.
func (s *policyServer) LoadState(ctx context.Context, r *wire.LoadStateRequest) (*wire.LoadStateResponse, error) {
	return &wire.LoadStateResponse{}, s.do(ctx, func(p core.Policy) error { return p.LoadState(ctx, r.GetFile()) })
}
