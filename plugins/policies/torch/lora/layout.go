package lora

import (
	"fmt"
	"slices"
	"strings"
)

// Projections lists the linear maps of a layer that can have an adapter, in the order of Layout's offsets.
func Projections() []string {
	return []string{"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}
}

// sites are the projections that share an input, as ranges of Projections: their A lie side by side.
var sites = [][2]int{{0, 3}, {3, 4}, {4, 6}, {6, 7}}

// Model has the widths that an adapter depends on.
type Model struct {
	Layers, Hidden, Intermediate int
	// Queries is heads times head dimension, KeyValues the same for key/value heads.
	Queries, KeyValues int
}

// size returns a projection's input and output width.
func (m Model) size(projection int) (in, out int) {
	switch Projections()[projection] {
	case "q_proj":
		return m.Hidden, m.Queries
	case "k_proj", "v_proj":
		return m.Hidden, m.KeyValues
	case "o_proj":
		return m.Queries, m.Hidden
	case "down_proj":
		return m.Intermediate, m.Hidden
	default: // gate_proj, up_proj
		return m.Hidden, m.Intermediate
	}
}

// Matrix is one of the adapter's matrices: A is rank x in, B is out x rank, row-major.
type Matrix struct {
	// Name is PEFT's, as "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight".
	Name       string
	Rows, Cols int
	// Offset is its first element's place in the flat vector.
	Offset int
	// B says which of the pair it is.
	B bool
}

// Len counts the matrix's elements.
func (m Matrix) Len() int { return m.Rows * m.Cols }

// Layout is the adapter's arrangement.
type Layout struct {
	Rank     int
	Matrices []Matrix
	// Size counts all elements.
	Size int
	// Offsets has, for each layer and each of Projections, the place of A and then of B in the flat vector; -1 where there is none.
	Offsets []int64
}

// Name is the name in PEFT's files of a projection's matrix.
func Name(layer int, projection string, b bool) string {
	block, which := "self_attn", "lora_A"
	if slices.Contains([]string{"gate_proj", "up_proj", "down_proj"}, projection) {
		block = "mlp"
	}
	if b {
		which = "lora_B"
	}
	return fmt.Sprintf("base_model.model.model.layers.%d.%s.%s.%s.weight", layer, block, projection, which)
}

// New lays out an adapter of a rank on the projections of every layer for which has is true.
func New(m Model, rank int, has func(layer int, projection string) bool) (Layout, error) {
	if rank < 1 || rank > 4096 {
		return Layout{}, fmt.Errorf("lora: rank: expected 1 to 4096, found %d", rank)
	}
	l := Layout{Rank: rank}
	names := Projections()
	for layer := range m.Layers {
		offsets := make([]int64, 2*len(names))
		for i := range offsets {
			offsets[i] = -1
		}
		add := func(p, rows, cols int, b bool) {
			k := 2 * p
			if b {
				k++
			}
			offsets[k] = int64(l.Size)
			l.Matrices = append(l.Matrices, Matrix{Name(layer, names[p], b), rows, cols, l.Size, b})
			l.Size += rows * cols
		}
		for _, s := range sites {
			for p := s[0]; p < s[1]; p++ {
				if in, _ := m.size(p); has(layer, names[p]) {
					add(p, rank, in, false)
				}
			}
			for p := s[0]; p < s[1]; p++ {
				if _, out := m.size(p); has(layer, names[p]) {
					add(p, out, rank, true)
				}
			}
		}
		l.Offsets = append(l.Offsets, offsets...)
	}
	if l.Size == 0 {
		return Layout{}, fmt.Errorf("lora: no projection has an adapter")
	}
	return l, nil
}

// Targets returns a has for New that is true in every layer for the projections named; none means all of them.
func Targets(names []string) (func(layer int, projection string) bool, error) {
	for _, n := range names {
		if !slices.Contains(Projections(), n) {
			return nil, fmt.Errorf("lora: unknown projection %q; known: %s", n, strings.Join(Projections(), ", "))
		}
	}
	return func(_ int, p string) bool { return len(names) == 0 || slices.Contains(names, p) }, nil
}
