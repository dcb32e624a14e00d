package pythonwasm

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

func TestSnippetNames(t *testing.T) {
	for _, tt := range []struct {
		text string
		want []string
	}{
		{"def a(): pass\nSNIPPETS = [a]\n", []string{"a"}},
		{"SNIPPETS=[a, b_2 ,\n  c,\n]", []string{"a", "b_2", "c"}},
		{"x = 1\n", nil},
		{"SNIPPETS = []\n", nil},
		{"SNIPPETS = [f(x)]\n", nil},
	} {
		got, err := SnippetNames(tt.text)
		if !slices.Equal(got, tt.want) || (err == nil) != (tt.want != nil) {
			t.Errorf("%q: %q, %v; want %q", tt.text, got, err, tt.want)
		}
	}
	names, err := SnippetNames(Snippets)
	if err != nil || len(names) != 9 {
		t.Errorf("our own snippets are %q, %v", names, err)
	}
}

// TestCompareSnippets measures two snippets, one whose value only repr can carry.
func TestCompareSnippets(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skipf("there is no native Python to compare with: %v", err)
	}
	const text = "def a():\n    return sum(range(2000000))\n\ndef b():\n    return sum(range(2000000)) and [float('nan'), 'é\"\\n']\n\nSNIPPETS = [a, b]\nassert __name__ != '__main__'\n"
	c, err := pool(t).CompareSnippets(t.Context(), text, []string{"a", "b"}, python, 2)
	if err != nil {
		t.Fatal(err)
	}
	if c.Python != pool(t).Python() || !strings.HasPrefix(c.Native, "3.") || c.Rounds != 2 || len(c.Snippets) != 2 {
		t.Errorf("compared %+v", c)
	}
	a := c.Snippets[0]
	if a.Check != "1999999000000" {
		t.Errorf("a returned %s", a.Check)
	}
	if a.Ours <= 0 || a.Native <= 0 || a.Slower < 0.1 || a.Slower > 1000 || c.Slowest < c.Slower || a.Fuel < 100_000 {
		t.Errorf("a costs %+v of %+v", a, c)
	}
	again, err := pool(t).CompareSnippets(t.Context(), text, []string{"a"}, "", 1)
	if err != nil {
		t.Fatal(err)
	}
	if s := again.Snippets[0]; s.Fuel != a.Fuel || s.Native != 0 || s.Check != "" || again.Slower != 0 {
		t.Errorf("without a native interpreter: %+v of %+v; the fuel was %d", s, again, a.Fuel)
	}
}

// TestCompareSnippetsNotEqual wants an error where the two sides did not do the same.
func TestCompareSnippetsNotEqual(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skipf("there is no native Python to compare with: %v", err)
	}
	for _, tt := range []struct{ text, want string }{
		{"import sys\ndef f():\n    return sys.maxsize\n", "in the sandbox, its test"},
		{"def f():\n    raise ValueError('no')\n", "ValueError: no"},
		{"import os\ndef f():\n    return os.urandom(8)\n", "in the sandbox, its test"},
		{"import time\ntime.thread_time_ns = lambda: 0\ndef f():\n    return sum(range(100000))\n", "snippet f takes too little CPU time"},
	} {
		_, err := pool(t).CompareSnippets(t.Context(), tt.text, []string{"f"}, python, 2)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: %v; want %q", tt.text, err, tt.want)
		}
	}
}
