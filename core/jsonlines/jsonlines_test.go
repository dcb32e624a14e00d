package jsonlines

import (
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
)

type record struct {
	ID     string         `json:"id"`
	Count  uint           `json:"count"`
	Parts  []part         `json:"parts"`
	Names  map[string]int `json:"names"`
	Flag   bool           `json:"flag"`
	Ratio  float64        `json:"ratio"`
	Inside *part          `json:"inside"`
}

type part struct {
	Text string `json:"text"`
	At   []int  `json:"at"`
}

func read(text string) (list []record, err error) {
	for l, err := range Read[record](strings.NewReader(text), "f.jsonl") {
		if err != nil {
			return list, err
		}
		list = append(list, l.Value)
	}
	return list, nil
}

func TestRead(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"nothing", "", nil},
		{"lines", "{\"id\":\"a\"}\n{\"id\":\"b\"}\n", []string{"a", "b"}},
		{"no end of the last line", "{\"id\":\"a\"}\n{\"id\":\"b\"}", []string{"a", "b"}},
		{"blank lines", "\n  \n{\"id\":\"a\"}\n\t\n", []string{"a"}},
		{"a byte order mark", "\xef\xbb\xbf{\"id\":\"a\"}\n", []string{"a"}},
		{"ends of Windows", "{\"id\":\"a\"}\r\n{\"id\":\"b\"}\r\n", []string{"a", "b"}},
		{"unknown fields", "{\"id\":\"a\",\"more\":[1,{\"x\":null}]}\n", []string{"a"}},
		{"a line longer than a buffer", "{\"id\":\"" + strings.Repeat("x", 200_000) + "\"}\n", []string{strings.Repeat("x", 200_000)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			list, err := read(c.text)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, r := range list {
				got = append(got, r.ID)
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestPlaces(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"a type", `{"id":"a","count":"x"}`, `f.jsonl:1:19: field "count": string where a whole number that is not negative belongs`},
		{"a negative number", `{"count":-1}`, `f.jsonl:1:10: field "count": number -1 where a whole number that is not negative belongs`},
		{"a type in an array", `{"parts":[{"text":"x"},{"text":7}]}`, `f.jsonl:1:32: field "parts[1].text": number where a string belongs`},
		{"a type in an array in an array", `{"parts":[{"at":[1,2,true]}]}`, `f.jsonl:1:22: field "parts[0].at[2]": bool where a whole number belongs`},
		{"an array for an object", `{"inside":[1]}`, `f.jsonl:1:11: field "inside": array where an object belongs`},
		{"an object for an array", `{"parts":{"a":1}}`, `f.jsonl:1:10: field "parts": object where an array belongs`},
		{"an object for a string", "\n{\"id\": {}}", `f.jsonl:2:8: field "id": object where a string belongs`},
		{"a member of a map", `{"names":{"a":1,"b":"x"}}`, `f.jsonl:1:21: field "names.b": string where a whole number belongs`},
		{"a string for true or false", `{"flag":"yes"}`, `f.jsonl:1:9: field "flag": string where true or false belongs`},
		{"a number that is too large", `{"ratio":1e999}`, `f.jsonl:1:10: field "ratio": number 1e999 where a number belongs`},
		{"columns of characters", `{"id":"äöü€","flag":1}`, `f.jsonl:1:21: field "flag": number where true or false belongs`},
		{"a comma too many", `{"id":"a",}`, `f.jsonl:1:11: not JSON: invalid character '}'`},
		{"a value that is cut", `{"id":"a","parts":[{"text":"b`, `f.jsonl:1:30: field "parts[0].text": not JSON: unexpected end`},
		{"an array that is cut", `{"parts":[{"at":[1,2`, `f.jsonl:1:21: field "parts[0].at[2]": not JSON: unexpected end`},
		{"no quotes", `{id:1}`, `f.jsonl:1:2: not JSON: invalid character 'i'`},
		{"NaN", `{"ratio":NaN}`, `f.jsonl:1:10: field "ratio": not JSON: invalid character 'N'`},
		{"a control character", "{\"id\":\"a\x01\"}", `f.jsonl:1:9: field "id": not JSON: invalid character`},
		{"bytes that are no text", "{\"id\":\"a\xffb\"}", `f.jsonl:1:9: field "id": byte 0xff is not UTF-8`},
		{"two values", `{} {}`, `f.jsonl:1:4: not JSON: invalid character '{' after top-level value`},
		{"no object", `[]`, `f.jsonl:1:1: array where an object belongs`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := read(c.text)
			var place *Error
			if !errors.As(err, &place) || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestFail(t *testing.T) {
	for l, err := range Read[record](strings.NewReader("\n{\"id\":\"ä\",\"parts\":[{\"text\":\"x\",\"at\":[1,2]}]}\n"), "f.jsonl") {
		if err != nil {
			t.Fatal(err)
		}
		for field, want := range map[string]string{
			"id":             `f.jsonl:2:7: field "id": is "ä"`,
			"parts":          `f.jsonl:2:19: field "parts": is "ä"`,
			"parts[0].at[1]": `f.jsonl:2:40: field "parts[0].at[1]": is "ä"`,
			"flag":           `f.jsonl:2:1: field "flag": is "ä"`,
		} {
			if got := l.Fail(field, "is %q", l.Value.ID).Error(); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		}
	}
}

func TestReadingThatFails(t *testing.T) {
	broken := errors.New("the cable is out")
	var err error
	for _, e := range Read[record](io.MultiReader(strings.NewReader("{}\n{}\n"), iotest.ErrReader(broken)), "f.jsonl") {
		err = e
	}
	if !errors.Is(err, broken) || err.Error() != "f.jsonl: line 3: the cable is out" {
		t.Errorf("%v", err)
	}
}

func TestLineThatIsTooLong(t *testing.T) {
	long := io.MultiReader(strings.NewReader("{}\n\""), io.LimitReader(letters{}, MaxLine+10), strings.NewReader("\"\n"))
	lines := 0
	var err error
	for _, e := range Read[any](long, "f.jsonl") {
		lines++
		err = e
	}
	var place *Error
	if lines != 2 || !errors.As(err, &place) || place.Line != 2 || !strings.Contains(err.Error(), "longer than 64 MiB") {
		t.Errorf("%d lines, %v", lines, err)
	}
}

type letters struct{}

func (letters) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

func TestReadingMayStop(t *testing.T) {
	n := 0
	for _, err := range Read[record](strings.NewReader("{}\n{}\n{}\n"), "f") {
		if err != nil {
			t.Error(err)
		}
		n++
		break
	}
	if n != 1 {
		t.Errorf("%d lines", n)
	}
}

func TestDecode(t *testing.T) {
	r, err := Decode[record]([]byte("\xef\xbb\xbf{\n  \"id\": \"a\"\n}\n"), "f.json")
	if err != nil || r.ID != "a" {
		t.Errorf("%+v, %v", r, err)
	}
	_, err = Decode[record]([]byte("{\n  \"id\": \"a\",\n  \"parts\": [\n    {\"text\": 1}\n  ]\n}\n"), "f.json")
	if want := `f.json:4:14: field "parts[0].text": number where a string belongs`; err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("{\"id\":\"a\",\"parts\":[{\"at\":[1,2,true]}]}\n{}\n"))
	f.Add([]byte("{\"id\":\"\xff\"}"))
	f.Add([]byte("[[[{\"a\":[{}]}]]]"))
	f.Add([]byte("{\"parts\":[{\"at\":{}}],,"))
	f.Add([]byte("\xef\xbb\xbf\r\n\"\\u"))
	f.Fuzz(func(t *testing.T, data []byte) {
		lines := strings.Count(string(data), "\n") + 1
		last := 0
		for l, err := range Read[record](strings.NewReader(string(data)), "f") {
			if l.Number < last {
				t.Fatalf("line %d after line %d", l.Number, last)
			}
			last = l.Number
			if err == nil {
				_ = l.Fail("parts[0].at[1]", "x")
				continue
			}
			var place *Error
			if !errors.As(err, &place) {
				t.Fatalf("an error without a place: %v", err)
			}
			if place.Line < 1 || place.Line > lines || place.Column < 1 || place.Column > len(data)+1 {
				t.Fatalf("the place is %d:%d of %d lines, %d bytes", place.Line, place.Column, lines, len(data))
			}
		}
		if _, err := Decode[record](data, "f"); err != nil && !errors.As(err, new(*Error)) {
			t.Fatalf("an error without a place: %v", err)
		}
	})
}
