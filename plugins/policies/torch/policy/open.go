package policy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/plugins/policies/torch/adapter"
	"github.com/rlvr-harness/harness/plugins/policies/torch/checkpoint"
	"github.com/rlvr-harness/harness/plugins/policies/torch/engine"
	"github.com/rlvr-harness/harness/plugins/policies/torch/lora"
)

// Policy is an opened model with its adapter.
type Policy struct {
	thread  *engine.Thread
	engine  *engine.Engine
	model   *checkpoint.Model
	eos     map[int32]bool
	context int
	budget  int64 // bytes of memory_mib
	batch   int   // rows sampled side by side
	info    core.PolicyInfo
	adapter adapter.Config
	layout  lora.Layout

	updates     int64 // updates made: the step count of AdamW's bias correction
	accumulated bool  // Backward was called since the last Step
	held        *held // the last Forward, until its Backward
}

var _ core.Policy = (*Policy)(nil)

// Open opens a policy. Close frees it.
func Open(ctx context.Context, s Settings) (*Policy, error) {
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("torch: %w", err)
	}
	m, err := checkpoint.Open(s.Model)
	if err != nil {
		return nil, badSetting("model", "%w", err)
	}
	p := &Policy{thread: engine.NewThread(), model: m, eos: map[int32]bool{}, batch: s.MaxBatch, context: m.Config.ContextLength}
	if err := p.thread.Do(func() error { return p.load(ctx, s) }); err != nil {
		return nil, errors.Join(fmt.Errorf("torch: %w", err), p.Close())
	}
	slog.Info("policy is open", "model", p.info.Model, "parameters", p.info.Parameters, "trainable", p.info.Trainable,
		"device", p.info.Device, "dtype", p.info.DType, "threads", p.info.Threads, "kernels", engine.Kernels())
	return p, nil
}

// load runs on the engine's thread.
func (p *Policy) load(ctx context.Context, s Settings) error {
	engine.KeepMemory()
	threads := s.Threads
	if threads == 0 {
		threads = cores()
	}
	engine.SetThreads(threads)
	device, err := engine.FindDevice(s.Device)
	if err != nil {
		return badSetting("device", "%w", err)
	}
	c := p.model.Config
	if s.Context > 0 {
		if s.Context > p.context {
			return badSetting("context", "expected at most the model's %d, found %d", p.context, s.Context)
		}
		p.context = s.Context
	}
	p.budget = int64(s.MemoryMiB) << 20
	if s.MemoryMiB == 0 {
		p.budget = totalMemory() / 2
	}
	for _, id := range c.EOS {
		p.eos[int32(id)] = true
	}

	has, err := p.plan(s)
	if err != nil {
		return err
	}
	if p.layout, err = lora.New(lora.Model{
		Layers: c.Layers, Hidden: c.Hidden, Intermediate: c.Intermediate, Queries: c.Heads * c.HeadDim, KeyValues: c.KVHeads * c.HeadDim,
	}, p.adapter.Rank, has); err != nil {
		return badSetting("lora_rank or lora_targets", "%w", err)
	}
	values := p.layout.Init(s.Seed)
	if s.Adapter != "" {
		if values, err = adapter.Read(s.Adapter, p.layout); err != nil {
			return badSetting("adapter", "%w", err)
		}
	}

	if p.engine, err = engine.Open(engine.Config{
		Layers: c.Layers, Hidden: c.Hidden, Intermediate: c.Intermediate, Heads: c.Heads, KVHeads: c.KVHeads, HeadDim: c.HeadDim, Vocab: c.Vocab,
		Positions: p.context, NormEps: c.NormEps, InvFreq: c.RopeInvFreq(), QKNorm: c.QKNorm, Bias: c.AttentionBias, Tied: c.TieEmbeddings,
		Device: device, BFloat16: s.DType == "bfloat16", Rank: p.adapter.Rank, Scale: p.adapter.Scale(),
	}); err != nil {
		return err
	}
	if err := p.loadWeights(ctx); err != nil {
		return err
	}
	if err := p.engine.SetAdapter(p.layout.Size, p.layout.Offsets); err != nil {
		return err
	}
	if err := p.engine.Write(engine.Parameters, values); err != nil {
		return err
	}
	if err := p.engine.Ready(); err != nil {
		return err
	}
	return p.describe(device, s.DType)
}

// plan decides which adapter the policy has: the one to start from, or a new one.
func (p *Policy) plan(s Settings) (has func(int, string) bool, err error) {
	if s.Adapter != "" {
		if p.adapter, err = adapter.ReadConfig(s.Adapter); err != nil {
			return nil, badSetting("adapter", "%w", err)
		}
		return lora.Targets(p.adapter.Targets)
	}
	p.adapter = adapter.Config{Base: p.model.Name, Rank: s.LoRARank, Alpha: s.alpha(), Targets: s.LoRATargets}
	if len(s.LoRATargets) == 0 {
		p.adapter.Targets = lora.Projections()
	}
	return lora.Targets(s.LoRATargets)
}

func (p *Policy) describe(device engine.Device, dtype string) error {
	sum, err := p.model.SHA256()
	if err != nil {
		return err
	}
	c := p.model.Config
	p.info = core.PolicyInfo{
		Model: p.model.Name, Architecture: c.Architecture, SHA256: sum, Parameters: c.Parameters(), Trainable: int64(p.layout.Size),
		Device: string(device), DType: dtype, Threads: engine.Threads(), ContextLength: p.context, VocabSize: c.Vocab,
		Versions: map[string]string{"libtorch": engine.Version(), "gotch": "v0.9.1"},
	}
	if device == engine.CUDA {
		p.info.Device = "cuda:0"
		if d := device.Description(); d != "" {
			p.info.Device += " " + d
		}
	}
	for _, id := range c.EOS {
		p.info.EOS = append(p.info.EOS, int32(id))
	}
	return nil
}

// Info implements core.Policy.
func (p *Policy) Info(context.Context) (core.PolicyInfo, error) { return p.info, nil }

// Close frees the model. The policy must not be used after it.
func (p *Policy) Close() error {
	err := p.thread.Do(func() error {
		p.drop()
		if p.engine == nil {
			return nil
		}
		return p.engine.Close()
	})
	if errors.Is(err, engine.ErrClosed) {
		return nil
	}
	p.thread.Close()
	return errors.Join(err, p.model.Close())
}
