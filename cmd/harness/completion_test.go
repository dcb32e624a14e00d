package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestCompletions(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"harness-reward-brief", "harness-reward-tidy", "harness-optimizer-plain"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("HARNESS_PLUGIN_PATH", dir)
	for _, c := range []struct {
		line string // what was typed after the program's name
		want string // among the ways to go on; "" means that there are none
		not  string // not among them
	}{
		{"", "study", verdictWorkerCommand().Name},
		{"", "verify", lintWorkerCommand().Name},
		{"ver", "verify", "run"},
		{"run --opt", "--optimizer", "--reward"},
		{"run --", "--help", ""},
		{"run --optimizer ", "plain", "brief"},
		{"run --optimizer=pl", "--optimizer=plain", ""},
		{"run --reward brief=1.0,ti", "brief=1.0,tidy", "tidy"},
		{"run --reward brief --optimizer p", "plain", ""},
		{"run --reward=brief=1,t", "--reward=brief=1,tidy", ""},
		{"run --benchmark mbpp-", "mbpp-plus", "humaneval"},
		{"run --isolate --lint-profile ", "classic", "--isolate"},
		{"run --data ", "", ""}, // a file
		{"run ", "", ""},
		{"eval --model smol", defaultModel, ""},
		{"plugin ", "check", "run"},
		{"plugin new ", "optimizer", "policy"},
		{"plugin new reward ", "", ""},
		{"plugin check ", "", ""},
		{"assets fetch py", "python-image", "list"},
		{"bench c", "cpu", "verdicts"},
		{"completion ", "fish", ""},
		{"nothing ", "", ""},
	} {
		var got []string
		for _, n := range completions(commands(), strings.Split(c.line, " ")) {
			got = append(got, n.word)
		}
		if c.want == "" && len(got) > 0 || c.want != "" && !slices.Contains(got, c.want) || c.not != "" && slices.Contains(got, c.not) {
			t.Errorf("%q goes on with %q; want %q and not %q", c.line, got, c.want, c.not)
		}
	}
}

// TestCompletionInShells presses Tab in real shells.
func TestCompletionInShells(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "harness-reward-tidy"), nil, 0o755); err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// the test binary is the command where it goes by that name, see TestMain
	if err := os.Symlink(exe, filepath.Join(dir, "harness")); err != nil {
		t.Fatal(err)
	}
	env := append(os.Environ(), "PATH="+dir+string(filepath.ListSeparator)+os.Getenv("PATH"), "HARNESS_PLUGIN_PATH="+dir)
	press := map[string]func(line string) []string{
		"bash": func(line string) []string {
			return []string{"--norc", "-c", `set -eu; source <(harness completion bash); COMP_LINE=$1 COMP_POINT=${#1}; _harness; printf '%s\n' "${COMPREPLY[@]}"`, "bash", line}
		},
		"fish": func(line string) []string {
			return []string{"--no-config", "-c", `harness completion fish | source; complete -C $argv[1]`, line}
		},
		"zsh": func(line string) []string { // compadd works only while Tab is pressed, so what it is given is taken
			return []string{"-f", "-c", `compdef() { }; source <(harness completion zsh); compadd() { print -l -- $values }; _files() { }; words=("${(@s: :)1}"); CURRENT=$#words; _harness`, "zsh", line}
		},
	}
	for shell, args := range press {
		t.Run(shell, func(t *testing.T) {
			if _, err := exec.LookPath(shell); err != nil {
				t.Skipf("%s is not installed", shell)
			}
			for line, want := range map[string]string{
				"harness ver":                             "verify",
				"harness run --reward ti":                 "tidy",
				"harness run --reward ":                   "tidy",
				"harness run --opti":                      "--optimizer",
				"harness run --reward unit-tests=1.0,tid": "unit-tests=1.0,tidy",
			} {
				cmd := exec.Command(shell, args(line)...)
				cmd.Env = env
				out, err := cmd.CombinedOutput()
				if err != nil {
					t.Fatalf("%q: %v\n%s", line, err, out)
				}
				if shell == "bash" { // for which a word begins after "="
					want = want[strings.LastIndex(want, "=")+1:]
				}
				var got []string
				for _, l := range strings.Split(strings.TrimSpace(string(out)), "\n") {
					word, _, _ := strings.Cut(l, "\t")
					got = append(got, word)
				}
				if !slices.Contains(got, want) {
					t.Errorf("%q goes on with %q; want %q", line, got, want)
				}
			}
		})
	}
}
