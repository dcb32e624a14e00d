package samples

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/rlvr-harness/harness/benchmarks/rows"
)

func TestReader(t *testing.T) {
	const file = `{"task_id": 11, "completion": "a\n", "model": "x"}
{"task_id": "11", "completion": "b"}
{"task_id": "HumanEval/0", "completion_base64": "/wA="}
{"task_id": "Mbpp/2", "solution": "c", "_identifier": "z"}
{"task_id": 11, "completion": "\ud800"}
{"task_id": 11, "completion": ""}
{"task_id": 11}
{"task_id": 11, "completion": null, "solution": "d"}
{"task_id": 11, "completion": "x", "solution": "d"}
{"task_id": 11, "completion": ["x"]}
{"task_id": 11, "completion_base64": "%%"}
{"completion": "x"}
nonsense
{"task_id": 12, "completion": "last"}`
	want := []string{
		`1 11 11 0 completion "a\n"`,
		`2 11 "11" 1 completion "b"`,
		`3 HumanEval/0 "HumanEval/0" 0 completion_base64 "\xff\x00"`,
		`4 Mbpp/2 "Mbpp/2" 0 solution "c"`,
		`5 11 11 2 completion "\xed\xa0\x80"`,
		`6 11 11 3 completion ""`,
		`samples: f:7:1: field "completion": it is missing; want the completion (or completion_base64, or solution as in EvalPlus's files)`,
		`8 11 11 4 solution "d"`,
		`samples: f:9:48: field "solution": the row has the field "completion" too; want one of them`,
		`samples: f:10:31: field "completion": want a string, found an array`,
		`samples: f:11:38: field "completion_base64": not base64 (RFC 4648, with padding): illegal base64 data at input byte 0`,
		`samples: f:12:1: field "task_id": it is missing; want a string or a whole number`,
		`samples: f:13:1: not a JSON object: want an object, found 'n'`,
		`14 12 12 0 completion "last"`,
	}
	r := NewReader("f", strings.NewReader(file), rows.Limits{})
	for i, w := range want {
		s, err := r.Next()
		got := fmt.Sprintf("%d %s %s %d %s %q", s.Line, s.TaskID, s.RawID, s.Index, s.Format, s.Text)
		if err != nil {
			if got = err.Error(); !rows.IsRow(err) {
				t.Errorf("%v ends the reading", err)
			}
		}
		if got != w {
			t.Errorf("row %d: %s\nwant: %s", i+1, got, w)
		}
	}
	if _, err := r.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("the end is %v", err)
	}
}

func TestOpen(t *testing.T) {
	if _, err := Open(filepath.Join(t.TempDir(), "absent"), rows.Limits{}); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	path := filepath.Join(t.TempDir(), "s.jsonl")
	if err := os.WriteFile(path, []byte(`{"task_id": 1, "completion": "x"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := Open(path, rows.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if s, err := r.Next(); err != nil || s.Text != "x" {
		t.Errorf("%+v, %v", s, err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

// endless gives the same row over and over.
type endless struct {
	row  []byte
	at   int
	left int
}

func (e *endless) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		if e.left == 0 {
			return n, io.EOF
		}
		c := copy(p[n:], e.row[e.at:])
		n += c
		if e.at += c; e.at == len(e.row) {
			e.at = 0
			e.left--
		}
	}
	return n, nil
}

// TestMemoryIsConstant reads 400 MB of samples, one row of 100 MB among them, and looks at the heap.
func TestMemoryIsConstant(t *testing.T) {
	if testing.Short() {
		t.Skip("reads 400 MB; run without -short")
	}
	row := []byte(`{"task_id": 11, "completion": "` + strings.Repeat("x = 1\\n", 1000) + "\"}\n")
	huge := io.MultiReader(strings.NewReader(`{"task_id": 12, "completion": "`), &endless{row: []byte("xxxxxxxxxx"), left: 10_000_000}, strings.NewReader("\"}\n"))
	r := NewReader("f", io.MultiReader(&endless{row: row, left: 20_000}, huge, &endless{row: row, left: 20_000}), rows.Limits{})
	samples, long, peak := 0, 0, uint64(0)
	for {
		_, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			if long++; !strings.Contains(err.Error(), "f:20001: the row is longer than the limit of 33554432 bytes") {
				t.Fatal(err)
			}
			continue
		}
		if samples++; samples%4000 == 0 {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapAlloc)
		}
	}
	if samples != 40_000 || long != 1 {
		t.Errorf("%d samples and %d long rows", samples, long)
	}
	if peak > 200<<20 {
		t.Errorf("the heap grew to %d MiB", peak>>20)
	}
}

func FuzzReader(f *testing.F) {
	f.Add([]byte(`{"task_id": 11, "completion": "a"}` + "\n" + `{"task_id": "x", "completion_base64": "AA=="}`))
	f.Add([]byte(`[{"task_id": 11, "solution": "\ud800"}]`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := NewReader("f", bytes.NewReader(b), rows.Limits{Line: 1 << 12, Array: 1 << 14})
		seen := map[string]int{}
		for range len(b) + 2 {
			s, err := r.Next()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				if !rows.IsRow(err) {
					return
				}
				continue
			}
			if s.TaskID == "" || len(s.RawID) == 0 || s.Format == "" || s.Line < 1 || s.Index != seen[s.TaskID] {
				t.Fatalf("%+v", s)
			}
			seen[s.TaskID]++
		}
		t.Fatal("more rows than bytes")
	})
}
