package safetensors

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// reference are the tensors of testdata/reference.safetensors, which safetensors 0.8.0 for Python wrote.
func reference() []Tensor {
	return []Tensor{
		Float32("b", []int64{2, 3}, []float32{0, 1, 2, 3, 4, 5}),
		Int64("a", []int64{2}, []int64{1, -2}),
		{"m", Bool, []int64{3}, []byte{1, 0, 1}},
		{"h", F16, []int64{2}, []byte{0x00, 0x3e, 0x00, 0xb4}},
		Float32("s", nil, []float32{7}),
		{"é<&>", F64, []int64{0, 4}, nil},
		{"u", U8, []int64{2}, []byte{7, 255}},
		{"i", I32, []int64{1, 1}, []byte{0xff, 0xff, 0xff, 0xff}},
	}
}

func TestWriteMatchesReference(t *testing.T) {
	want, err := os.ReadFile("testdata/reference.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "out.safetensors")
	if err = Write(path, reference(), nil); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("expected\n%q\nfound\n%q", want, got)
	}
}

func TestReadReference(t *testing.T) {
	f, err := Open("testdata/reference.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if got := f.Metadata(); !reflect.DeepEqual(got, map[string]string{"format": "pt"}) {
		t.Errorf("metadata: found %v", got)
	}
	floats := map[string][]float32{"b": {0, 1, 2, 3, 4, 5}, "h": {1.5, -0.25}, "s": {7}, "é<&>": {}}
	for name, want := range floats {
		got := make([]float32, len(want))
		if err := f.ReadFloat32(name, got); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: expected %v, found %v, %v", name, want, got, err)
		}
	}
	ints := map[string][]int64{"a": {1, -2}, "m": {1, 0, 1}, "u": {7, 255}, "i": {-1}}
	for name, want := range ints {
		got := make([]int64, len(want))
		if err := f.ReadInt64(name, got); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: expected %v, found %v, %v", name, want, got, err)
		}
	}
	for _, w := range reference() {
		info, ok := f.Lookup(w.Name)
		if !ok || info.DType != w.DType || fmt.Sprint(info.Shape) != fmt.Sprint(append([]int64{}, w.Shape...)) {
			t.Errorf("%s: found %+v, %v", w.Name, info, ok)
		}
		data, err := f.ReadBytes(w.Name)
		if err != nil || !bytes.Equal(data, w.Data) {
			t.Errorf("%s: bytes %v, %v", w.Name, data, err)
		}
	}
}

func TestReadRefusesWrongUse(t *testing.T) {
	f, err := Open("testdata/reference.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	_, absent := f.ReadBytes("absent")
	rows := []struct {
		name, want string
		err        error
	}{
		{"absent tensor", `no tensor "x"`, f.ReadFloat32("x", nil)},
		{"absent bytes", `no tensor "absent"`, absent},
		{"too little room", "expected room for 6 elements, found 5", f.ReadFloat32("b", make([]float32, 5))},
		{"integers as floats", "expected F32, F16, BF16 or F64, found I64", f.ReadFloat32("a", make([]float32, 2))},
		{"floats as integers", "expected I64, I32, U8 or BOOL, found F32", f.ReadInt64("b", make([]int64, 6))},
	}
	for _, r := range rows {
		if r.err == nil || !strings.Contains(r.err.Error(), r.want) {
			t.Errorf("%s: expected %q, found %v", r.name, r.want, r.err)
		}
	}
}

// A tensor larger than the conversion's buffer is read in parts.
func TestReadLargeTensor(t *testing.T) {
	n := chunk/4*2 + 17
	values := make([]float32, n)
	for i := range values {
		values[i] = float32(i)
	}
	path := filepath.Join(t.TempDir(), "large.safetensors")
	if err := Write(path, []Tensor{Float32("x", []int64{int64(n)}, values)}, nil); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	got := make([]float32, n)
	if err := f.ReadFloat32("x", got); err != nil || !reflect.DeepEqual(got, values) {
		t.Fatalf("differs, %v", err)
	}
}

// file builds a file from a header's text and data.
func file(header string, data int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), make([]byte, data)...)
}

func TestHostileFiles(t *testing.T) {
	rows := []struct {
		name string
		data []byte
		want string
	}{
		{"empty", nil, "expected at least 8 bytes, found 0"},
		{"length beyond the limit", binary.LittleEndian.AppendUint64(nil, math.MaxUint64), "expected at most 100000000"},
		{"length beyond the file", binary.LittleEndian.AppendUint64(nil, 90_000_000), "the file has only 8: truncated"},
		{"not an object", file(`[]`, 0), "starts with '{'"},
		{"bad UTF-8", file("{\"\xff\":1}", 0), "not valid UTF-8"},
		{"text after the object", file(`{}{}`, 0), "text after"},
		{"unclosed", file(`{"a":`, 0), "EOF"},
		{"twice", file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}`, 2), "occurs twice"},
		{"unknown type", file(`{"a":{"dtype":"Q9","shape":[1],"data_offsets":[0,1]}}`, 1), `tensor "a": unknown dtype "Q9"`},
		{"no offsets", file(`{"a":{"dtype":"U8","shape":[1]}}`, 1), "expected dtype, shape and two data_offsets"},
		{"no shape", file(`{"a":{"dtype":"U8","data_offsets":[0,1]}}`, 1), "expected dtype, shape and two data_offsets"},
		{"negative entry", file(`{"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}}`, 1), "negative"},
		{"overflow", file(`{"a":{"dtype":"U8","shape":[9223372036854775807,3],"data_offsets":[0,1]}}`, 1), "too large"},
		{"overflow in bytes", file(`{"a":{"dtype":"F64","shape":[9223372036854775807],"data_offsets":[0,1]}}`, 1), "too large"},
		{"size differs from shape", file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}`, 4), "expected 8 bytes, found data_offsets [0, 4]"},
		{"offsets in reverse", file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,0]}}`, 1), "expected 1 bytes"},
		{"gap", file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}`, 2), "start at 0, found 1"},
		{"overlap", file(`{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}`, 3), "start at 2, found 1"},
		{"truncated", file(`{"a":{"dtype":"U8","shape":[9],"data_offsets":[0,9]}}`, 3), "expected 9 bytes of data, found 3: the file is truncated"},
		{"too large", file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 3), "expected 1 bytes of data, found 3: the file is too large"},
		{"metadata of numbers", file(`{"__metadata__":{"a":1}}`, 0), "__metadata__"},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			_, err := NewFile(bytes.NewReader(r.data), int64(len(r.data)))
			if err == nil || !strings.Contains(err.Error(), r.want) {
				t.Errorf("expected %q, found %v", r.want, err)
			}
		})
	}
}

func TestWriteRefuses(t *testing.T) {
	rows := []struct {
		name    string
		tensors []Tensor
		want    string
	}{
		{"unknown type", []Tensor{{"a", "Q9", nil, nil}}, "unknown dtype"},
		{"too few bytes", []Tensor{{"a", F32, []int64{2}, make([]byte, 4)}}, "expected 2 elements of 4 bytes, found 4 bytes"},
		{"reserved name", []Tensor{{"__metadata__", U8, []int64{0}, nil}}, "not a name"},
		{"one name, two types", []Tensor{{"a", U8, []int64{0}, nil}, {"a", F32, []int64{0}, nil}}, "occurs twice"},
	}
	for _, r := range rows {
		dir := t.TempDir()
		err := Write(filepath.Join(dir, "x"), r.tensors, nil)
		if err == nil || !strings.Contains(err.Error(), r.want) {
			t.Errorf("%s: expected %q, found %v", r.name, r.want, err)
		}
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Errorf("%s: left %v behind", r.name, left)
		}
	}
	if err := Write(filepath.Join(t.TempDir(), "no", "folder"), reference(), nil); err == nil {
		t.Error("absent folder: expected an error")
	}
}

func TestOpenFolder(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, ts ...Tensor) {
		if err := Write(filepath.Join(dir, name), ts, nil); err != nil {
			t.Fatal(err)
		}
	}
	index := func(m map[string]string) {
		text, _ := json.Marshal(map[string]any{"metadata": map[string]any{"total_size": 8}, "weight_map": m})
		if err := os.WriteFile(filepath.Join(dir, IndexFile), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := OpenFolder(dir); err == nil || !strings.Contains(err.Error(), SingleFile) {
		t.Errorf("empty folder: expected the file's name, found %v", err)
	}
	write(SingleFile, Float32("x", []int64{1}, []float32{3}))
	f, err := OpenFolder(dir)
	if err != nil || len(f.Tensors()) != 1 {
		t.Fatalf("single file: %v, %v", f, err)
	}
	_ = f.Close()

	write("one.safetensors", Float32("a", []int64{1}, []float32{1}))
	write("two.safetensors", Float32("b", []int64{1}, []float32{2}))
	index(map[string]string{"a": "one.safetensors", "b": "two.safetensors"})
	f, err = OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	got := make([]float32, 1)
	if err := f.ReadFloat32("b", got); err != nil || got[0] != 2 || len(f.Paths()) != 2 {
		t.Errorf("shards: found %v, %v, %v", got, f.Paths(), err)
	}
	_ = f.Close()

	rows := []struct {
		name, want string
		index      map[string]string
	}{
		{"path out of the folder", "expected a file name in the folder", map[string]string{"a": "../one.safetensors"}},
		{"absolute path", "expected a file name in the folder", map[string]string{"a": "/etc/passwd"}},
		{"nothing", "expected a weight_map", nil},
		{"shard absent", "three.safetensors", map[string]string{"a": "three.safetensors"}},
		{"tensor absent", `tensor "c" is missing`, map[string]string{"a": "one.safetensors", "c": "one.safetensors"}},
		{"tensor not named", `tensor "b" is not in the index`, map[string]string{"c": "two.safetensors"}},
	}
	for _, r := range rows {
		index(r.index)
		if _, err := OpenFolder(dir); err == nil || !strings.Contains(err.Error(), r.want) {
			t.Errorf("%s: expected %q, found %v", r.name, r.want, err)
		}
	}
}

// TestParityAdaptersRoundTrip rewrites files that PEFT wrote and expects the same bytes.
func TestParityAdaptersRoundTrip(t *testing.T) {
	dir, named := os.LookupEnv("HARNESS_PARITY")
	if !named {
		dir = "../../../../../shared/parity/models"
	}
	files, err := filepath.Glob(filepath.Join(dir, "*", "adapter", "adapter_model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		if named {
			t.Fatalf("HARNESS_PARITY=%s has no */adapter/adapter_model.safetensors", dir)
		}
		t.Skipf("no parity folder at %s; set HARNESS_PARITY", dir)
	}
	for _, path := range files {
		f, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		var tensors []Tensor
		for _, info := range f.Tensors() {
			data, err := f.ReadBytes(info.Name)
			if err != nil {
				t.Fatal(err)
			}
			tensors = append(tensors, Tensor{info.Name, info.DType, info.Shape, data})
		}
		out := filepath.Join(t.TempDir(), "out")
		if err := Write(out, tensors, f.Metadata()); err != nil {
			t.Fatal(err)
		}
		_ = f.Close()
		want, _ := os.ReadFile(path)
		got, _ := os.ReadFile(out)
		if !bytes.Equal(want, got) {
			t.Errorf("%s: written again, it differs", path)
		}
	}
}

func FuzzNewFile(f *testing.F) {
	ref, err := os.ReadFile("testdata/reference.safetensors")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(ref)
	f.Add(ref[:len(ref)-3])
	f.Add(file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, 8))
	f.Add(file(`{"a":{"dtype":"BF16","shape":[],"data_offsets":[0,2]},"__metadata__":{}}`, 2))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := NewFile(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		for _, info := range file.Tensors() {
			n := info.Elements()
			if n*int64(info.DType.Size()) > int64(len(data)) {
				t.Fatalf("%+v is larger than the file", info)
			}
			if _, err := file.ReadBytes(info.Name); err != nil {
				t.Fatalf("%s: %v", info.Name, err)
			}
			_ = file.ReadFloat32(info.Name, make([]float32, n))
			_ = file.ReadInt64(info.Name, make([]int64, n))
		}
	})
}

func BenchmarkReadFloat32(b *testing.B) {
	const n = 1 << 20
	for _, d := range []DType{F32, BF16, F16} {
		path := filepath.Join(b.TempDir(), "x.safetensors")
		if err := Write(path, []Tensor{{"x", d, []int64{n}, make([]byte, n*d.Size())}}, nil); err != nil {
			b.Fatal(err)
		}
		f, err := Open(path)
		if err != nil {
			b.Fatal(err)
		}
		defer func() { _ = f.Close() }()
		dst := make([]float32, n)
		b.Run(string(d), func(b *testing.B) {
			b.SetBytes(int64(n * d.Size()))
			for b.Loop() {
				if err := f.ReadFloat32("x", dst); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
