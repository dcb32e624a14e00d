package checkpoint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rlvr-harness/harness/plugins/policies/torch/gguf"
)

// ggufNames are the Hugging Face names of what GGUF calls by the part after "blk.N.".
var ggufNames = map[string]string{
	"attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
	"attn_q_norm": "self_attn.q_norm", "attn_k_norm": "self_attn.k_norm", "attn_output": "self_attn.o_proj",
	"ffn_norm": "post_attention_layernorm", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
}

// ropeFreqs holds the divisors of the rotary frequencies where a model has llama3 scaling.
const ropeFreqs = "rope_freqs.weight"

// hfName translates a tensor's name from GGUF; ok is false for names that this package does not know.
func hfName(name string) (_ string, ok bool) {
	switch name {
	case "token_embd.weight":
		return embedding, true
	case "output_norm.weight":
		return finalNorm, true
	case "output.weight":
		return head, true
	}
	parts := strings.Split(name, ".")
	if len(parts) != 4 || parts[0] != "blk" || ggufNames[parts[2]] == "" {
		return "", false
	}
	return "model.layers." + parts[1] + "." + ggufNames[parts[2]] + "." + parts[3], true
}

// ggufReader reads integers of one architecture and keeps the first error.
type ggufReader struct {
	m    gguf.Metadata
	arch string
	err  error
}

func (r *ggufReader) int(key string) int {
	if r.err != nil {
		return 0
	}
	n, err := r.m.Int(r.arch + "." + key)
	r.err = err
	return n
}

func (r *ggufReader) intOr(key string, other int) int {
	if !r.m.Has(r.arch + "." + key) {
		return other
	}
	return r.int(key)
}

func (r *ggufReader) float(key string) float64 {
	if r.err != nil {
		return 0
	}
	x, err := r.m.Float(r.arch + "." + key)
	r.err = err
	return x
}

// readGGUFConfig makes the configuration from a file's metadata and tensors.
func readGGUFConfig(f *gguf.File) (Config, error) {
	arch, err := f.Metadata.String("general.architecture")
	if err != nil {
		return Config{}, err
	}
	if !slices.Contains(Architectures(), arch) {
		return Config{}, fmt.Errorf("unknown architecture %q; known: %s", arch, strings.Join(Architectures(), ", "))
	}
	r := &ggufReader{m: f.Metadata, arch: arch}
	c := Config{
		Architecture: arch, QKNorm: arch == Qwen3, AttentionBias: arch == Qwen2,
		Layers: r.int("block_count"), Hidden: r.int("embedding_length"), Intermediate: r.int("feed_forward_length"),
		Heads: r.int("attention.head_count"), ContextLength: r.int("context_length"),
		NormEps: r.float("attention.layer_norm_rms_epsilon"), RopeTheta: 10000,
	}
	c.KVHeads = r.intOr("attention.head_count_kv", c.Heads)
	if f.Metadata.Has(arch + ".rope.freq_base") {
		c.RopeTheta = r.float("rope.freq_base")
	}
	if r.err == nil {
		r.headDim(&c)
	}
	if r.err == nil {
		r.refuse()
	}
	if r.err != nil {
		return Config{}, r.err
	}
	embed, ok := f.Lookup("token_embd.weight")
	if !ok {
		return Config{}, fmt.Errorf("tensor token_embd.weight (%s) is missing", embedding)
	}
	c.Vocab = int(embed.Shape[0])
	_, untied := f.Lookup("output.weight")
	c.TieEmbeddings = !untied
	if err := ggufTokens(f.Metadata, &c); err != nil {
		return Config{}, err
	}
	if err := ggufRopeFactors(f, &c); err != nil {
		return Config{}, err
	}
	return c, c.validate()
}

func (r *ggufReader) headDim(c *Config) {
	if c.Heads < 1 || c.Hidden < 1 {
		r.err = fmt.Errorf("expected attention heads and a hidden size, found %d and %d", c.Heads, c.Hidden)
		return
	}
	c.HeadDim = r.intOr("attention.key_length", c.Hidden/c.Heads)
	for _, key := range []string{"attention.value_length", "rope.dimension_count"} {
		if n := r.intOr(key, c.HeadDim); r.err == nil && n != c.HeadDim {
			r.err = fmt.Errorf("metadata %s.%s: expected the head dimension %d, found %d", r.arch, key, c.HeadDim, n)
		}
	}
}

// refuse names what the file asks for and the forward pass does not have.
func (r *ggufReader) refuse() {
	for _, key := range []string{"expert_count", "attention.sliding_window"} {
		if n := r.intOr(key, 0); r.err == nil && n != 0 {
			r.err = fmt.Errorf("metadata %s.%s is %d: not supported", r.arch, key, n)
		}
	}
	key := r.arch + ".rope.scaling.type"
	if !r.m.Has(key) || r.err != nil {
		return
	}
	kind, err := r.m.String(key)
	if r.err = err; err == nil && kind != "none" {
		r.err = fmt.Errorf("metadata %s: expected none, found %q", key, kind)
	}
}

// ggufTokens reads the special tokens. A file may name an end of turn beside the end of sequence.
func ggufTokens(m gguf.Metadata, c *Config) error {
	id := func(key string) (int, error) {
		if key = "tokenizer.ggml." + key; !m.Has(key) {
			return -1, nil
		}
		return m.Int(key)
	}
	var err error
	if c.BOS, err = id("bos_token_id"); err != nil {
		return err
	}
	if c.Pad, err = id("padding_token_id"); err != nil {
		return err
	}
	for _, key := range []string{"eos_token_id", "eot_token_id", "eom_token_id"} {
		n, err := id(key)
		if err != nil {
			return err
		}
		if n >= 0 && !slices.Contains(c.EOS, n) {
			c.EOS = append(c.EOS, n)
		}
	}
	return nil
}

func ggufRopeFactors(f *gguf.File, c *Config) error {
	t, ok := f.Lookup(ropeFreqs)
	if !ok {
		return nil
	}
	if n := t.Elements(); n != int64(c.HeadDim/2) || len(t.Shape) != 1 {
		return fmt.Errorf("%s: expected [%d], found %v", ropeFreqs, c.HeadDim/2, t.Shape)
	}
	values := make([]float32, c.HeadDim/2)
	if err := f.Read(ropeFreqs, values); err != nil {
		return err
	}
	for _, v := range values {
		c.RopeFactors = append(c.RopeFactors, float64(v))
	}
	return nil
}

// restoreRows puts the rows of a q or k projection back into Hugging Face's order, in place. GGUF files of architecture
// llama keep the rows of a head in pairs (i, i+HeadDim/2) one after the other, for rotary positions in the interleaved layout
// (convert_hf_to_gguf.py, LlamaModel.permute).
func restoreRows(w []float32, heads, headDim int) {
	cols := len(w) / (heads * headDim)
	buf := make([]float32, headDim*cols)
	for h := range heads {
		rows := w[h*headDim*cols : (h+1)*headDim*cols]
		copy(buf, rows)
		for i := range headDim / 2 {
			copy(rows[i*cols:(i+1)*cols], buf[2*i*cols:])
			copy(rows[(i+headDim/2)*cols:(i+headDim/2+1)*cols], buf[(2*i+1)*cols:])
		}
	}
}
