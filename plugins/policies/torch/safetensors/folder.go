package safetensors

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// The names that Hugging Face folders use.
const (
	SingleFile = "model.safetensors"
	IndexFile  = "model.safetensors.index.json"
)

// OpenFolder opens the weights of a Hugging Face folder: model.safetensors, or the shards that
// model.safetensors.index.json names. A shard that lacks a tensor which the index promises, or has one that it does not
// name, is an error.
func OpenFolder(dir string) (*File, error) {
	index := filepath.Join(dir, IndexFile)
	text, err := os.ReadFile(index)
	if os.IsNotExist(err) {
		return Open(filepath.Join(dir, SingleFile))
	}
	if err != nil {
		return nil, fmt.Errorf("safetensors: %w", err)
	}
	var raw struct {
		WeightMap map[string]string `json:"weight_map"`
	}
	if err := json.Unmarshal(text, &raw); err != nil {
		return nil, fmt.Errorf("safetensors: %s: %w", index, err)
	}
	if len(raw.WeightMap) == 0 {
		return nil, fmt.Errorf("safetensors: %s: expected a weight_map with tensors, found none", index)
	}
	var shards []string
	for tensor, shard := range raw.WeightMap {
		if !filepath.IsLocal(shard) || filepath.Base(shard) != shard {
			return nil, fmt.Errorf("safetensors: %s: tensor %q: expected a file name in the folder, found %q", index, tensor, shard)
		}
		shards = append(shards, shard)
	}
	slices.Sort(shards)
	all := &File{places: map[string]place{}}
	for _, shard := range slices.Compact(shards) {
		if err := all.add(dir, shard, raw.WeightMap); err != nil {
			_ = all.Close()
			return nil, err
		}
	}
	for tensor, shard := range raw.WeightMap {
		if _, ok := all.places[tensor]; !ok {
			_ = all.Close()
			return nil, fmt.Errorf("safetensors: %s: tensor %q is missing, though the index says that it is there", filepath.Join(dir, shard), tensor)
		}
	}
	return all, nil
}

// add opens a shard and takes over its tensors.
func (f *File) add(dir, shard string, index map[string]string) error {
	part, err := Open(filepath.Join(dir, shard))
	if err != nil {
		return err
	}
	f.closers = append(f.closers, part.closers...)
	f.paths = append(f.paths, part.paths...)
	if f.meta == nil {
		f.meta = part.meta
	}
	for _, t := range part.tensors {
		if index[t.Name] != shard {
			return fmt.Errorf("safetensors: %s: tensor %q is not in the index for this file", part.paths[0], t.Name)
		}
		f.tensors = append(f.tensors, t)
		f.places[t.Name] = part.places[t.Name]
	}
	return nil
}
