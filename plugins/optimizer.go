package plugins

import (
	"context"
	"fmt"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/rlvr-harness/harness/core"
	wire "github.com/rlvr-harness/harness/plugins/wire/harness/v1"
)

// ServeOptimizer serves a policy-gradient rule to the harness that started this process; see ServeReward.
func ServeOptimizer[S any](info Info, defaults S, open func(context.Context, S) (core.Optimizer, error)) {
	serve(KindOptimizer, info, defaults, open, func(s *grpc.Server, impl func() (core.Optimizer, error)) {
		wire.RegisterOptimizerServiceServer(s, &optimizerServer{impl: impl})
	})
}

type optimizerServer struct {
	wire.UnimplementedOptimizerServiceServer
	impl func() (core.Optimizer, error)
}

// Needs says what Loss reads.
func (s *optimizerServer) Needs(context.Context, *wire.NeedsRequest) (*wire.NeedsResponse, error) {
	o, err := s.impl()
	if err != nil {
		return nil, err
	}
	n := o.Needs()
	return &wire.NeedsResponse{Reference: n.Reference, Sampler: n.Sampler, SkipIdle: n.SkipIdle, SkipTruncated: n.SkipTruncated}, nil
}

// Advantages answers one rollout batch.
func (s *optimizerServer) Advantages(ctx context.Context, r *wire.AdvantagesRequest) (*wire.AdvantagesResponse, error) {
	o, err := s.impl()
	if err != nil {
		return nil, err
	}
	adv, err := o.Advantages(ctx, groupScoresFromWire(r.GetGroups()))
	if err != nil {
		return nil, answerError(ctx, err)
	}
	return &wire.AdvantagesResponse{Groups: advantagesToWire(adv)}, nil
}

// Loss answers one batch.
func (s *optimizerServer) Loss(ctx context.Context, r *wire.LossRequest) (*wire.LossResponse, error) {
	o, err := s.impl()
	if err != nil {
		return nil, err
	}
	b := batchFromWire(r)
	if err := CheckBatch(b); err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	loss, err := o.Loss(ctx, b)
	if err != nil {
		return nil, answerError(ctx, err)
	}
	return lossToWire(loss), nil
}

// Optimizer is an opened optimizer plugin.
type Optimizer struct {
	p     *process
	needs core.Needs
	// auditedAdvantages and auditedLoss say that there is nothing left to audit.
	auditedAdvantages, auditedLoss atomic.Bool
}

var _ core.Optimizer = (*Optimizer)(nil)

// OpenOptimizer finds, starts and configures an optimizer plugin. The caller closes it.
func OpenOptimizer(ctx context.Context, o Options) (*Optimizer, error) {
	p, err := openProcess(ctx, KindOptimizer, o)
	if err != nil {
		return nil, err
	}
	opt := &Optimizer{p: p}
	opt.auditedAdvantages.Store(!o.Audit)
	opt.auditedLoss.Store(!o.Audit)
	err = p.pure(ctx, "Needs", "", func(ctx context.Context, conn *grpc.ClientConn) error {
		r, err := wire.NewOptimizerServiceClient(conn).Needs(ctx, &wire.NeedsRequest{})
		opt.needs = core.Needs{Reference: r.GetReference(), Sampler: r.GetSampler(), SkipIdle: r.GetSkipIdle(), SkipTruncated: r.GetSkipTruncated()}
		return err
	})
	if err != nil {
		p.close()
		return nil, err
	}
	return opt, nil
}

// Plugin describes the plugin.
func (o *Optimizer) Plugin() Info { return o.p.plugin() }

// PID returns the id of the plugin's process, or 0 where none is running.
func (o *Optimizer) PID() int { return o.p.pid() }

// Close ends the plugin's process.
func (o *Optimizer) Close() error { o.p.close(); return nil }

// Needs implements core.Optimizer; the plugin was asked when it was opened.
func (o *Optimizer) Needs() core.Needs { return o.needs }

// Advantages implements core.Optimizer; its errors are *Error.
func (o *Optimizer) Advantages(ctx context.Context, scores [][]core.Score) ([][]float64, error) {
	n := 0
	for _, g := range scores {
		n += len(g)
	}
	request := &wire.AdvantagesRequest{Groups: groupScoresToWire(scores)}
	ask := func(ctx context.Context, conn *grpc.ClientConn) ([][]float64, error) {
		r, err := wire.NewOptimizerServiceClient(conn).Advantages(ctx, request)
		if err != nil {
			return nil, err
		}
		adv := advantagesFromWire(r.GetGroups())
		return adv, checkAdvantages(adv, scores)
	}
	return audited(ctx, o.p, &o.auditedAdvantages, "Advantages", fmt.Sprintf("%d scores in %d groups", n, len(scores)), ask)
}

// Loss implements core.Optimizer; its errors are *Error, or say which matrix of b has a wrong shape.
func (o *Optimizer) Loss(ctx context.Context, b core.Batch) (core.Loss, error) {
	if err := CheckBatch(b); err != nil {
		return core.Loss{}, fmt.Errorf("%s: Loss: %w", o.p.label(), err)
	}
	request := batchToWire(b)
	ask := func(ctx context.Context, conn *grpc.ClientConn) (core.Loss, error) {
		r, err := wire.NewOptimizerServiceClient(conn).Loss(ctx, request)
		if err != nil {
			return core.Loss{}, err
		}
		loss := lossFromWire(r)
		return loss, checkLoss(loss, b)
	}
	return audited(ctx, o.p, &o.auditedLoss, "Loss", fmt.Sprintf("%d rows of %d tokens", b.Rows, b.Cols), ask)
}

// audited makes a call that may be repeated, and where done is not yet set repeats it to compare the answers.
func audited[T any](ctx context.Context, p *process, done *atomic.Bool, call, sent string, ask func(context.Context, *grpc.ClientConn) (T, error)) (T, error) {
	var answer, none T
	err := p.pure(ctx, call, sent, func(ctx context.Context, conn *grpc.ClientConn) (err error) {
		answer, err = ask(ctx, conn)
		return err
	})
	if err != nil {
		return none, err
	}
	if done.CompareAndSwap(false, true) {
		err := p.pure(ctx, call, sent+", asked again", func(ctx context.Context, conn *grpc.ClientConn) error {
			return auditSame(answer, func() (T, error) { return ask(ctx, conn) })
		})
		if err != nil {
			return none, err
		}
	}
	return answer, nil
}
