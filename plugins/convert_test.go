package plugins

import (
	"bytes"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"
	"testing/quick"

	"google.golang.org/protobuf/proto"

	"github.com/rlvr-harness/harness/core"
	wire "github.com/rlvr-harness/harness/plugins/wire/harness/v1"
)

// round sends a value through the bytes of the wire.
func round[M proto.Message](t *testing.T, m M, empty M) M {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if err := proto.Unmarshal(b, empty); err != nil {
		t.Fatal(err)
	}
	return empty
}

// value makes a random T: valid text, and no empty slice or map that is not nil.
func value[T any](t *testing.T, r *rand.Rand) T {
	t.Helper()
	var v T
	fill(reflect.ValueOf(&v).Elem(), r)
	return v
}

func fill(v reflect.Value, r *rand.Rand) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), r)
		}
	case reflect.Slice:
		if n := r.IntN(4); n > 0 {
			v.Set(reflect.MakeSlice(v.Type(), n, n))
			for i := range n {
				fill(v.Index(i), r)
			}
		}
	case reflect.Map:
		for range r.IntN(3) {
			if v.IsNil() {
				v.Set(reflect.MakeMap(v.Type()))
			}
			key, val := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			fill(key, r)
			fill(val, r)
			v.SetMapIndex(key, val)
		}
	case reflect.String:
		v.SetString([]string{"", "a", "é\u2028\x00", "def f():\n    pass", "名前"}[r.IntN(5)])
	case reflect.Bool:
		v.SetBool(r.IntN(2) == 1)
	case reflect.Int, reflect.Int64, reflect.Int32:
		v.SetInt(int64(r.Int32()) - 1<<30)
	case reflect.Uint64:
		v.SetUint(r.Uint64())
	case reflect.Float32, reflect.Float64:
		v.SetFloat(float64(float32(r.NormFloat64())))
	}
}

// TestRoundTrips sends random values of every type of core that crosses the wire there and back.
func TestRoundTrips(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		g := value[core.Group](t, r)
		same(t, g, groupFromWire(round(t, groupToWire(g), &wire.Group{})))

		s := value[[]core.Score](t, r)
		same(t, s, scoresFromWire(round(t, &wire.ScoreResponse{Scores: scoresToWire(s)}, &wire.ScoreResponse{}).GetScores()))

		b := value[core.Batch](t, r)
		b.Rows, b.Cols = abs(b.Rows), abs(b.Cols)
		b.TotalRows, b.TotalTokens, b.MaxTokens = abs(b.TotalRows), abs(b.TotalTokens), abs(b.MaxTokens)
		same(t, b, batchFromWire(round(t, batchToWire(b), &wire.LossRequest{})))

		l := value[core.Loss](t, r)
		same(t, l, lossFromWire(round(t, lossToWire(l), &wire.LossResponse{})))

		i := value[core.PolicyInfo](t, r)
		same(t, i, policyInfoFromWire(round(t, policyInfoToWire(i), &wire.DescribeResponse{})))

		p := value[core.Sampling](t, r)
		same(t, p, samplingFromWire(round(t, samplingToWire(p), &wire.Sampling{})))

		a := value[core.AdamW](t, r)
		same(t, a, adamWFromWire(round(t, adamWToWire(a), &wire.StepRequest{})))
	}
}

func abs(x int) int { return max(x, -x) }

func same[T any](t *testing.T, want, got T) {
	t.Helper()
	if !reflect.DeepEqual(want, got) {
		t.Fatalf("sent %#v\ncame %#v", want, got)
	}
}

// TestSampledBytesSurvive: tokens need not join to valid UTF-8, and a reward must see what was sampled.
func TestSampledBytesSurvive(t *testing.T) {
	raw := "\xff\xfe\x00é"
	g := core.Group{Task: core.Task{ID: "a\xffb"}, Samples: []core.Sample{{Completion: core.Completion{Text: raw}, Evidence: core.Evidence{
		Program: raw, Verdict: core.Verdict{Message: "\xff"},
	}}}}
	got := groupFromWire(round(t, groupToWire(g), &wire.Group{}))
	if s := got.Samples[0]; s.Completion.Text != raw || s.Evidence.Program != raw {
		t.Errorf("came as %q and %q", s.Completion.Text, s.Evidence.Program)
	}
	if got.Task.ID != "a\uFFFDb" || got.Samples[0].Evidence.Verdict.Message != "\uFFFD" {
		t.Errorf("came as %q and %q", got.Task.ID, got.Samples[0].Evidence.Verdict.Message)
	}
}

func TestRagged(t *testing.T) {
	if err := quick.Check(func(rows [][]float64) bool {
		got, err := raggedFromWire(raggedToWire(rows))
		if err != nil || len(got) != len(rows) || (got == nil) != (rows == nil) {
			return false
		}
		for i := range rows {
			if len(got[i]) != len(rows[i]) || cap(got[i]) != len(rows[i]) {
				return false
			}
			for t := range rows[i] {
				if math.Float64bits(got[i][t]) != math.Float64bits(rows[i][t]) {
					return false
				}
			}
		}
		return true
	}, nil); err != nil {
		t.Error(err)
	}
	for _, r := range []*wire.Ragged{
		{Lengths: []uint32{2}, Values: []float64{1}},
		{Lengths: []uint32{1}, Values: []float64{1, 2}},
		{Lengths: []uint32{math.MaxUint32, math.MaxUint32}},
	} {
		if rows, err := raggedFromWire(r); err == nil {
			t.Errorf("%v became %v", r, rows)
		}
	}
}

// FuzzMessages feeds foreign bytes to every message that a plugin or a host receives: the conversions must not panic, and
// what they make must survive another trip.
func FuzzMessages(f *testing.F) {
	g, _ := proto.Marshal(groupToWire(group(2)))
	b, _ := proto.Marshal(batchToWire(batch(2, 3)))
	l, _ := proto.Marshal(lossToWire(core.Loss{Value: 1, Grad: []float64{1}, Metrics: map[string]float64{"kl": 1}}))
	s, _ := proto.Marshal(tokenScoresToWire(core.TokenScores{LogProbs: [][]float64{{1}, nil}}))
	for _, seed := range [][]byte{g, b, l, s, nil, {0xff}} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var wg wire.Group
		if proto.Unmarshal(data, &wg) == nil {
			first := groupFromWire(&wg)
			again := groupFromWire(round(t, groupToWire(first), &wire.Group{}))
			if !reflect.DeepEqual(first, again) && !holdsNaN(data) {
				t.Fatalf("%#v became %#v", first, again)
			}
		}
		var lr wire.LossRequest
		if proto.Unmarshal(data, &lr) == nil {
			b := batchFromWire(&lr)
			if CheckBatch(b) == nil {
				round(t, batchToWire(b), &wire.LossRequest{})
			}
		}
		var ls wire.LossResponse
		if proto.Unmarshal(data, &ls) == nil {
			_ = checkLoss(lossFromWire(&ls), batch(2, 3))
		}
		var sr wire.ScoreResponse
		if proto.Unmarshal(data, &sr) == nil {
			_ = checkScores(scoresFromWire(sr.GetScores()), 2)
		}
		var ar wire.AdvantagesResponse
		if proto.Unmarshal(data, &ar) == nil {
			_ = checkAdvantages(advantagesFromWire(ar.GetGroups()), make([][]core.Score, 1))
		}
		var ts wire.TokenScores
		if proto.Unmarshal(data, &ts) == nil {
			if s, err := tokenScoresFromWire(&ts); err == nil {
				_ = checkTokenScores(s, []core.Sequence{{Completion: []int32{1}}, {}})
			}
		}
	})
}

// holdsNaN says that the bytes of a float32 NaN are somewhere in data: values with one are never equal to themselves.
func holdsNaN(data []byte) bool {
	return bytes.Contains(data, []byte{0xc0, 0x7f}) || bytes.Contains(data, []byte{0xff, 0x7f}) ||
		bytes.ContainsAny(data, "\x7f\xff")
}
