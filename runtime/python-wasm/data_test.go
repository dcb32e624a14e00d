package pythonwasm

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/rlvr-harness/harness/core"
)

// fixture finds a folder of test data: where the variable names one, it must be there; the default may be missing.
func fixture(tb testing.TB, variable, folder string) string {
	tb.Helper()
	dir, named := os.LookupEnv(variable)
	if !named {
		dir = filepath.Join("..", "..", "..", "shared", folder)
	}
	entries, err := os.ReadDir(dir)
	switch {
	case err == nil && len(entries) > 0:
		return dir
	case named:
		tb.Fatalf("%s=%s is missing or empty: %v", variable, dir, err)
	}
	tb.Skipf("no test data in %s; set %s to a folder that has it", dir, variable)
	return ""
}

// mbpp reads MBPP's JSON lines; the challenge tests are graded with the others.
func mbpp(tb testing.TB) []core.Task {
	tb.Helper()
	f, err := os.Open(filepath.Join(fixture(tb, "HARNESS_DATA", "data"), "mbpp.jsonl"))
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	var out []core.Task
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var d struct {
			TaskID    int      `json:"task_id"`
			Code      string   `json:"code"`
			Setup     string   `json:"test_setup_code"`
			Tests     []string `json:"test_list"`
			Challenge []string `json:"challenge_test_list"`
		}
		if err := json.Unmarshal(lines.Bytes(), &d); err != nil {
			tb.Fatal(err)
		}
		out = append(out, core.Task{ID: fmt.Sprint(d.TaskID), Code: d.Code, Setup: d.Setup, Tests: append(d.Tests, d.Challenge...)})
	}
	if err := lines.Err(); err != nil {
		tb.Fatal(err)
	}
	return out
}

func sanitized(tb testing.TB) []core.Task {
	tb.Helper()
	b, err := os.ReadFile(filepath.Join(fixture(tb, "HARNESS_DATA", "data"), "sanitized-mbpp.json"))
	if err != nil {
		tb.Fatal(err)
	}
	var rows []struct {
		TaskID  int      `json:"task_id"`
		Code    string   `json:"code"`
		Imports []string `json:"test_imports"`
		Tests   []string `json:"test_list"`
	}
	if err := json.Unmarshal(b, &rows); err != nil {
		tb.Fatal(err)
	}
	var out []core.Task
	for _, d := range rows {
		out = append(out, core.Task{ID: fmt.Sprint(d.TaskID), Code: d.Code, Imports: d.Imports, Tests: d.Tests})
	}
	return out
}
