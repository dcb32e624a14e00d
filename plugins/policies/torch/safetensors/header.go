package safetensors

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"unicode/utf8"
)

// maxHeader is the reference implementation's limit of a header, in bytes.
const maxHeader = 100_000_000

// entry is where one tensor lies.
type entry struct {
	info  Info
	begin int64 // byte offset within the data that follows the header
	end   int64
}

// parseHeader reads the JSON header of a file whose data has dataSize bytes. Entries come back in order of their data.
func parseHeader(text []byte, dataSize int64) ([]entry, map[string]string, error) {
	if len(text) == 0 || text[0] != '{' {
		return nil, nil, errors.New("header: expected a JSON object that starts with '{'")
	}
	if !utf8.Valid(text) {
		return nil, nil, errors.New("header: not valid UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	if _, err := dec.Token(); err != nil {
		return nil, nil, fmt.Errorf("header: %w", err)
	}
	var entries []entry
	var meta map[string]string
	seen := map[string]bool{}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, nil, fmt.Errorf("header: %w", err)
		}
		name, ok := key.(string)
		if !ok {
			return nil, nil, fmt.Errorf("header: expected a tensor's name, found %v", key)
		}
		if seen[name] {
			return nil, nil, fmt.Errorf("header: %q occurs twice", name)
		}
		seen[name] = true
		if name == "__metadata__" {
			if err = dec.Decode(&meta); err != nil {
				return nil, nil, fmt.Errorf("header: __metadata__: expected an object of strings: %w", err)
			}
			continue
		}
		e, err := parseEntry(dec, name)
		if err != nil {
			return nil, nil, fmt.Errorf("tensor %q: %w", name, err)
		}
		entries = append(entries, e)
	}
	if _, err := dec.Token(); err != nil {
		return nil, nil, fmt.Errorf("header: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, nil, errors.New("header: text after the JSON object")
	}
	return entries, meta, checkLayout(entries, dataSize)
}

func parseEntry(dec *json.Decoder, name string) (entry, error) {
	var raw struct {
		DType   DType    `json:"dtype"`
		Shape   *[]int64 `json:"shape"`
		Offsets []int64  `json:"data_offsets"`
	}
	if err := dec.Decode(&raw); err != nil {
		return entry{}, err
	}
	if raw.DType.Size() == 0 {
		return entry{}, fmt.Errorf("unknown dtype %q", raw.DType)
	}
	if raw.Shape == nil || len(raw.Offsets) != 2 {
		return entry{}, errors.New("expected dtype, shape and two data_offsets")
	}
	n, err := elements(*raw.Shape)
	if err != nil {
		return entry{}, err
	}
	begin, end := raw.Offsets[0], raw.Offsets[1]
	size := int64(raw.DType.Size())
	if n > math.MaxInt64/size {
		return entry{}, fmt.Errorf("shape %v of %s is too large", *raw.Shape, raw.DType)
	}
	if begin < 0 || end < begin || end-begin != n*size {
		return entry{}, fmt.Errorf("shape %v of %s: expected %d bytes, found data_offsets [%d, %d]", *raw.Shape, raw.DType, n*size, begin, end)
	}
	return entry{Info{name, raw.DType, *raw.Shape}, begin, end}, nil
}

// elements multiplies a shape, refusing negative entries and overflow; the empty shape has one element.
func elements(shape []int64) (int64, error) {
	n := int64(1)
	for _, d := range shape {
		if d < 0 {
			return 0, fmt.Errorf("shape %v has a negative entry", shape)
		}
		if d != 0 && n > math.MaxInt64/d {
			return 0, fmt.Errorf("shape %v is too large", shape)
		}
		n *= d
	}
	return n, nil
}

// checkLayout sorts entries by their data and refuses gaps, overlaps and data that the file does not have.
func checkLayout(entries []entry, dataSize int64) error {
	slices.SortStableFunc(entries, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.begin, b.begin), cmp.Compare(a.end, b.end))
	})
	at := int64(0)
	for _, e := range entries {
		if e.begin != at {
			return fmt.Errorf("tensor %q: expected data_offsets to start at %d, found %d (a gap or an overlap)", e.info.Name, at, e.begin)
		}
		at = e.end
	}
	if at != dataSize {
		hint := "the file is too large"
		if at > dataSize {
			hint = "the file is truncated"
		}
		return fmt.Errorf("expected %d bytes of data, found %d: %s; fetch it again", at, dataSize, hint)
	}
	return nil
}
