//go:build ignore

// This program writes severities.txt from what Ruff says of its rules:
//
//	pip install ruff==0.17.4
//	go run generate_severities.go -ruff ruff
package main

import (
	"encoding/json"
	"flag"
	"log"
	"os"
	"os/exec"
	"slices"
	"strings"
)

func main() {
	ruff := flag.String("ruff", "ruff", "the native ruff, of the release that the package hosts")
	flag.Parse()
	log.SetFlags(0)
	out, err := exec.Command(*ruff, "rule", "--all", "--output-format", "json").Output()
	if err != nil {
		log.Fatalf("%s rule: %v", *ruff, err)
	}
	var rules []struct{ Code, Name, Category string }
	if err := json.Unmarshal(out, &rules); err != nil {
		log.Fatalf("%s rule: %v", *ruff, err)
	}
	of := map[string]string{
		"correctness": "error",
		"suspicious":  "warning", "security": "warning",
		"complexity": "refactor", "performance": "refactor",
		"style": "convention", "formatting": "convention", "pedantic": "convention", "restriction": "convention",
	}
	codes := map[string][]string{}
	for _, r := range rules {
		severity, ok := of[r.Category]
		if !ok {
			log.Fatalf("rule %s is of category %q, which has no severity yet", r.Name, r.Category)
		}
		if r.Code == "" { // a rule of the newest kind has a name only
			r.Code = r.Name
		}
		codes[severity] = append(codes[severity], r.Code)
	}
	var b strings.Builder
	for _, severity := range []string{"error", "warning", "refactor", "convention"} {
		slices.Sort(codes[severity])
		b.WriteString(severity + ": " + strings.Join(codes[severity], " ") + "\n")
	}
	if err := os.WriteFile("severities.txt", []byte(b.String()), 0o644); err != nil {
		log.Fatal(err)
	}
}
