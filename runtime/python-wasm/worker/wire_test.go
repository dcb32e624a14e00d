package worker

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"testing"
	"testing/quick"
)

type inner struct {
	Text string
	N    int64
}

type message struct {
	Text  string
	Small int
	Yes   bool
	Texts []string
	Many  []inner
	One   *inner
}

// TestRoundTrip sends random messages, whose texts are random bytes.
func TestRoundTrip(t *testing.T) {
	err := quick.Check(func(m message, raw []byte) bool {
		m.Text += string(raw)
		var got message
		if err := Decode(Encode(m), &got); err != nil {
			t.Log(err)
			return false
		}
		if len(m.Texts) == 0 {
			m.Texts = nil
		}
		if len(m.Many) == 0 {
			m.Many = nil
		}
		return reflect.DeepEqual(got, m)
	}, nil)
	if err != nil {
		t.Error(err)
	}
}

func TestDecodeRefuses(t *testing.T) {
	good := Encode(message{Text: "x", Texts: []string{"a"}, One: &inner{"b", 3}})
	for n := range good {
		if err := Decode(good[:n], new(message)); err == nil {
			t.Errorf("the first %d of %d bytes are a message", n, len(good))
		}
	}
	if err := Decode(append(good, 0), new(message)); err == nil {
		t.Error("bytes are left over and nobody says so")
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(Encode(message{}))
	f.Add(Encode(message{Text: "\xff", Small: -1, Yes: true, Texts: []string{"", "a"}, Many: []inner{{"x", 1}}, One: &inner{}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		var m, again message
		if Decode(b, &m) != nil {
			return
		}
		if err := Decode(Encode(m), &again); err != nil || !reflect.DeepEqual(m, again) {
			t.Errorf("%+v became %+v: %v", m, again, err)
		}
	})
}

func FuzzFrames(f *testing.F) {
	f.Add(frame{1, kindReply, []byte("text")}.append(nil))
	f.Add(frame{1 << 63, kindCancel, nil}.append(frame{2, kindRequest, make([]byte, 300)}.append(nil)))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bytes.NewReader(b)
		var out []byte
		for {
			q, err := readFrame(r, 1<<16)
			if err != nil {
				if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !bytes.Equal(out, b) {
					t.Errorf("frames were read that are not those of %x", b)
				}
				return
			}
			out = q.append(out)
		}
	})
}
