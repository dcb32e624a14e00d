package extract

import (
	"bufio"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"testing"
)

// pythonParser answers with ast.parse of the python3 on this machine.
func pythonParser(t testing.TB) Parses {
	t.Helper()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3 to parse with")
	}
	cmd := exec.Command(python, "-I", "-S", "-u", "-W", "ignore", "-c", `
import ast, base64, sys
for line in sys.stdin:
    try:
        ast.parse(base64.b64decode(line).decode())
        print(1)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        print(0)
`)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	})
	answers := bufio.NewReader(out)
	return func(program string) (bool, error) {
		if _, err := io.WriteString(in, base64.StdEncoding.EncodeToString([]byte(program))+"\n"); err != nil {
			return false, err
		}
		answer, err := answers.ReadString('\n')
		return answer == "1\n", err
	}
}

func TestAuto(t *testing.T) {
	parses := pythonParser(t)
	const f = "def f(x):\n    return x + 1\n"
	for _, c := range []struct {
		name string
		in   Input
		want string
		how  How
	}{
		// as it is
		{"a program", Input{Text: f}, f, Whole},
		{"a program with CRLF", Input{Text: "def f(x):\r\n    return x\r\n"}, "def f(x):\r\n    return x\r\n", Whole},
		{"a program with a fence in a string", Input{Text: "s = '''\n```python\nx\n```\n'''\n"}, "s = '''\n```python\nx\n```\n'''\n", Whole},
		{"a program with a thought in a string", Input{Text: "s = '<think>x</think>'\n"}, "s = '<think>x</think>'\n", Whole},
		{"only comments", Input{Text: "# nothing yet\n#\n"}, "# nothing yet\n#\n", Whole},
		{"a program without its entry point", Input{Text: f, Entry: "g"}, f, Whole},
		{"nothing", Input{Text: ""}, "", Nothing},
		{"only space", Input{Text: " \n\t\n"}, "", Nothing},

		// cuts
		{"the paper's end mark", Input{Text: f + "[DONE]\n\nYou are an expert"}, f, Whole},
		{"the paper's end mark with a CR", Input{Text: f + "[DONE]\r\nmore"}, f, Whole},
		{"a list that is called as the mark", Input{Text: "DONE = 1\nx = [DONE]\n"}, "DONE = 1\nx = [DONE]\n", Whole},
		{"the paper's marks", Input{Text: "[BEGIN]\n" + f + "[DONE]\n"}, f, Whole},
		{"the language, left of a fence", Input{Text: "python\n" + f}, f, Whole},
		{"a variable that is called as the language", Input{Text: "python = 1\n" + f}, "python = 1\n" + f, Whole},
		{"the earliest of two stops", Input{Text: f + "\nassert f(1) == 2\n\"\"\"\nclass", Stop: []string{"\n\"\"\"", "\nassert", ""}}, f, Whole},
		{"a thought", Input{Text: "<think>I shall write ```python\nbad\n```</think>\n\n```python\n" + f + "```"}, f, Fenced},
		{"a thought that the prompt opened", Input{Text: "def g(): pass\n</think>\n" + f}, "\n" + f, Whole},
		{"an answer between a thought and its remainder", Input{Text: "<think>a b</think>" + f + "</think>\n"}, f, Lines},
		{"two thoughts", Input{Text: "<think>a b</think>" + f + "<think>c d</think>"}, f, Whole},
		{"a thought without an end", Input{Text: "<think>Let me see.\n```python\n" + f + "```\n"}, "", Nothing},
		{"a stop in a thought cuts the rest", Input{Text: "<think>use [DONE]\n[DONE]\n</think>\n" + f}, "", Nothing},

		// fences
		{"prose around a fence", Input{Text: "Here is it:\n\n```python\n" + f + "```\n\nHope it helps!"}, f, Fenced},
		{"a fence without a language", Input{Text: "Sure.\n```\n" + f + "```"}, f, Fenced},
		{"a fence of tildes", Input{Text: "Sure.\n~~~ Python 3\n" + f + "~~~"}, f, Fenced},
		{"a fence with CRLF", Input{Text: "Sure.\r\n```python\r\ndef f(x):\r\n    return x\r\n```\r\n"}, "def f(x):\r\n    return x\r\n", Fenced},
		{"a longer fence around a fence", Input{Text: "````\ndef f():\n    \"\"\"\n```\nx\n```\n    \"\"\"\n````"}, "def f():\n    \"\"\"\n```\nx\n```\n    \"\"\"\n", Fenced},
		{"a fence that never ends", Input{Text: "Here:\n```python\n" + f}, f, Fenced},
		{"a fence in a list", Input{Text: "1. Write it:\n   ```python\n   def f(x):\n       return x\n   ```\n"}, "def f(x):\n    return x\n", Fenced},
		{"a fence mark in a string", Input{Text: "```python\ndef f(s):\n    m = '```'\n    return m\n```\n"}, "def f(s):\n    m = '```'\n    return m\n", Fenced},
		{"a block that was not closed before the next", Input{Text: "```python\ndef g(): pass\n```python\n" + f + "```", Entry: "f"}, f, Fenced},
		{"only the closing fence", Input{Text: f + "```\nThis adds one.", Entry: "f"}, f, Lines},
		{"the model's own end token after the fence", Input{Text: "```python\n" + f + "```<|im_end|>", Entry: "f"}, f, Fenced},
		{"an empty block", Input{Text: "```python\n\n```"}, "", Nothing},
		{"a broken block", Input{Text: "It is:\n```python\ndef f(x)\n    return x\n```", Entry: "f"}, "def f(x)\n    return x\n", Unparsed},
		{"code before a fenced usage", Input{Text: f + "\nUsage:\n```python\nprint(f(1))\n```", Entry: "f"}, f + "\n", Lines},

		// several blocks
		{"the last is a usage", Input{Text: "```python\n" + f + "```\nUsage:\n```python\nprint(f(1))\n```", Entry: "f"}, f, Fenced},
		{"the last is a correction", Input{Text: "```python\ndef f(x):\n    return x\n```\nWrong:\n```python\n" + f + "```", Entry: "f"}, f, Fenced},
		{"the last is broken", Input{Text: "```python\n" + f + "```\nOr:\n```python\ndef f(x)\n```", Entry: "f"}, f, Fenced},
		{"the entry point goes before a test class", Input{Text: "```python\n" + f + "```\n```python\nclass T: pass\n```", Entry: "f"}, f, Fenced},
		{"a broken entry point goes before another program", Input{Text: "```python\ndef f(x)\n```\n```python\ndef g(): pass\n```", Entry: "f"}, "def f(x)\n", Unparsed},
		{"without an entry point, a definition", Input{Text: "```python\n" + f + "```\n```python\nprint(f(1))\n```\n```bash\npip install x\n```"}, f, Fenced},
		{"an entry point that is assigned", Input{Text: "```python\nf = lambda x: x\n```\n```python\ndef g(): pass\n```", Entry: "f"}, "f = lambda x: x\n", Fenced},
		{"a comparison is no definition", Input{Text: "```python\ndef f(): pass\n```\n```python\nf == 3\n```", Entry: "f"}, "def f(): pass\n", Fenced},
		{"only a command", Input{Text: "Run:\n```bash\npip install x\n```"}, "pip install x\n", Unparsed},

		{"a helper in a block before", Input{Text: "```python\ndef g(x):\n    return x\n```\nThen:\n```python\ndef f(x):\n    return g(x)\n```", Entry: "f"}, "def g(x):\n    return x\ndef f(x):\n    return g(x)\n", Fenced},
		{"imports in a block before", Input{Text: "```python\nfrom math import sqrt as root, pi\n```\n```python\nimport re\n```\n```python\ndef f(x):\n    return root(x)\n```", Entry: "f"}, "from math import sqrt as root, pi\ndef f(x):\n    return root(x)\n", Fenced},
		{"a chain of parts", Input{Text: "```\nN = 2\n```\n```\nasync def g():\n    return N\n```\n```\ndef f(x):\n    return g\n```", Entry: "f"}, "N = 2\nasync def g():\n    return N\ndef f(x):\n    return g\n", Fenced},
		{"a part that it has already", Input{Text: "```\ndef g(): return 1\n```\n```\ndef g(): return 2\ndef f(x): return g()\n```", Entry: "f"}, "def g(): return 2\ndef f(x): return g()\n", Fenced},
		{"another attempt is no part", Input{Text: "```\nimport math\ndef f(x): return math.pi\n```\n```\ndef f(x): return math.e\n```", Entry: "f"}, "def f(x): return math.e\n", Fenced},
		{"a broken part stays away", Input{Text: "```\ndef g(x) return 1\n```\n```\ndef f(x): return g(x)\n```", Entry: "f"}, "def f(x): return g(x)\n", Fenced},
		{"a mark over a fence", Input{Text: "\ufeff```python\n" + f + "```", Entry: "f"}, f, Lines},

		// the prefill
		{"a fence that the prefill opened", Input{Text: f + "```\nThis adds one.", Prefill: "```python\n", Entry: "f"}, f, Fenced},
		{"a fence that the prefill opened, cut at its end", Input{Text: f, Prefill: "Below is it:\n```python\n"}, f, Whole},
		{"a prefilled fence, closed again", Input{Text: "Now:\n```\n" + f + "```", Prefill: "```\nx\n```\n"}, f, Fenced},
		{"a prefilled fence, opened again", Input{Text: "```python\n" + f + "```", Prefill: "```python\n", Entry: "f"}, f, Fenced},
		{"code in the prefill", Input{Text: "    return x\n```\n", Prefill: "```python\ndef f(x):\n", Entry: "f"}, "def f(x):\n    return x\n", Continued},

		// no fence
		{"prose before", Input{Text: "Here is the function:\n\n" + f}, f, Lines},
		{"prose after", Input{Text: f + "\nThis function adds one.\nNote: it is fast.\n- no loops\n1. one\n"}, f + "\n", Lines},
		{"prose between", Input{Text: "import math\n\nThen the function:\n" + f + "\nI've tested it."}, "import math\n\n" + f + "\n", Lines},
		{"prose with indented lines", Input{Text: "The steps are\n    first, this\n    then that\n" + f}, f, Lines},
		{"an interpreter's prompt", Input{Text: f + ">>> f(1)\n2\n"}, f + "2\n", Lines},
		{"a call is no prose", Input{Text: f + "print(f(1))\nThat's all!"}, f + "print(f(1))\n", Lines},
		{"a call in a sentence", Input{Text: f + "f(1) returns two.\n"}, f, Lines},
		{"emphasis and headings", Input{Text: "**Solution**\n\n" + f + "\n---\n> quoted\n<b>x</b>\n"}, f + "\n", Lines},
		{"other alphabets", Input{Text: "这是一个函数：\n" + f + "• готово\n完成\n"}, f, Lines},
		{"an indented program", Input{Text: "    def f(x):\n        return x\n\n    The end is near"}, "def f(x):\n    return x\n\n", Lines},
		{"broken code stays", Input{Text: "def f(x)\n    return x\n"}, "def f(x)\n    return x\n", Unparsed},
		{"broken code before a good function stays", Input{Text: "x = ((((\n" + f}, "x = ((((\n" + f, Unparsed},
		{"a broken block before a good function stays", Input{Text: "if x\n    y = 1\n" + f}, "if x\n    y = 1\n" + f, Unparsed},
		{"a generation that was cut", Input{Text: "def f(x):\n    y = [\n        x[1\n"}, "def f(x):\n    y = [\n        x[1\n", Unparsed},
		{"a refusal", Input{Text: "I cannot help with that.\nAs a model, I have no hands."}, "", Nothing},
		{"an empty refusal", Input{Text: "Sorry!"}, "", Nothing},
		{"NUL bytes", Input{Text: "x = 1\x00\n" + f}, "x = 1\x00\n" + f, Unparsed},
		{"bytes that are no text", Input{Text: "x = '\xed\xa0\x80'\n" + f}, "x = '\xed\xa0\x80'\n" + f, Unparsed},

		// a program's beginning is given
		{"its body", Input{Text: "    return x\n", Lead: "def f(x):\n    \"\"\"D.\"\"\"\n", Entry: "f"}, "def f(x):\n    \"\"\"D.\"\"\"\n    return x\n", Continued},
		{"its body with prose behind", Input{Text: "    return x\n\nThis returns x.", Lead: "def f(x):\n    \"\"\"D.\"\"\"\n", Entry: "f"}, "def f(x):\n    \"\"\"D.\"\"\"\n    return x\n\n", Continued},
		{"the body in a fence", Input{Text: "```python\n    return x\n```", Lead: "def f(x):\n    \"\"\"D.\"\"\"\n", Entry: "f"}, "def f(x):\n    \"\"\"D.\"\"\"\n    return x\n", Continued},
		{"the body in a fence at the margin", Input{Text: "```python\ny = x\nreturn y\n```", Lead: "def f(x):\n    \"\"\"D.\"\"\"\n", Entry: "f"}, "def f(x):\n    \"\"\"D.\"\"\"\n    y = x\n    return y\n", Continued},
		{"the whole in a fence", Input{Text: "So:\n```python\n" + f + "```", Lead: "import math\ndef f(x):\n    \"\"\"D.\"\"\"\n", Entry: "f"}, "import math\ndef f(x):\n    \"\"\"D.\"\"\"\n" + f, Continued},
		{"the whole, self-contained", Input{Text: f, Lead: "import math\ndef f(x):\n    \"\"\"D.\"\"\"\n", Entry: "f"}, "import math\ndef f(x):\n    \"\"\"D.\"\"\"\n" + f, Continued},
		{"broken", Input{Text: "    return (x\n", Lead: "def f(x):\n    \"\"\"D.\"\"\"\n", Entry: "f"}, "def f(x):\n    \"\"\"D.\"\"\"\n    return (x\n", Unparsed},
		{"a refusal instead", Input{Text: "I will not do that.", Lead: "def f(x):\n    \"\"\"D.\"\"\"\n", Entry: "f"}, "", Nothing},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Program(Auto, c.in, parses)
			if err != nil {
				t.Fatal(err)
			}
			if got.Program != c.want || got.How != c.how {
				t.Errorf("got  %s %q\nwant %s %q", got.How, got.Program, c.how, c.want)
			}
		})
	}
}

func TestNone(t *testing.T) {
	never := func(string) (bool, error) { return false, errors.New("it was parsed") }
	for text, how := range map[string]How{"Sure!\n```\nx\n```": Whole, " ": Whole, "": Nothing} {
		got, err := Program(None, Input{Text: text, Stop: []string{"x"}}, never)
		if err != nil || got.Program != text || got.How != how {
			t.Errorf("%q gave %+v, %v", text, got, err)
		}
	}
}

func TestRule(t *testing.T) {
	for name, want := range map[string]string{"auto": Auto, "none": None, Auto: Auto, None: None} {
		if got, err := Rule(name); got != want || err != nil {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	for _, name := range []string{"", "auto/2", "first"} {
		if _, err := Rule(name); err == nil || !strings.Contains(err.Error(), "there are auto and none") {
			t.Errorf("%q: %v", name, err)
		}
	}
	if _, err := Program("first/1", Input{}, nil); err == nil {
		t.Error("an unknown rule was used")
	}
}

func TestParserFails(t *testing.T) {
	broken := errors.New("no interpreter")
	for _, fail := range []int{1, 2, 3} {
		n := 0
		_, err := Program(Auto, Input{Text: "<think>a</think>\nIt is:\n```\nx y\n```\n"}, func(string) (bool, error) {
			if n++; n == fail {
				return false, broken
			}
			return false, nil
		})
		if !errors.Is(err, broken) {
			t.Errorf("parse %d failed, and the error is %v", fail, err)
		}
	}
}

// TestParsesAreBounded holds the promise that a hostile completion does not cost a parse for each of its lines or blocks.
func TestParsesAreBounded(t *testing.T) {
	for name, text := range map[string]string{
		"many blocks":             strings.Repeat("```\nx y\n```\n", 10_000),
		"many defining blocks":    strings.Repeat("```\ndef f(\n```\n", 10_000),
		"many lines":              strings.Repeat("def f(\nHere is it\n", 10_000),
		"many thoughts":           strings.Repeat("<think>x</think>\n", 10_000) + "x y",
		"fences that never close": strings.Repeat("```python\nx y\n", 10_000),
		// a megabyte each: what takes quadratic time does not end
		"thoughts that were never opened": strings.Repeat("</think>", 1<<17),
		"thoughts that never end":         strings.Repeat("<think>", 1<<17),
		"marks in a thought":              strings.Repeat("</think><think>", 1<<16),
		"end marks, almost":               strings.Repeat("[DONE\n", 1<<17),
		"an open bracket after another":   strings.Repeat("f(", 1<<19),
		"attributes without end":          strings.Repeat("a.", 1<<19),
		"calls without end":               strings.Repeat("f()", 1<<18) + " x",
		"blank lines":                     strings.Repeat("Here is\n"+strings.Repeat("\n", 1000), 1<<10),
		"an indentation without end":      strings.Repeat(strings.Repeat(" ", 1000)+"x y\n", 1<<10),
	} {
		n := 0
		_, err := Program(Auto, Input{Text: text, Entry: "f", Stop: []string{"\nx"}}, func(string) (bool, error) { n++; return false, nil })
		if err != nil || n > maxParsed+2 {
			t.Errorf("%s: %d parses, %v", name, n, err)
		}
	}
}

// TestManyPartsAreBounded joins no more blocks than it may, and ends.
func TestManyPartsAreBounded(t *testing.T) {
	var text strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&text, "```\ndef g%d(): return g%d()\n```\n", i, i-1)
	}
	text.WriteString("```\ndef f(x): return g19999()\n```\n")
	blocks := func(program string) (bool, error) { return !strings.Contains(program, "```"), nil }
	got, err := Program(Auto, Input{Text: text.String(), Entry: "f"}, blocks)
	if n := strings.Count(got.Program, "def "); err != nil || n != maxParts+1 {
		t.Errorf("%d blocks were joined, %v", n, err)
	}
}

// FuzzProgram checks what holds for any text and any parser.
func FuzzProgram(f *testing.F) {
	for _, s := range []string{"def f(x):\n    return x\n", "Sure:\n```python\nx\n```\n", "<think>", "~~~\n\t x\r\n", "\x00\xff\ufeff", "a b\n  c\n[DONE]", "e.g. f(x).y[1] z"} {
		f.Add(s, "```python\n", "", "f", uint8(3))
		f.Add(s, "", "def f(x):\n", "", uint8(0))
	}
	f.Fuzz(func(t *testing.T, text, prefill, lead, entry string, accept uint8) {
		run := func() (Result, []string) {
			var seen []string
			r, err := Program(Auto, Input{Text: text, Prefill: prefill, Lead: lead, Entry: entry, Stop: []string{"\nassert"}}, func(p string) (bool, error) {
				seen = append(seen, p)
				return len(p)%7 == int(accept)%8, nil
			})
			if err != nil {
				t.Fatal(err)
			}
			return r, seen
		}
		r, seen := run()
		if again, _ := run(); again != r {
			t.Fatalf("%+v, then %+v", r, again)
		}
		if len(seen) > maxParsed+6 {
			t.Fatalf("%d parses", len(seen))
		}
		if (r.Program == "") != (r.How == Nothing) {
			t.Fatalf("%+v", r)
		}
		if ok := len(r.Program)%7 == int(accept)%8; r.How != Unparsed && r.How != Nothing && !ok {
			t.Fatalf("%+v does not parse", r)
		}
	})
}

func BenchmarkAuto(b *testing.B) {
	var text strings.Builder
	for i := range 200 {
		fmt.Fprintf(&text, "Step %d is here:\n```python\ndef f%d(x):\n    return x\n```\n", i, i)
	}
	in := Input{Text: text.String(), Entry: "f"}
	b.SetBytes(int64(text.Len()))
	for b.Loop() {
		if _, err := Program(Auto, in, func(string) (bool, error) { return false, nil }); err != nil {
			b.Fatal(err)
		}
	}
}
