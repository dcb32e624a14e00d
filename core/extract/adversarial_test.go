package extract

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestAdversarialExtraction reads the cases of $HARNESS_ADVERSARIAL. Those with a class for after the extraction must get
// it; a completion that parses must be taken as it is; and one that is broken without any fence must stay broken.
func TestAdversarialExtraction(t *testing.T) {
	dir, named := os.LookupEnv("HARNESS_ADVERSARIAL")
	if !named {
		dir = filepath.Join("..", "..", "..", "shared", "adversarial")
	}
	paths, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) == 0 {
		if named {
			t.Fatalf("HARNESS_ADVERSARIAL=%s holds no cases", dir)
		}
		t.Skipf("%s holds no cases; set HARNESS_ADVERSARIAL", dir)
	}
	parses := pythonParser(t)
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var c struct {
			Name, Completion, Setup, Entry string
			B64                            string `json:"completion_b64"`
			EntryPoint                     string `json:"entry_point"`
			After                          string `json:"after_extraction"`
			Tests                          []string
		}
		if err := json.Unmarshal(b, &c); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if c.EntryPoint == "" { // the manifest
			continue
		}
		if c.B64 != "" {
			raw, err := base64.StdEncoding.DecodeString(c.B64)
			if err != nil {
				t.Fatal(err)
			}
			c.Completion = string(raw)
		}
		t.Run(c.Name, func(t *testing.T) {
			whole, err := parses(c.Completion)
			if err != nil {
				t.Fatal(err)
			}
			got, err := Program(Auto, Input{Text: c.Completion, Entry: c.EntryPoint}, parses)
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case c.After == "pass":
				out, err := exec.Command("python3", "-I", "-S", "-c", got.Program+"\n"+c.Setup+"\n"+strings.Join(c.Tests, "\n")).CombinedOutput()
				if err != nil {
					t.Errorf("the program %q fails: %v\n%s", got.Program, err, out)
				}
			case whole && got.Program != c.Completion:
				t.Errorf("the program was changed to %q", got.Program)
			case !whole && !strings.Contains(c.Completion, "```") && got.How != Unparsed && got.How != Nothing:
				t.Errorf("a broken program became %s %q", got.How, got.Program)
			}
		})
	}
}
