package ruffwasm

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/rlvr-harness/harness/core"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// goldenRow is one program's profile, with the place of each finding.
type goldenRow struct {
	Program  string    `json:"program"`
	Lint     core.Lint `json:"lint"`
	Findings []string  `json:"findings"`
}

func TestGoldenProfiles(t *testing.T) {
	for _, profile := range Profiles() {
		t.Run(profile, func(t *testing.T) {
			l := sharedLinter(t, profile)
			var got bytes.Buffer
			for _, p := range programs {
				row := goldenRow{Program: p.name, Findings: []string{}}
				var err error
				if row.Lint, err = l.Lint(context.Background(), p.src); err != nil {
					t.Fatal(err)
				}
				for _, d := range lint(t, l, p.src) {
					row.Findings = append(row.Findings, fmt.Sprintf("%d:%d-%d:%d %s %s: %s", d.Row, d.Column, d.EndRow, d.EndColumn, d.Severity, d.Code, d.Message))
				}
				line, err := json.MarshalIndent(row, "", " ")
				if err != nil {
					t.Fatal(err)
				}
				got.Write(append(line, '\n'))
			}
			file := "testdata/golden_" + profile + ".json"
			if *update {
				if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got.Bytes(), want) {
				t.Errorf("the findings differ from %s; see the difference with: go test -run %s -update && git diff", file, "TestGoldenProfiles")
			}
		})
	}
}

// A profile's counts are those of its findings, whatever the program.
func TestProfileCountsFindings(t *testing.T) {
	for _, profile := range Profiles() {
		l := sharedLinter(t, profile)
		for _, p := range programs {
			got, err := l.Lint(context.Background(), p.src)
			if err != nil {
				t.Fatal(err)
			}
			found := lint(t, l, p.src)
			if got.Total() != len(found) {
				t.Errorf("%s: %s: the profile counts %d findings of %d", profile, p.name, got.Total(), len(found))
			}
			for _, s := range core.Severities() {
				n := 0
				for _, d := range found {
					if d.Severity == s {
						n++
					}
				}
				if got.Count(s) != n {
					t.Errorf("%s: %s: the profile counts %d of severity %s, there are %d", profile, p.name, got.Count(s), s, n)
				}
			}
		}
	}
}
