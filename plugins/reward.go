package plugins

import (
	"context"
	"fmt"
	"sync/atomic"

	"google.golang.org/grpc"

	"github.com/rlvr-harness/harness/core"
	wire "github.com/rlvr-harness/harness/plugins/wire/harness/v1"
)

// ServeReward serves a reward to the harness that started this process; it is all that a plugin's main does, and does
// not return before the harness lets go. defaults are the settings where the user gives none, and their type is the
// settings' schema. open is called once, with the settings.
func ServeReward[S any](info Info, defaults S, open func(context.Context, S) (core.Reward, error)) {
	serve(KindReward, info, defaults, open, func(s *grpc.Server, impl func() (core.Reward, error)) {
		wire.RegisterRewardServiceServer(s, &rewardServer{impl: impl})
	})
}

type rewardServer struct {
	wire.UnimplementedRewardServiceServer
	impl func() (core.Reward, error)
}

// Score answers one group.
func (s *rewardServer) Score(ctx context.Context, r *wire.ScoreRequest) (*wire.ScoreResponse, error) {
	reward, err := s.impl()
	if err != nil {
		return nil, err
	}
	scores, err := reward.Score(ctx, groupFromWire(r.GetGroup()))
	if err != nil {
		return nil, answerError(ctx, err)
	}
	return &wire.ScoreResponse{Scores: scoresToWire(scores)}, nil
}

// Reward is an opened reward plugin.
type Reward struct {
	p       *process
	audited atomic.Bool
}

var _ core.Reward = (*Reward)(nil)

// OpenReward finds, starts and configures a reward plugin. The caller closes it.
func OpenReward(ctx context.Context, o Options) (*Reward, error) {
	p, err := openProcess(ctx, KindReward, o)
	if err != nil {
		return nil, err
	}
	r := &Reward{p: p}
	r.audited.Store(!o.Audit)
	return r, nil
}

// Plugin describes the plugin.
func (r *Reward) Plugin() Info { return r.p.plugin() }

// PID returns the id of the plugin's process, or 0 where none is running.
func (r *Reward) PID() int { return r.p.pid() }

// Close ends the plugin's process.
func (r *Reward) Close() error { r.p.close(); return nil }

// Score implements core.Reward; its errors are *Error.
func (r *Reward) Score(ctx context.Context, g core.Group) ([]core.Score, error) {
	sent := fmt.Sprintf("%d samples of task %s", len(g.Samples), g.Task.ID)
	var scores []core.Score
	err := r.p.pure(ctx, "Score", sent, func(ctx context.Context, conn *grpc.ClientConn) (err error) {
		scores, err = askScores(ctx, conn, g)
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(scores) > 0 && r.audited.CompareAndSwap(false, true) {
		err := r.p.pure(ctx, "Score", sent+", asked again", func(ctx context.Context, conn *grpc.ClientConn) error {
			return auditScores(ctx, g, scores, func(ctx context.Context, g core.Group) ([]core.Score, error) { return askScores(ctx, conn, g) })
		})
		if err != nil {
			return nil, err
		}
	}
	return scores, nil
}

// askScores makes one call and checks the answer.
func askScores(ctx context.Context, conn *grpc.ClientConn, g core.Group) ([]core.Score, error) {
	resp, err := wire.NewRewardServiceClient(conn).Score(ctx, &wire.ScoreRequest{Group: groupToWire(g)})
	if err != nil {
		return nil, err
	}
	scores := scoresFromWire(resp.GetScores())
	return scores, checkScores(scores, len(g.Samples))
}
