package lora

import (
	"hash/fnv"
	"math"
	"slices"
	"strings"
	"testing"
)

var model = Model{Layers: 2, Hidden: 6, Intermediate: 10, Queries: 8, KeyValues: 4}

func layout(t *testing.T, targets ...string) Layout {
	t.Helper()
	has, err := Targets(targets)
	if err != nil {
		t.Fatal(err)
	}
	l, err := New(model, 3, has)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestMatricesCoverTheVectorOnce(t *testing.T) {
	for _, targets := range [][]string{nil, {"q_proj", "v_proj"}, {"down_proj"}, {"k_proj", "up_proj", "o_proj"}} {
		l := layout(t, targets...)
		at := 0
		for _, m := range l.Matrices {
			if m.Offset != at {
				t.Errorf("%v: %s starts at %d, the one before ends at %d", targets, m.Name, m.Offset, at)
			}
			at += m.Len()
		}
		if at != l.Size {
			t.Errorf("%v: matrices end at %d of %d", targets, at, l.Size)
		}
		pairs := 7
		if len(targets) > 0 {
			pairs = len(targets)
		}
		if len(l.Matrices) != model.Layers*pairs*2 {
			t.Errorf("%v: %d matrices", targets, len(l.Matrices))
		}
	}
}

func TestNeighboursShareAProduct(t *testing.T) {
	l := layout(t)
	for layer := range model.Layers {
		o := l.Offsets[layer*14:]
		for _, pair := range [][2]int{{0, 2}, {2, 4}, {8, 10}} {
			if o[pair[1]]-o[pair[0]] != int64(l.Rank*model.Hidden) {
				t.Errorf("layer %d: A at %d and %d are not adjacent", layer, o[pair[0]], o[pair[1]])
			}
		}
	}
}

func TestShapes(t *testing.T) {
	want := map[string][2]int{
		"q_proj.lora_A": {3, 6}, "q_proj.lora_B": {8, 3}, "k_proj.lora_B": {4, 3}, "v_proj.lora_B": {4, 3}, "o_proj.lora_A": {3, 8}, "o_proj.lora_B": {6, 3},
		"gate_proj.lora_B": {10, 3}, "up_proj.lora_A": {3, 6}, "down_proj.lora_A": {3, 10}, "down_proj.lora_B": {6, 3},
	}
	for _, m := range layout(t).Matrices {
		for name, shape := range want {
			if strings.Contains(m.Name, name) && shape != [2]int{m.Rows, m.Cols} {
				t.Errorf("%s is %d x %d, want %v", m.Name, m.Rows, m.Cols, shape)
			}
		}
	}
}

func TestInit(t *testing.T) {
	l := layout(t)
	v := l.Init(7)
	for _, m := range l.Matrices {
		part := v[m.Offset : m.Offset+m.Len()]
		bound := float32(1 / math.Sqrt(float64(m.Cols)))
		zero := 0
		for _, x := range part {
			if x == 0 {
				zero++
			}
			if x < -bound || x > bound {
				t.Fatalf("%s has %g beyond %g", m.Name, x, bound)
			}
		}
		if m.B != (zero == len(part)) {
			t.Errorf("%s: %d zeros of %d", m.Name, zero, len(part))
		}
	}
	if !slices.Equal(v, l.Init(7)) || slices.Equal(v, l.Init(8)) {
		t.Error("values must depend on the seed, and on it alone")
	}
}

// The values themselves are a promise: a run's seed means the same adapter on every machine and in every version.
func TestInitIsFixed(t *testing.T) {
	h := fnv.New64a()
	for _, x := range layout(t).Init(42) {
		b := math.Float32bits(x)
		h.Write([]byte{byte(b), byte(b >> 8), byte(b >> 16), byte(b >> 24)})
	}
	if got := h.Sum64(); got != 0x41906defd97edd4 {
		t.Errorf("hash of the first values is %#x", got)
	}
}

func TestInitSpreadsEvenly(t *testing.T) {
	has, err := Targets(nil)
	if err != nil {
		t.Fatal(err)
	}
	l, err := New(Model{Layers: 1, Hidden: 512, Intermediate: 512, Queries: 512, KeyValues: 512}, 16, has)
	if err != nil {
		t.Fatal(err)
	}
	v := l.Init(1)[l.Matrices[0].Offset:][:l.Matrices[0].Len()]
	var sum, squares float64
	for _, x := range v {
		sum += float64(x)
		squares += float64(x) * float64(x)
	}
	n := float64(len(v))
	// a uniform variable in ±b has variance b²/3; 8192 of them come within 5 standard errors
	if mean := sum / n; math.Abs(mean) > 5*math.Sqrt(1.0/512/3/n) {
		t.Errorf("mean %g", mean)
	}
	if variance := squares / n * 512 * 3; math.Abs(variance-1) > 0.05 {
		t.Errorf("variance is %g of the uniform's", variance)
	}
}

func TestBadSettings(t *testing.T) {
	if _, err := Targets([]string{"q_proj", "head"}); err == nil || !strings.Contains(err.Error(), `"head"`) {
		t.Errorf("unknown projection: %v", err)
	}
	all, err := Targets(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, rank := range []int{0, -1, 5000} {
		if _, err := New(model, rank, all); err == nil {
			t.Errorf("rank %d was taken", rank)
		}
	}
	if _, err := New(model, 4, func(int, string) bool { return false }); err == nil {
		t.Error("an adapter on nothing was taken")
	}
}
