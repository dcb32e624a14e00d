package adapter

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rlvr-harness/harness/plugins/policies/torch/lora"
	"github.com/rlvr-harness/harness/plugins/policies/torch/safetensors"
)

var model = lora.Model{Layers: 2, Hidden: 6, Intermediate: 10, Queries: 8, KeyValues: 4}

func small(t *testing.T, targets ...string) (Config, lora.Layout) {
	t.Helper()
	has, err := lora.Targets(targets)
	if err != nil {
		t.Fatal(err)
	}
	l, err := lora.New(model, 3, has)
	if err != nil {
		t.Fatal(err)
	}
	if len(targets) == 0 {
		targets = lora.Projections()
	}
	slices.Sort(targets)
	return Config{Base: "org/model", Rank: 3, Alpha: 6, Targets: targets}, l
}

func TestRoundTrip(t *testing.T) {
	for _, targets := range [][]string{nil, {"q_proj", "v_proj"}} {
		c, l := small(t, targets...)
		values := l.Init(1)
		for i := range values {
			values[i] += float32(i)
		}
		dirs := []string{filepath.Join(t.TempDir(), "new", "a"), t.TempDir()}
		for _, d := range dirs {
			if err := Write(d, c, l, values); err != nil {
				t.Fatal(err)
			}
			got, err := ReadConfig(d)
			if err != nil {
				t.Fatal(err)
			}
			if got.Base != c.Base || got.Rank != c.Rank || got.Alpha != c.Alpha || !slices.Equal(got.Targets, c.Targets) || got.Scale() != 2 {
				t.Errorf("wrote %+v, read %+v", c, got)
			}
			back, err := Read(d, l)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(back, values) {
				t.Error("values changed on the way")
			}
		}
		for _, name := range []string{ConfigFile, WeightsFile} {
			a, err := os.ReadFile(filepath.Join(dirs[0], name))
			if err != nil {
				t.Fatal(err)
			}
			b, err := os.ReadFile(filepath.Join(dirs[1], name))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(a, b) {
				t.Errorf("%s differs between two writes", name)
			}
		}
	}
}

func TestWrongWeightsAreNamed(t *testing.T) {
	c, l := small(t)
	all := Tensors(l, l.Init(1), func(n string) string { return n })
	for _, row := range []struct {
		name, message string
		tensors       []safetensors.Tensor
	}{
		{"one is missing", "is missing", all[1:]},
		{"one is foreign", `unexpected tensor "extra"`, append(slices.Clone(all), safetensors.Float32("extra", []int64{1}, []float32{1}))},
		{"one has another shape", "expected shape [3 6], found [6 3]", append([]safetensors.Tensor{{Name: all[0].Name, DType: all[0].DType, Shape: []int64{6, 3}, Data: all[0].Data}}, all[1:]...)},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := t.TempDir()
			if err := Write(d, c, l, l.Init(1)); err != nil {
				t.Fatal(err)
			}
			if err := safetensors.Write(filepath.Join(d, WeightsFile), row.tensors, nil); err != nil {
				t.Fatal(err)
			}
			if _, err := Read(d, l); err == nil || !strings.Contains(err.Error(), row.message) {
				t.Errorf("got %v", err)
			}
		})
	}
	if _, err := ReadConfig(t.TempDir()); err == nil || !strings.Contains(err.Error(), ConfigFile) {
		t.Errorf("an empty folder: %v", err)
	}
}

func TestParseConfig(t *testing.T) {
	for _, row := range []struct{ name, text, message string }{
		{"a plain one", `{"peft_type":"LORA","r":8,"lora_alpha":16,"target_modules":["q_proj","q_proj"],"bias":"none","rank_pattern":{},"use_dora":false,"future":1}`, ""},
		{"all linear maps", `{"peft_type":"LORA","r":8,"lora_alpha":16,"target_modules":"all-linear"}`, ""},
		{"another method", `{"peft_type":"IA3","r":8,"lora_alpha":16,"target_modules":["q_proj"]}`, `field "peft_type"`},
		{"a start that leaves the model alone", `{"peft_type":"LORA","r":8,"lora_alpha":16,"target_modules":["q_proj"],"init_lora_weights":"gaussian"}`, ""},
		{"PiSSA", `{"peft_type":"LORA","r":8,"lora_alpha":16,"target_modules":["q_proj"],"init_lora_weights":"pissa_niter_16"}`, `field "init_lora_weights": "pissa_niter_16" changes the model's own weights`},
		{"DoRA", `{"peft_type":"LORA","r":8,"lora_alpha":16,"target_modules":["q_proj"],"use_dora":true}`, `field "use_dora"`},
		{"trained biases", `{"peft_type":"LORA","r":8,"lora_alpha":16,"target_modules":["q_proj"],"bias":"all"}`, `field "bias"`},
		{"further modules", `{"peft_type":"LORA","r":8,"lora_alpha":16,"target_modules":["q_proj"],"modules_to_save":["lm_head"]}`, `field "modules_to_save"`},
		{"ranks by layer", `{"peft_type":"LORA","r":8,"lora_alpha":16,"target_modules":["q_proj"],"rank_pattern":{"a":4}}`, `field "rank_pattern"`},
		{"no rank", `{"peft_type":"LORA","lora_alpha":16,"target_modules":["q_proj"]}`, `field "r"`},
		{"a rank that is text", `{"peft_type":"LORA","r":"8","lora_alpha":16,"target_modules":["q_proj"]}`, `field "r"`},
		{"no alpha", `{"peft_type":"LORA","r":8,"target_modules":["q_proj"]}`, `field "lora_alpha"`},
		{"an unknown projection", `{"peft_type":"LORA","r":8,"lora_alpha":16,"target_modules":["lm_head"]}`, `"lm_head"`},
		{"a pattern of projections", `{"peft_type":"LORA","r":8,"lora_alpha":16,"target_modules":".*"}`, `field "target_modules"`},
		{"no JSON", `{`, "unexpected end"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := ParseConfig(strings.NewReader(row.text))
			if row.message == "" {
				if err != nil {
					t.Error(err)
				}
			} else if err == nil || !strings.Contains(err.Error(), row.message) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestRankStabilisedScale(t *testing.T) {
	c, err := ParseConfig(strings.NewReader(`{"peft_type":"LORA","r":16,"lora_alpha":8,"target_modules":["q_proj"],"use_rslora":true}`))
	if err != nil || c.Scale() != 2 {
		t.Errorf("scale %g, %v", c.Scale(), err)
	}
}

func FuzzParseConfig(f *testing.F) {
	f.Add([]byte(`{"peft_type":"LORA","r":8,"lora_alpha":16,"target_modules":["q_proj"]}`))
	f.Add([]byte(`{"peft_type":"LORA","r":8,"lora_alpha":1e400,"target_modules":"all-linear","bias":{}}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := ParseConfig(bytes.NewReader(data))
		if err == nil && (c.Rank < 1 || !(c.Scale() > 0) || len(c.Targets) == 0) {
			t.Errorf("accepted %+v", c)
		}
	})
}
