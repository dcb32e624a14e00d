package gguf

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

func open(data []byte) (*File, error) { return NewFile(bytes.NewReader(data), int64(len(data))) }

func TestMetadata(t *testing.T) {
	f, err := open(small())
	if err != nil {
		t.Fatal(err)
	}
	want := Metadata{
		"u8": uint64(255), "i8": int64(-1), "u16": uint64(65535), "i16": int64(-1), "u32": uint64(7), "i32": int64(-1), "f32": 1e-5,
		"bool": true, "text": "grüß", "u64": uint64(1 << 40), "i64": int64(-1), "f64": 0.1, "texts": []string{"a", ""},
		"ints": []int64{1, -1}, "floats": []float64{0.1}, "nested": []any{[]bool{false, true}}, "general.alignment": uint64(64),
	}
	if !reflect.DeepEqual(f.Metadata, want) {
		t.Errorf("expected %#v\nfound %#v", want, f.Metadata)
	}
}

func TestMetadataTypes(t *testing.T) {
	m := Metadata{"n": int64(-3), "u": uint64(9), "big": uint64(1 << 60), "f": 0.5, "s": "x", "l": []string{"a"}, "b": true, "i": []uint64{1}, "far": []uint64{1 << 60}, "nan": int64(-1 << 60)}
	check := func(name string, got any, err error, want any, message string) {
		t.Helper()
		if message != "" {
			if err == nil || !strings.Contains(err.Error(), message) {
				t.Errorf("%s: expected error %q, found %v", name, message, err)
			}
		} else if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: expected %v, found %v, %v", name, want, got, err)
		}
	}
	n, err := m.Int("n")
	check("signed", n, err, -3, "")
	n, err = m.Int("u")
	check("unsigned", n, err, 9, "")
	n, err = m.Int("big")
	check("too large", n, err, nil, "big: 1152921504606846976 is too large")
	n, err = m.Int("nan")
	check("too small", n, err, nil, "out of range")
	n, err = m.Int("f")
	check("fraction", n, err, nil, "metadata f: expected an integer, found float64")
	n, err = m.Int("absent")
	check("absent", n, err, nil, "metadata has no absent")
	x, err := m.Float("u")
	check("integer as number", x, err, 9.0, "")
	x, err = m.Float("n")
	check("negative as number", x, err, -3.0, "")
	x, err = m.Float("f")
	check("number", x, err, 0.5, "")
	x, err = m.Float("s")
	check("text as number", x, err, nil, "expected a number, found string")
	s, err := m.String("s")
	check("text", s, err, "x", "")
	s, err = m.String("b")
	check("bool as text", s, err, nil, "expected a text, found bool")
	b, err := m.Bool("b")
	check("bool", b, err, true, "")
	l, err := m.Strings("l")
	check("texts", l, err, []string{"a"}, "")
	i, err := m.Ints("i")
	check("integers", i, err, []int64{1}, "")
	i, err = m.Ints("far")
	check("integers too large", i, err, nil, "far[0]")
	i, err = m.Ints("s")
	check("text as integers", i, err, nil, "expected a list of integers")
}

func TestTensors(t *testing.T) {
	f, err := open(small())
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(f.Tensors()[0].Shape, f.Tensors()[0].Type, f.Tensors()[1].Shape, f.Tensors()[1].Type); got != "[2 3] F32 [32] Q8_0" {
		t.Errorf("found %s", got)
	}
	matrix := make([]float32, 6)
	if err := f.Read("matrix", matrix); err != nil || !reflect.DeepEqual(matrix, []float32{0, 1, 2, 3, 4, 5}) {
		t.Errorf("matrix: found %v, %v", matrix, err)
	}
	row := make([]float32, 32)
	if err := f.Read("row", row); err != nil || row[0] != -8 || row[31] != 7.5 {
		t.Errorf("row: found %v, %v", row, err)
	}
	if err := f.Read("row", row[:3]); err == nil || !strings.Contains(err.Error(), "expected room for 32 elements, found 3") {
		t.Errorf("little room: found %v", err)
	}
	if err := f.Read("absent", row); err == nil || !strings.Contains(err.Error(), `no tensor "absent"`) {
		t.Errorf("absent: found %v", err)
	}
}

// TestDequantise compares every type, bit by bit, with what the Python package gguf 0.19.0 makes of the same bytes.
func TestDequantise(t *testing.T) {
	text, err := os.ReadFile("testdata/dequantise.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct{ Type, Stored, Float32 string }
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, c := range cases {
		seen[c.Type] = true
		stored, _ := base64.StdEncoding.DecodeString(c.Stored)
		want, _ := base64.StdEncoding.DecodeString(c.Float32)
		var typ Type
		for id, k := range kinds {
			if k.name == c.Type {
				typ = id
			}
		}
		data := head(1, 0).tensor("x", typ, 0, uint64(len(want)/4)).pad(32).raw(string(stored)).b
		f, err := open(data)
		if err != nil {
			t.Errorf("%s: %v", c.Type, err)
			continue
		}
		got := make([]float32, len(want)/4)
		if err := f.Read("x", got); err != nil {
			t.Errorf("%s: %v", c.Type, err)
		}
		for i, v := range got {
			if w := binary.LittleEndian.Uint32(want[4*i:]); math.Float32bits(v) != w {
				t.Errorf("%s: element %d: expected %v, found %v", c.Type, i, math.Float32frombits(w), v)
				break
			}
		}
	}
	for _, k := range kinds {
		if k.name != "F32" && !seen[k.name] {
			t.Errorf("no case for %s", k.name)
		}
	}
}

func TestHostileFiles(t *testing.T) {
	huge := uint64(1) << 60
	rows := []struct {
		name string
		data []byte
		want string
	}{
		{"empty", nil, "expected 4 more bytes, found 0"},
		{"another format", []byte("PK\x03\x04...."), `start with GGUF, found "PK`},
		{"version 1", new(builder).raw("GGUF").u32(1).u64(0).u64(0).b, "version 2 or 3, found 1"},
		{"big-endian", new(builder).raw("GGUF\x00\x00\x00\x03").u64(0).u64(0).b, "big-endian"},
		{"many tensors", head(huge, 0).b, "tensors: the file has only"},
		{"many keys", head(0, huge).b, "metadata pairs: the file has only 0 bytes left"},
		{"keys that are not there", head(0, 1).b, "metadata pairs: the file has only 0"},
		{"long key", head(0, 1).u64(huge).pad(64).b, "bytes of a key: the file has only"},
		{"long text", head(0, 1).str("k").u32(typeString).u64(huge).b, "bytes of a text"},
		{"long array", head(0, 1).str("k").u32(typeArray).u32(typeUint8).u64(huge).b, "array elements"},
		{"array of nothing known", head(0, 1).str("k").u32(typeArray).u32(99).u64(0).b, "array of unknown value type 99"},
		{"deep arrays", head(0, 1).str("k").u32(typeArray).u32(typeArray).u64(1).u32(typeArray).u64(1).u32(typeArray).u64(1).u32(typeArray).u64(1).pad(512).b, "nested more than 3"},
		{"unknown value type", head(0, 1).str("key").u32(77).u64(0).b, "unknown value type 77"},
		{"key twice", head(0, 2).str("k").u32(typeBool).raw("\x01").str("k").u32(typeBool).raw("\x01").b, `"k" occurs twice`},
		{"key that is no text", head(0, 1).str("\xff").u32(typeBool).raw("\x01").pad(64).b, "not valid UTF-8"},
		{"alignment of no power of two", head(0, 1).str("general.alignment").u32(typeUint32).u32(24).b, "expected a power of two"},
		{"alignment of text", head(0, 1).str("general.alignment").u32(typeString).str("x").b, "expected an integer"},
		{"no dimensions", head(1, 0).tensor("x", F32, 0).pad(64).b, "expected 1 to 4 dimensions, found 0"},
		{"many dimensions", head(1, 0).str("x").u32(1 << 30).pad(64).b, "expected 1 to 4 dimensions"},
		{"dimension zero", head(1, 0).tensor("x", F32, 0, 0).pad(64).b, "dimension 0"},
		{"dimensions that overflow", head(1, 0).tensor("x", F32, 0, 1<<40, 1<<40).pad(64).b, "dimension 1099511627776"},
		{"bytes that overflow", head(1, 0).tensor("x", F32, 0, math.MaxInt64).pad(64).b, "too many"},
		{"type not read", head(1, 0).tensor("x", 10, 0, 256).pad(64).b, "Q2_K is not supported; known types: F32, F16, Q4_0"},
		{"type unknown", head(1, 0).tensor("x", 12345, 0, 256).pad(64).b, "type 12345 is not supported"},
		{"row of no whole blocks", head(1, 0).tensor("x", Q4_1, 0, 48).pad(64).b, "rows of 48 elements: expected a multiple of 32 for Q4_1"},
		{"offset off the alignment", head(1, 0).tensor("x", F32, 8, 1).pad(64).b, "offset 8: expected a multiple of 32"},
		{"offset beyond everything", head(1, 0).tensor("x", F32, math.MaxUint64-31, 1).pad(64).b, "offset"},
		{"truncated", small()[:len(small())-1], `tensor "row" [32] of Q8_0: expected 34 bytes at offset 64`},
		{"tensor twice", head(2, 0).tensor("x", F32, 0, 1).tensor("x", F32, 32, 1).pad(32).raw(strings.Repeat("\x00", 64)).b, `"x" occurs twice`},
		{"overlap", head(2, 0).tensor("x", F32, 0, 9).tensor("y", F32, 32, 1).pad(32).raw(strings.Repeat("\x00", 64)).b, `"x" and "y" overlap`},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := open(r.data)
			runtime.ReadMemStats(&after)
			if err == nil || !strings.Contains(err.Error(), r.want) {
				t.Errorf("expected %q, found %v", r.want, err)
			}
			if used := after.TotalAlloc - before.TotalAlloc; used > 4<<20 {
				t.Errorf("allocated %d bytes for a file of %d", used, len(r.data))
			}
		})
	}
}

// Every beginning of a file gives an error, never a panic.
func TestEveryTruncation(t *testing.T) {
	whole := small()
	for n := range whole {
		if _, err := open(whole[:n]); err == nil {
			t.Fatalf("the first %d of %d bytes were accepted", n, len(whole))
		}
	}
}

func TestOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.gguf")
	if err := os.WriteFile(path, small(), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if err := f.Read("matrix", make([]float32, 6)); err == nil {
		t.Error("read after Close: expected an error")
	}
	for _, p := range []string{filepath.Dir(path), filepath.Join(t.TempDir(), "absent")} {
		if _, err := Open(p); err == nil || !strings.Contains(err.Error(), p) {
			t.Errorf("%s: expected an error with the path, found %v", p, err)
		}
	}
}

func FuzzNewFile(f *testing.F) {
	f.Add(small())
	f.Add(small()[:100])
	f.Add(head(1, 0).tensor("x", Q6K, 0, 256).pad(32).raw(strings.Repeat("\x01", 210)).b)
	f.Add(head(0, 1).str("k").u32(typeArray).u32(typeString).u64(2).str("a").str("b").b)
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := open(data)
		if err != nil {
			return
		}
		for _, tensor := range file.Tensors() {
			n := tensor.Elements()
			if n > 2*int64(len(data)) { // the densest type has 256 elements in 144 bytes
				t.Fatalf("%+v has more elements than the file can hold", tensor)
			}
			if err := file.Read(tensor.Name, make([]float32, n)); err != nil {
				t.Fatalf("%s: %v", tensor.Name, err)
			}
		}
	})
}

func BenchmarkRead(b *testing.B) {
	const n = 1 << 20
	dst := make([]float32, n)
	for _, typ := range []Type{F32, F16, Q4_1, Q8_0, Q4K, Q6K} {
		k := kinds[typ]
		data := append(head(1, 0).tensor("x", typ, 0, n).pad(32).b, make([]byte, n/k.elements*k.bytes)...)
		f, err := open(data)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(typ.String(), func(b *testing.B) {
			b.SetBytes(4 * n)
			for b.Loop() {
				if err := f.Read("x", dst); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
