package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rlvr-harness/harness/core"
)

func TestReadPeer(t *testing.T) {
	for _, tt := range []struct {
		out  string
		want float64
		err  string
	}{
		{"", 7, ""},
		{"no JSON\n{\"cpu_ms_per_verdict\": 2}\n{\"cpu_ms_per_verdict\": 3.5, \"failed\": []}\n", 3.5, ""},
		{"{\"other\": 1}\n[1]\n", 7, ""},
		{"{\"cpu_ms_per_verdict\": 2, \"failed\": [\"17\", 4]}\n", 0, `"17", 4`},
		{"{\"cpu_ms_per_verdict\": 0}\n", 0, "cannot be"},
	} {
		got, err := readPeer([]byte(tt.out), 7)
		if got != tt.want || (err == nil) != (tt.err == "") || (err != nil && !strings.Contains(err.Error(), tt.err)) {
			t.Errorf("%q: %v, %v; want %v, %q", tt.out, got, err, tt.want, tt.err)
		}
	}
}

func TestPeerSeesTheTasks(t *testing.T) {
	dir := t.TempDir()
	saved := filepath.Join(dir, "it's saved.jsonl")
	tasks := []core.Task{{ID: "7", Code: "x = 1", Imports: []string{"import math"}, Setup: "y = 2", Tests: []string{"assert x < y", "assert x"}}}
	ms, err := gradeByCommand(t.Context(), `cp {tasks} "`+saved+`"; echo '{"cpu_ms_per_verdict": 4}'`, filepath.Join(dir, "it's.jsonl"), tasks)
	if err != nil || ms != 4 {
		t.Fatal(ms, err)
	}
	b, err := os.ReadFile(saved)
	const want = `{"task_id":"7","text":"","code":"import math\nx = 1","test_setup_code":"import math\ny = 2","test_list":["assert x \u003c y","assert x"]}` + "\n"
	if err != nil || string(b) != want {
		t.Errorf("the peer got %s, %v", b, err)
	}
	if _, err := gradeByCommand(t.Context(), "echo broken >&2; exit 3; {tasks}", filepath.Join(dir, "t"), tasks); err == nil || !strings.Contains(err.Error(), "broken") {
		t.Errorf("a command that fails: %v", err)
	}
}
