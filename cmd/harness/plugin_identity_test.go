package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rlvr-harness/harness/core/run"
	"github.com/rlvr-harness/harness/plugins"
)

// A run goes on with the plugins that it was started with, or not without being told.
func TestChangedPlugin(t *testing.T) {
	o := newOddRun(t)
	good, dir := filepath.Join(t.TempDir(), "good"), filepath.Join(t.TempDir(), "run")
	o.must(t, nil, o.args(good)...)
	o.fails(t, []string{"MISBEHAVE=Score:3:error", "MISBEHAVE_COUNT=" + filepath.Join(t.TempDir(), "calls")}, nil, o.args(dir)...)

	// another file that does the same
	path := filepath.Join(o.plugins, plugins.FileName(plugins.KindReward, "odd"))
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil { // the optimizer has the same file
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(text, "another build"...), 0o755); err != nil {
		t.Fatal(err)
	}
	o.fails(t, nil, []string{
		"plugin reward odd: Start: refused: the file has changed: " + path + " has sha256 ",
		"rebuild the version that was recorded, or start a new run", "harness run --resume DIR --changed-plugins",
	}, "run", "--resume", dir)
	recorded(t, dir, 1)
	hold(t, o.must(t, nil, "run", "--resume", dir, "--changed-plugins"), "warning: this is not what the run was started with: plugins[0].sha256: ")
	if err := run.Equal(good, dir); err != nil {
		t.Error(err)
	}
}

// What is wrong with a plugin's file or with how it is asked for is said before anything is trained.
func TestBadPlugins(t *testing.T) {
	o := newOddRun(t)
	files := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(files, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, c := range []struct {
		name, reward string
		args, words  []string
	}{
		{"not executable", write("harness-reward-plain", "#!/bin/sh\n", 0o644), nil, []string{"plugin reward plain: Start: refused: ", "is not executable; run chmod +x "}},
		{"no program", write("harness-reward-text", "words\n", 0o755), nil, []string{"it is no program for this machine: a script needs a #! line"}},
		{"garbage", write("harness-reward-noise", "#!/bin/sh\necho hello there\n", 0o755), nil, []string{`it printed "hello there" on standard output where the handshake belongs`}},
		{"a folder", files + "/", nil, []string{"is a folder"}},
		{"missing", filepath.Join(files, "harness-reward-none"), nil, []string{"no such file"}},
		{"unknown name", "od", nil, []string{`no reward "od"; did you mean odd?`, "searched in"}},
		{"unknown setting", "odd", []string{"--set", "sise=3"}, []string{`there is no setting "sise"`, "Did you mean size?"}},
		{"setting out of bounds", "odd", []string{"--set", "reward.size=101"}, []string{"reward odd: settings: size: ", "100"}},
		{"setting of no kind", "odd", []string{"--set", "reward.on=perhaps"}, []string{"reward odd: settings: on: "}},
		{"setting of two", "odd", []string{"--set", "size=1"}, []string{"several plugins have that setting; say which: reward.size, optimizer.size"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "run")
			args := o.args(dir, c.args...)
			for i, a := range args {
				if a == "--reward" {
					args[i+1] = c.reward
				}
			}
			o.fails(t, nil, c.words, args...)
			if _, err := os.Stat(dir); err == nil {
				t.Error("it made a run's folder")
			}
		})
	}
}

// Of two plugins of one name one is used, and harness says which and why.
func TestTwoOfOneName(t *testing.T) {
	o := newOddRun(t)
	mine := filepath.Join(o.plugins, plugins.FileName(plugins.KindReward, "odd"))
	link := func(from string, to ...string) string {
		t.Helper()
		path := filepath.Join(to...)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Link(from, path); err != nil {
			t.Fatal(err)
		}
		return path
	}
	// harness with a built-in of its own, which a plugin on the search path has the name of
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	home := filepath.Dir(mine)
	builtin := link(mine, home, "own", "harness-reward-odd")
	copied := filepath.Join(home, "own", "harness")
	text, err := os.ReadFile(exe)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(copied, text, 0o755); err != nil {
		t.Fatal(err)
	}
	second := link(mine, home, "second", "harness-reward-odd")
	cmd := o.command(t, nil, "plugin", "list", "odd")
	cmd.Path, cmd.Dir = copied, home
	cmd.Env = append(cmd.Env, "HARNESS_PLUGIN_PATH="+home+string(filepath.ListSeparator)+filepath.Dir(second))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	hold(t, string(out), mine+" ", second+" ", "not used: "+builtin+" is, since harness's own folder comes first, so that a built-in's name always means the built-in; open yours by its path")

	// without a built-in, the first folder of the search path decides
	o.plugins += string(filepath.ListSeparator) + filepath.Dir(second)
	hold(t, o.must(t, nil, "plugin", "list", "odd"), "not used: "+mine+" is, since its folder comes first on the search path; open the other by its path")
	var list []listed
	if err := json.Unmarshal([]byte(o.must(t, nil, "plugin", "list", "--json", "odd")), &list); err != nil {
		t.Fatal(err)
	}
	for _, l := range list {
		if l.Kind == plugins.KindReward && (l.Path != mine || len(l.Shadowed) != 1 || l.Shadowed[0] != second) {
			t.Errorf("%+v", l)
		}
	}
	// a run says so too, and so does one that opens the second by its path
	dir := t.TempDir()
	hold(t, o.must(t, nil, o.args(filepath.Join(dir, "name"), "--steps", "1")...),
		"warn: reward odd: a second plugin of this name is not used; used: "+mine+"; not used: "+second+"; why: its folder comes first")
	args := strings.Split(strings.Replace(strings.Join(o.args(filepath.Join(dir, "path"), "--steps", "1"), "\n"), "--reward\nodd", "--reward\n"+second, 1), "\n")
	again, err := os.ReadFile(second)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(second); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(second, append(again, "another build"...), 0o755); err != nil {
		t.Fatal(err)
	}
	hold(t, o.must(t, nil, args...), "warn: reward odd: this plugin is opened by its path and is named like another, which its name alone would open", "remedy: give it a name of its own")
}
