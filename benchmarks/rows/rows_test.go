package rows

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// all reads every row; row errors are kept in their place as "! message".
func all(t testing.TB, r *Reader) (got []string, end error) {
	t.Helper()
	for range 1_000_000 {
		o, err := r.Next()
		switch {
		case errors.Is(err, io.EOF):
			return got, nil
		case err != nil && !IsRow(err):
			return got, err
		case err != nil:
			got = append(got, "! "+err.Error())
		default:
			got = append(got, string(o.raw))
		}
	}
	t.Fatal("the reader never ends")
	return nil, nil
}

func packed(t testing.TB, s string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(s)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// manyFields is an object of n fields.
func manyFields(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"f%d":%d`, i, i%10)
	}
	return "{" + b.String()[1:] + "}"
}

func TestReader(t *testing.T) {
	for _, c := range []struct {
		name, in string
		lim      Limits
		want     []string
		end      string
	}{
		{name: "an empty file has no rows", in: ""},
		{name: "blank lines have no rows", in: "\n \r\n\t\n"},
		{name: "lines end with LF, CRLF or the file", in: "{\"a\":1}\n{\"a\":2}\r\n{\"a\":3}", want: []string{`{"a":1}`, `{"a":2}`, `{"a":3}`}},
		{name: "a byte order mark is passed over", in: "\xef\xbb\xbf{}\n{}", want: []string{"{}", "{}"}},
		{
			name: "a bad row does not stop the others", in: "{\"a\":1}\n{\"a\":}\n{\"a\":3}\n",
			want: []string{`{"a":1}`, `! f:2:6: not a JSON object: want a value, found '}'`, `{"a":3}`},
		},
		{name: "columns count characters", in: `{"é": "ü", x}`, want: []string{`! f:1:12: not a JSON object: want a string, found 'x'`}},
		{name: "a row must be an object", in: "7\n\"x\"", want: []string{"! f:1:1: not a JSON object: want an object, found '7'", "! f:2:1: not a JSON object: want an object, found '\"'"}},
		{name: "nothing may follow the object", in: "{} {}", want: []string{"! f:1:4: not a JSON object: want the end of the row after its object, found '{'"}},
		{name: "a field may be given once", in: `{"a":1,"\u0061":2}`, want: []string{`! f:1:8: not a JSON object: field "a" is given twice`}},
		{name: "fields without end", in: manyFields(500_000) + "\n{}", want: []string{"! f:1:8892: not a JSON object: more than 1000 fields", "{}"}},
		{name: "an unclosed string is shown where it begins", in: `{"a": "xyz`, want: []string{"! f:1:7: not a JSON object: this string has no end in its row"}},
		{name: "a control character must be escaped", in: "{\"a\": \"x\x01\"}", want: []string{`! f:1:9: not a JSON object: control character '\x01' in a string; it must be escaped`}},
		{name: "an escape must be known", in: `{"a": "\x"}`, want: []string{"! f:1:9: not a JSON object: want an escape of JSON after a backslash, found 'x'"}},
		{name: "a short unicode escape", in: `{"a": "\u12"}`, want: []string{"! f:1:12: not a JSON object: want four hexadecimal digits after \\u, found '\"'"}},
		{name: "leading zeros are no number", in: `{"a": 01}`, want: []string{"! f:1:8: not a JSON object: want ',' or '}' after a field, found '1'"}},
		{name: "NaN is refused", in: `{"a": NaN}`, want: []string{"! f:1:7: not a JSON object: want a value, found 'N'"}},
		{name: "NaN is taken where asked for", in: `{"a": [NaN, -Infinity, Infinity]}`, lim: Limits{NonFinite: true}, want: []string{`{"a": [NaN, -Infinity, Infinity]}`}},
		{name: "deep nesting is refused", in: `{"a": ` + strings.Repeat("[", 2000), want: []string{"! f:1:1007: not a JSON object: nested deeper than 1000"}},
		{
			name: "a long row is passed over", in: "{\"a\":1}\n{\"a\":\"" + strings.Repeat("x", 200_000) + "\"}\n{\"a\":3}", lim: Limits{Line: 100},
			want: []string{`{"a":1}`, "! f:2: the row is longer than the limit of 100 bytes", `{"a":3}`},
		},
		{name: "a row of exactly the limit is taken", in: `{"a":1}` + "\r\n", lim: Limits{Line: 7}, want: []string{`{"a":1}`}},
		{name: "an array of objects", in: " [\n{\"a\":1},\n  {\"a\":\n2}, 5, {} ]\n", want: []string{`{"a":1}`, "{\"a\":\n2}", "! f:4:5: not a JSON object: want an object, found '5'", "{}"}},
		{name: "an empty array", in: "[]"},
		{name: "a broken array gives nothing", in: "[{\"a\":1},\n{\"a\" 2}]", end: "f:2:6: not a JSON array: want ':' after a field's name, found '2'"},
		{name: "text after an array", in: "[{}]\n{}", end: "f:2:1: not a JSON array: want the end of the file after the array, found '{'"},
		{name: "an array over the limit", in: "[{}, {}, {}]", lim: Limits{Array: 5}, end: "read f: an array larger than the limit of 5 bytes; give it as one object a line"},
		{name: "a packed file", in: packed(t, "{}\n{\"a\":2}\n"), want: []string{"{}", `{"a":2}`}},
		{name: "a packed file that is cut short", in: packed(t, "{}\n"+strings.Repeat("{\"a\":1}\n", 99))[:12], end: "read f after line 0: the packed file is cut short: unexpected EOF"},
		{name: "a packed file of rubbish", in: "\x1f\x8b\x07", end: "unpack f: unexpected EOF"},
		{name: "UTF-16 without a mark", in: "{\x00\"\x00", end: "read f: the file is UTF-16; save it as UTF-8"},
		{name: "UTF-32", in: "\xff\xfe\x00\x00{\x00\x00\x00", end: "read f: the file is UTF-32; save it as UTF-8"},
		{name: "zstd", in: "\x28\xb5\x2f\xfd\x04", end: "read f: the file is packed by zstd; unpack it, or pack it with gzip"},
		{name: "Parquet", in: "PAR1\x15", end: "read f: the file is Parquet; write it as JSON lines"},
		{name: "UTF-16", in: "\xff\xfe{\x00}\x00", end: "read f: the file is UTF-16; save it as UTF-8"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, end := all(t, NewReader("f", strings.NewReader(c.in), c.lim))
			if g, w := strings.Join(got, "\n"), strings.Join(c.want, "\n"); g != w {
				t.Errorf("rows:\n%s\nwant:\n%s", g, w)
			}
			if msg := ""; end != nil {
				if msg = end.Error(); msg != c.end {
					t.Errorf("ended with %q, want %q", msg, c.end)
				}
			} else if c.end != "" {
				t.Errorf("no error, want %q", c.end)
			}
		})
	}
}

func TestReaderStaysAtItsEnd(t *testing.T) {
	r := NewReader("f", strings.NewReader("[{]"), Limits{})
	_, first := r.Next()
	_, second := r.Next()
	if first == nil || !errors.Is(second, first) {
		t.Errorf("a broken file gave %v, then %v", first, second)
	}
}

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(filepath.Join(dir, "absent"), Limits{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an absent file: %v", err)
	}
	if _, err := Open(dir, Limits{}); err == nil || !strings.Contains(err.Error(), "is a folder") {
		t.Errorf("a folder: %v", err)
	}
	path := filepath.Join(dir, "rows.jsonl.gz")
	if err := os.WriteFile(path, []byte(packed(t, "{\"a\":1}\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := Open(path, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := all(t, r); err != nil || len(got) != 1 {
		t.Errorf("rows %q, %v", got, err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

func one(t *testing.T, in string) *Object {
	t.Helper()
	o, err := NewReader("f", strings.NewReader(in), Limits{NonFinite: true}).Next()
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestText(t *testing.T) {
	for _, c := range []struct{ name, in, bytes, err string }{
		{"escapes", `"\"\\\/\b\f\n\r\t"`, "\"\\/\b\f\n\r\t", ""},
		{"a pair of surrogates", `"\ud83d\uDE00"`, "😀", ""},
		{"a NUL", `"a\u0000b"`, "a\x00b", ""},
		{"a lone high surrogate", `"\ud800"`, "\xed\xa0\x80", "bytes"},
		{"a lone low surrogate", `"\udc80x"`, "\xed\xb2\x80x", "bytes"},
		{"a high surrogate before another escape", `"\ud800\n"`, "\xed\xa0\x80\n", "bytes"},
		{"two high surrogates before a low one", `"\ud800\ud83d\ude00"`, "\xed\xa0\x80😀", "bytes"},
		{"stray bytes", "\"\xff\"", "\xff", "bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := one(t, `{"x": `+c.in+`}`)
			b, ok, err := o.Bytes("x")
			if string(b) != c.bytes || !ok || err != nil {
				t.Errorf("Bytes = %q, %v, %v; want %q", b, ok, err, c.bytes)
			}
			s, _, err := o.Text("x")
			if c.err == "" && (s != c.bytes || err != nil) {
				t.Errorf("Text = %q, %v", s, err)
			}
			if c.err != "" && (err == nil || s != "" || !strings.Contains(err.Error(), "not UTF-8")) {
				t.Errorf("Text = %q, %v; want an error", s, err)
			}
		})
	}
}

func TestFields(t *testing.T) {
	o := one(t, "[{\"s\": \"x\", \"n\": 12, \"null\": null,\n \"list\": [\"a\", \"b\"], \"mixed\": [\"a\", 1], \"bad\": [\"\\ud800\"], \"f\": 1.5, \"neg\": -3, \"empty\": \"\"}]")
	if list, ok, err := o.Texts("list"); strings.Join(list, ",") != "a,b" || !ok || err != nil {
		t.Errorf("Texts = %q, %v, %v", list, ok, err)
	}
	for _, absent := range []string{"null", "none"} {
		if _, ok, err := o.Texts(absent); ok || err != nil {
			t.Errorf("Texts(%s) = %v, %v", absent, ok, err)
		}
		if _, ok, err := o.Text(absent); ok || err != nil {
			t.Errorf("Text(%s) = %v, %v", absent, ok, err)
		}
		if _, ok := o.Raw(absent); ok {
			t.Errorf("Raw(%s) is there", absent)
		}
	}
	if raw, ok := o.Raw("n"); string(raw) != "12" || !ok {
		t.Errorf("Raw = %s, %v", raw, ok)
	}
	for _, c := range []struct {
		name, text, raw, err string
	}{
		{"n", "12", "12", ""},
		{"s", "x", `"x"`, ""},
		{"neg", "-3", "-3", ""},
		{"f", "", "", `f:2:65: field "f": want a string or a whole number, found 1.5`},
		{"empty", "", "", `field "empty": want a string or a whole number, found an empty string`},
		{"list", "", "", `f:2:10: field "list": want a string or a whole number, found an array`},
		{"null", "", "", "found null"},
		{"none", "", "", `f:1:2: field "none": it is missing; want a string or a whole number`},
	} {
		text, raw, err := o.ID(c.name)
		if text != c.text || string(raw) != c.raw || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("ID(%s) = %q, %s, %v; want %q, %s, %s", c.name, text, raw, err, c.text, c.raw, c.err)
		}
	}
	for name, want := range map[string]string{
		"s":     `f:1:8: field "s": want an array of strings, found a string`,
		"mixed": `f:2:37: field "mixed": want an array of strings, found a number as its entry 2`,
		"bad":   `f:2:49: field "bad": entry 1: want text, found bytes that are not UTF-8 or half a surrogate pair`,
	} {
		if _, _, err := o.Texts(name); err == nil || err.Error() != want {
			t.Errorf("Texts(%s): %v\nwant %s", name, err, want)
		}
	}
	if _, _, err := o.Text("n"); err == nil || err.Error() != `f:1:18: field "n": want a string, found a number` {
		t.Errorf("Text(n): %v", err)
	}
}

// FuzzRow checks the scanner against encoding/json: the same texts are objects, and their strings are the same.
func FuzzRow(f *testing.F) {
	for _, s := range []string{`{}`, `{"a":[1,2.5e-3,{"b":null}],"c":"\ud83d\ude00\u0000"}`, `{"a":1,"a":2}`, `{"a":"\ud800"}`, "{\"\xff\":true}", `{"a":-}`, `{"a":"`, `{"a":01}`, " {\t}\r"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		o, err := parse(origin{"f", 1, 1}, b, false)
		var want map[string]json.RawMessage
		std := json.Unmarshal(b, &want) == nil && want != nil
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Line < 1 || e.Column < 1 {
				t.Fatalf("%v has no place", err)
			}
			if std && !strings.Contains(err.Error(), "given twice") && !strings.Contains(err.Error(), "nested deeper") && !strings.Contains(err.Error(), "more than") {
				t.Fatalf("%q: %v, but encoding/json takes it", b, err)
			}
			return
		}
		if !std {
			t.Fatalf("%q is no JSON object", b)
		}
		if !utf8.Valid(b) {
			return
		}
		for _, field := range o.fields {
			var s string
			if json.Unmarshal(want[field.name], &s) != nil {
				continue
			}
			if text, ok, err := o.Text(field.name); err == nil && ok && text != s {
				t.Fatalf("field %q = %q, encoding/json says %q", field.name, text, s)
			}
		}
	})
}

func FuzzReader(f *testing.F) {
	f.Add([]byte("{}\n{\"a\":1}\r\n\n[]"))
	f.Add([]byte("[{},\n{\"a\":[1]} , 3]"))
	f.Add([]byte(packed(f, "{}\n")))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, _ := all(t, NewReader("f", bytes.NewReader(b), Limits{Line: 1 << 10, Array: 1 << 12}))
		for _, row := range got {
			if !strings.HasPrefix(row, "! ") && len(row) > 1<<12 {
				t.Fatalf("a row of %d bytes", len(row))
			}
		}
	})
}

func BenchmarkReader(b *testing.B) {
	line := `{"task_id": 11, "completion": "` + strings.Repeat(`def f(x):\n    return x\n`, 20) + "\"}\n"
	text := strings.Repeat(line, 1000)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		r := NewReader("f", strings.NewReader(text), Limits{})
		for {
			o, err := r.Next()
			if err != nil {
				break
			}
			if _, _, err := o.Bytes("completion"); err != nil {
				b.Fatal(err)
			}
		}
	}
}
