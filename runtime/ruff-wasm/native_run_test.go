package ruffwasm

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
)

// nativeRuff is a Ruff executable: what this package is checked against.
type nativeRuff struct {
	path string
	args []string
}

// openNative finds the executable ("" looks for "ruff" in $PATH), which must be of the release that this package hosts.
func openNative(ctx context.Context, path, profile string) (*nativeRuff, error) {
	selection, err := selection(profile)
	if err != nil {
		return nil, fmt.Errorf("%w", err)
	}
	mend := "install it with: pip install ruff==" + Release
	if path == "" {
		if path, err = exec.LookPath("ruff"); err != nil {
			return nil, fmt.Errorf("%w; %s", err, mend)
		}
	}
	out, err := exec.CommandContext(ctx, path, "--version").Output()
	if err != nil {
		return nil, fmt.Errorf("ask %s for its version: %w; %s", path, err, mend)
	}
	if have := strings.TrimPrefix(strings.TrimSpace(string(out)), "ruff "); have != Release {
		return nil, fmt.Errorf("%s is version %s, want %s; %s", path, have, Release, mend)
	}
	return &nativeRuff{path: path, args: []string{
		"check", "--isolated", "--no-cache", "--quiet", "--ignore-noqa", "--output-format", "json",
		"--select", strings.Join(selection, ","), "--target-version", Target,
	}}, nil
}

// nativeFinding is a finding in Ruff's JSON.
type nativeFinding struct {
	Code        string   `json:"code"`
	Message     string   `json:"message"`
	Filename    string   `json:"filename"`
	Location    position `json:"location"`
	EndLocation position `json:"end_location"`
}

type position struct {
	Row    int `json:"row"`
	Column int `json:"column"`
}

func (f nativeFinding) diagnostic() Diagnostic {
	return Diagnostic{
		Code: f.Code, Message: f.Message, Severity: SeverityOf(f.Code),
		Row: f.Location.Row, Column: f.Location.Column, EndRow: f.EndLocation.Row, EndColumn: f.EndLocation.Column,
	}
}

// lint lints one program in a process of its own and returns its findings, sorted as Linter's are.
func (n *nativeRuff) lint(ctx context.Context, src string) ([]Diagnostic, error) {
	found, err := n.check(ctx, src, "-")
	if err != nil {
		return nil, err
	}
	out := make([]Diagnostic, len(found))
	for i, f := range found {
		out[i] = f.diagnostic()
	}
	sortDiagnostics(out)
	return out, nil
}

// lintFiles lints the files of a folder in one process and returns the sorted findings of each by its path.
func (n *nativeRuff) lintFiles(ctx context.Context, dir string) (map[string][]Diagnostic, error) {
	found, err := n.check(ctx, "", dir)
	if err != nil {
		return nil, err
	}
	out := map[string][]Diagnostic{}
	for _, f := range found {
		out[f.Filename] = append(out[f.Filename], f.diagnostic())
	}
	for _, d := range out {
		sortDiagnostics(d)
	}
	return out, nil
}

func (n *nativeRuff) check(ctx context.Context, stdin, what string) ([]nativeFinding, error) {
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, n.path, append(slices.Clone(n.args), what)...)
	cmd.Stdin, cmd.Stderr = strings.NewReader(stdin), &stderr
	stdout, err := cmd.Output()
	// Exit status 1 says that there are findings.
	if exit := (*exec.ExitError)(nil); err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1) {
		return nil, fmt.Errorf("run %s: %w\n%s", n.path, err, stderr.Bytes())
	}
	var found []nativeFinding
	if err := json.Unmarshal(stdout, &found); err != nil {
		return nil, fmt.Errorf("read the findings of %s: %w", n.path, err)
	}
	return found, nil
}
