package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// A room is a folder of this module. rooms says what the code of each may import beside the standard library: other rooms,
// and outside modules. A name stands for that package alone, a name that ends in /... for what lies below it too. The
// longest room that contains a folder counts.
var rooms = map[string][]string{
	"core":                        {},
	"core/jsonlines":              {},
	"core/extract":                {},
	"core/prompt":                 {"core"},
	"core/checksum":               {},
	"core/filelock":               {"golang.org/x/sys/windows"},
	"core/spelling":               {"github.com/agnivade/levenshtein"},
	"core/rollout":                {"core"},
	"core/train":                  {"core", "core/rollout"},
	"core/eval":                   {"core", "core/run"},
	"core/study":                  {"core", "core/eval", "core/run"},
	"core/gaming":                 {"core", "core/pytoken"},
	"core/pytoken":                {},
	"core/run":                    {"core", "core/filelock", "core/gaming", "core/jsonlines", "github.com/parquet-go/parquet-go/...", "google.golang.org/protobuf/..."},
	"plugins":                     {"core", "core/checksum", "core/spelling", "plugins/wire/...", "github.com/hashicorp/go-plugin/...", "github.com/hashicorp/go-hclog/...", "google.golang.org/...", "github.com/santhosh-tekuri/jsonschema/...", "golang.org/x/sys/..."},
	"plugins/wire":                {"google.golang.org/..."},
	"runtime/assets":              {"core/filelock", "github.com/schollz/progressbar/...", "golang.org/x/...", "github.com/ulikunitz/xz/..."},
	"benchmarks":                  {"core", "core/jsonlines", "core/pytoken", "benchmarks/..."},
	"runtime":                     {"core", "runtime/assets", "runtime/...", "github.com/tetratelabs/wazero/...", "golang.org/x/..."},
	"runtime/python-wasm/cpython": {"runtime/assets", "golang.org/x/sync/errgroup"},
	"runtime/endpoint":            {"core", "github.com/sashabaranov/go-openai", "golang.org/x/sync/errgroup"},
	"cmd/harness":                 {"core/...", "plugins", "plugins/plugintest", "plugins/scaffold", "plugins/optimizers/surrogate", "plugins/rewards/rule", "runtime/...", "benchmarks/...", "github.com/urfave/cli/v2", "github.com/goccy/go-yaml/...", "github.com/schollz/progressbar/v3", "golang.org/x/..."},
	"plugins/plugintest":          {"core", "plugins"},
	"plugins/scaffold":            {"plugins"},
	"plugins/rewards":             {"core", "plugins", "plugins/rewards/..."},
	"plugins/optimizers":          {"core", "plugins", "plugins/optimizers/..."},
	"plugins/policies/torch":      {"core", "plugins", "plugins/policies/torch/...", "github.com/sugarme/gotch/...", "github.com/nikolalohinski/gonja/...", "golang.org/x/..."},
}

const module = "github.com/rlvr-harness/harness"

// TestRooms reads the files itself rather than asking "go list": the test cache then sees what it read, and files for
// other platforms are read too.
func TestRooms(t *testing.T) {
	const root = "../.."
	files := 0
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && p != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "examples") {
			return fs.SkipDir // examples are modules of their own, built as a third party would
		}
		if d.IsDir() || !strings.HasSuffix(p, ".go") || strings.HasSuffix(p, "_test.go") {
			return nil
		}
		files++
		f, err := parser.ParseFile(token.NewFileSet(), p, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		pkg, err := filepath.Rel(root, filepath.Dir(p))
		if err != nil {
			return err
		}
		pkg = filepath.ToSlash(pkg)
		room := pkg
		for rooms[room] == nil && room != "." {
			room = path.Dir(room)
		}
		if room == "." {
			t.Errorf("%s: no room is named for it in the table", p)
			return nil
		}
		for _, spec := range f.Imports {
			imp, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if imp == "C" || !strings.Contains(strings.Split(imp, "/")[0], ".") {
				continue // the standard library
			}
			imp = strings.TrimPrefix(imp, module+"/")
			if !allowed(rooms[room], imp) {
				t.Errorf("%s (room %s) must not import %s", p, room, imp)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 50 {
		t.Errorf("only %d files were read: the walk does not see the module", files)
	}
}

func allowed(list []string, imp string) bool {
	for _, a := range list {
		below, all := strings.CutSuffix(a, "/...")
		if imp == below || (all && strings.HasPrefix(imp, below+"/")) {
			return true
		}
	}
	return false
}

// Some modules have one home each, whatever the table's longer lists let through.
func TestHomes(t *testing.T) {
	homes := map[string][]string{
		"github.com/sugarme/gotch":         {"plugins/policies/torch/"},
		"github.com/tetratelabs/wazero":    {"runtime/python-wasm", "runtime/ruff-wasm", "runtime/wazero-patch/traps"},
		"github.com/hashicorp/go-plugin":   {"plugins/"},
		"google.golang.org/grpc":           {"plugins/"},
		"github.com/urfave/cli":            {"cmd/harness/"},
		"github.com/parquet-go/parquet-go": {"core/run/"},
	}
	err := filepath.WalkDir("../..", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && strings.HasPrefix(d.Name(), ".") && d.Name() != ".." {
			return fs.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(p, ".go") || strings.HasSuffix(p, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), p, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		rel := strings.TrimPrefix(filepath.ToSlash(p), "../../")
		for _, spec := range f.Imports {
			imp := strings.Trim(spec.Path.Value, `"`)
			for mod, where := range homes {
				if imp != mod && !strings.HasPrefix(imp, mod+"/") {
					continue
				}
				ok := strings.HasPrefix(rel, "examples/")
				for _, home := range where {
					ok = ok || strings.HasPrefix(rel, home)
				}
				if !ok {
					t.Errorf("%s must not import %s: its home is %s", rel, imp, strings.Join(where, ", "))
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
