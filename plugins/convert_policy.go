package plugins

import (
	"fmt"

	"github.com/rlvr-harness/harness/core"
	wire "github.com/rlvr-harness/harness/plugins/wire/harness/v1"
)

func policyInfoToWire(i core.PolicyInfo) *wire.DescribeResponse {
	out := &wire.DescribeResponse{
		Model: text(i.Model), Architecture: text(i.Architecture), Sha256: text(i.SHA256), Parameters: i.Parameters, Trainable: i.Trainable,
		Device: text(i.Device), Dtype: text(i.DType), Threads: int64(i.Threads), ContextLength: int64(i.ContextLength),
		VocabSize: int64(i.VocabSize), Eos: i.EOS,
	}
	if len(i.Versions) > 0 {
		out.Versions = make(map[string]string, len(i.Versions))
		for k, v := range i.Versions {
			out.Versions[text(k)] = text(v)
		}
	}
	return out
}

func policyInfoFromWire(r *wire.DescribeResponse) core.PolicyInfo {
	out := core.PolicyInfo{
		Model: r.GetModel(), Architecture: r.GetArchitecture(), SHA256: r.GetSha256(), Parameters: r.GetParameters(), Trainable: r.GetTrainable(),
		Device: r.GetDevice(), DType: r.GetDtype(), Threads: int(r.GetThreads()), ContextLength: int(r.GetContextLength()),
		VocabSize: int(r.GetVocabSize()), EOS: orNil(r.GetEos()),
	}
	if len(r.GetVersions()) > 0 {
		out.Versions = r.GetVersions()
	}
	return out
}

func samplingToWire(s core.Sampling) *wire.Sampling {
	return &wire.Sampling{
		N: int64(s.N), MaxTokens: int64(s.MaxTokens), Temperature: s.Temperature, TopP: s.TopP, TopK: int64(s.TopK), Seeds: s.Seeds,
	}
}

func samplingFromWire(s *wire.Sampling) core.Sampling {
	return core.Sampling{
		N: int(s.GetN()), MaxTokens: int(s.GetMaxTokens()), Temperature: s.GetTemperature(), TopP: s.GetTopP(), TopK: int(s.GetTopK()),
		Seeds: orNil(s.GetSeeds()),
	}
}

func sequencesToWire(seqs []core.Sequence) []*wire.Sequence {
	out := make([]*wire.Sequence, len(seqs))
	for i, s := range seqs {
		out[i] = &wire.Sequence{Prompt: s.Prompt, Completion: s.Completion}
	}
	return out
}

func sequencesFromWire(seqs []*wire.Sequence) []core.Sequence {
	out := make([]core.Sequence, len(seqs))
	for i, s := range seqs {
		out[i] = core.Sequence{Prompt: orNil(s.GetPrompt()), Completion: orNil(s.GetCompletion())}
	}
	return out
}

// raggedToWire flattens rows; nil rows, which say that nothing was computed, become an absent message.
func raggedToWire(rows [][]float64) *wire.Ragged {
	if rows == nil {
		return nil
	}
	n := 0
	for _, r := range rows {
		n += len(r)
	}
	out := &wire.Ragged{Lengths: make([]uint32, len(rows)), Values: make([]float64, 0, n)}
	for i, r := range rows {
		out.Lengths[i] = uint32(len(r)) // a row of 2³² tokens does not fit a message
		out.Values = append(out.Values, r...)
	}
	return out
}

// raggedFromWire cuts values into rows; it refuses lengths that do not sum to the number of values.
func raggedFromWire(r *wire.Ragged) ([][]float64, error) {
	if r == nil {
		return nil, nil
	}
	rows, rest := make([][]float64, len(r.GetLengths())), r.GetValues()
	for i, n := range r.GetLengths() {
		if uint64(n) > uint64(len(rest)) {
			return nil, fmt.Errorf("row %d of %d claims %d values where %d are left", i, len(rows), n, len(rest))
		}
		rows[i], rest = rest[:n:n], rest[n:]
	}
	if len(rest) > 0 {
		return nil, fmt.Errorf("%d values belong to no row", len(rest))
	}
	return rows, nil
}

func tokenScoresToWire(s core.TokenScores) *wire.TokenScores {
	return &wire.TokenScores{LogProbs: raggedToWire(s.LogProbs), Entropy: raggedToWire(s.Entropy)}
}

func tokenScoresFromWire(s *wire.TokenScores) (core.TokenScores, error) {
	lp, err := raggedFromWire(s.GetLogProbs())
	if err != nil {
		return core.TokenScores{}, fmt.Errorf("log-probabilities: %w", err)
	}
	entropy, err := raggedFromWire(s.GetEntropy())
	if err != nil {
		return core.TokenScores{}, fmt.Errorf("entropy: %w", err)
	}
	return core.TokenScores{LogProbs: lp, Entropy: entropy}, nil
}

func adamWToWire(a core.AdamW) *wire.StepRequest {
	return &wire.StepRequest{Lr: a.LR, Beta1: a.Beta1, Beta2: a.Beta2, Eps: a.Eps, WeightDecay: a.WeightDecay, MaxGradNorm: a.MaxGradNorm}
}

func adamWFromWire(r *wire.StepRequest) core.AdamW {
	return core.AdamW{
		LR: r.GetLr(), Beta1: r.GetBeta1(), Beta2: r.GetBeta2(), Eps: r.GetEps(), WeightDecay: r.GetWeightDecay(), MaxGradNorm: r.GetMaxGradNorm(),
	}
}
