package grade

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/runtime/python-wasm/sandbox"
)

// buffer lays out an output buffer of the given records.
func buffer(rs ...struct {
	id   uint32
	st   status
	data string
},
) []byte {
	b := []byte{0, 0, 0, 0}
	for _, r := range rs {
		b = binary.LittleEndian.AppendUint32(b, r.id)
		b = append(b, byte(r.st))
		b = binary.LittleEndian.AppendUint32(b, uint32(len(r.data)))
		b = append(b, r.data...)
	}
	binary.LittleEndian.PutUint32(b, uint32(len(b)))
	return append(b, 0xaa, 0xbb) // the rest of the buffer
}

type rec = struct {
	id   uint32
	st   status
	data string
}

func TestReadRecords(t *testing.T) {
	b := buffer(rec{1, statusValue, "one"}, rec{1, statusException, "a forged second one"}, rec{7, statusValue, "of no operation"},
		rec{0, statusException, "ValueError\x00bad\xff"}, rec{idSetup, statusSyntax, "S\x00"}, rec{idDone, statusValue, ""})
	var rs records
	rs.read(b, 3)
	if !rs.done || !rs.other.found || len(rs.operations) != 3 || rs.operations[2].found {
		t.Fatalf("%+v", rs)
	}
	if r := rs.operations[1]; r.status != statusValue || string(r.data) != "one" {
		t.Errorf("operation 1: %+v", r)
	}
	if name, message := rs.operations[0].exception(); name != "ValueError" || message != "bad?" {
		t.Errorf("exception %q: %q", name, message)
	}
	for n := range len(b) - 2 {
		cut := bytes.Clone(b[:n])
		if n >= 4 {
			binary.LittleEndian.PutUint32(cut, uint32(n))
		}
		if rs.read(cut, 3); rs.done {
			t.Errorf("done after %d of %d bytes", n, len(b))
		}
	}
}

func TestOutcomes(t *testing.T) {
	for _, tt := range []struct {
		r    record
		want core.TestResult
	}{
		{record{true, statusValue, nil}, core.TestResult{Class: core.Passed}},
		{record{true, statusFalse, []byte("got 1")}, core.TestResult{Class: core.Failed, Exception: "AssertionError", Message: "got 1"}},
		{record{true, statusException, []byte("AssertionError\x00no")}, core.TestResult{Class: core.Failed, Exception: "AssertionError", Message: "no"}},
		{record{true, statusException, []byte("KeyError\x00k")}, core.TestResult{Class: core.Error, Exception: "KeyError", Message: "k"}},
		{record{true, statusExit, []byte("SystemExit\x000")}, core.TestResult{Class: core.Exit, Exception: "SystemExit", Message: "0"}},
		{record{true, statusSyntax, []byte("SyntaxError\x00s")}, core.TestResult{Class: core.Syntax, Exception: "SyntaxError", Message: "s"}},
		{record{true, statusMemory, []byte("MemoryError\x00")}, core.TestResult{Class: core.Memory, Exception: "MemoryError"}},
		{record{true, statusForeign, []byte("X")}, core.TestResult{Class: core.Failed, Message: "a value of type X cannot be compared"}},
		{record{true, 200, []byte("what")}, core.TestResult{Class: core.Error, Exception: "what"}},
	} {
		if got := tt.r.outcome(); got != tt.want {
			t.Errorf("status %d: %+v, want %+v", tt.r.status, got, tt.want)
		}
	}
	if got := (record{true, statusExit, []byte("SystemExit\x000")}).judged(); got.Class != core.Error {
		t.Errorf("the grader cannot be left: %+v", got)
	}
}

func TestEveryEndHasAClassOrIsOurs(t *testing.T) {
	for e := sandbox.Returned; e <= sandbox.HostFailure; e++ {
		r, err := outcomeOf(sandbox.End{Ending: e}, nil)
		ours := e == sandbox.WallLimit || e == sandbox.Cancelled || e == sandbox.HostFailure || e == sandbox.Unanswered
		if (err != nil) != ours || (err == nil && r.Class == "") {
			t.Errorf("ending %d: %+v, %v", e, r, err)
		}
	}
}

// FuzzReadRecords reads any buffer: every record lies within it and has an outcome.
func FuzzReadRecords(f *testing.F) {
	f.Add(buffer(rec{0, statusValue, "v"}, rec{idDone, statusValue, ""}), byte(2))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff}, byte(1))
	f.Fuzz(func(t *testing.T, b []byte, n byte) {
		var rs records
		rs.read(b, int(n))
		if len(rs.operations) != int(n) {
			t.Fatalf("%d operations, want %d", len(rs.operations), n)
		}
		for _, r := range append(rs.operations, rs.other) {
			if len(r.data) > len(b) {
				t.Fatal("a record is larger than its buffer")
			}
			if o := r.outcome(); r.found && o.Class == "" {
				t.Fatalf("status %d has no class", r.status)
			}
		}
	})
}
