package gguf

import "fmt"

// Metadata holds a file's key-value pairs. A value is a bool, int64, uint64, float64, string, []bool, []int64, []uint64,
// []float64, []string or, for arrays of arrays, []any of these. A float32 of the file keeps its shortest decimal form: 1e-05 is
// 1e-05, not 9.99999974e-06.
type Metadata map[string]any

// String returns a text value.
func (m Metadata) String(key string) (string, error) { return typed[string](m, key, "a text") }

// Bool returns a truth value.
func (m Metadata) Bool(key string) (bool, error) { return typed[bool](m, key, "a bool") }

// Strings returns a list of texts. The caller must not change it.
func (m Metadata) Strings(key string) ([]string, error) {
	return typed[[]string](m, key, "a list of texts")
}

// Int returns an integer of any of the format's integer types.
func (m Metadata) Int(key string) (int, error) {
	const limit = 1 << 53
	switch v := m[key].(type) {
	case uint64:
		if v <= limit {
			return int(v), nil
		}
		return 0, fmt.Errorf("%s: %d is too large", key, v)
	case int64:
		if v >= -limit && v <= limit {
			return int(v), nil
		}
		return 0, fmt.Errorf("%s: %d is out of range", key, v)
	}
	return 0, m.mismatch(key, "an integer")
}

// Float returns a number of any of the format's numeric types.
func (m Metadata) Float(key string) (float64, error) {
	switch v := m[key].(type) {
	case float64:
		return v, nil
	case uint64:
		return float64(v), nil
	case int64:
		return float64(v), nil
	}
	return 0, m.mismatch(key, "a number")
}

// Ints returns a list of integers of any of the format's integer types.
func (m Metadata) Ints(key string) ([]int64, error) {
	switch v := m[key].(type) {
	case []int64:
		return v, nil
	case []uint64:
		out := make([]int64, len(v))
		for i, x := range v {
			if x > 1<<53 {
				return nil, fmt.Errorf("%s[%d]: %d is too large", key, i, x)
			}
			out[i] = int64(x)
		}
		return out, nil
	}
	return nil, m.mismatch(key, "a list of integers")
}

// Has says whether the file has the key.
func (m Metadata) Has(key string) bool { _, ok := m[key]; return ok }

func typed[T any](m Metadata, key, want string) (T, error) {
	v, ok := m[key].(T)
	if !ok {
		return v, m.mismatch(key, want)
	}
	return v, nil
}

func (m Metadata) mismatch(key, want string) error {
	v, ok := m[key]
	if !ok {
		return fmt.Errorf("metadata has no %s", key)
	}
	return fmt.Errorf("metadata %s: expected %s, found %T", key, want, v)
}
