package run

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"testing"
	"time"
)

// The golden file was read with tensorboard 2's EventAccumulator when it was made.
func TestEvents(t *testing.T) {
	at := time.Unix(1700000000, 250000000)
	rows := []Row{
		{Step: 3, TaskID: "11", Completion: "```python\ndef f(): ...\n```", Verdict: "passed", Reward: 1, Tokens: 9},
		{Step: 3, TaskID: "11", Sample: 1, Completion: "no", Verdict: "no-code", Tokens: 1},
	}
	got := versionEvent(at)
	for _, r := range append(stepEvents(fullStep(), rows, at), evaluationEvents(small(1).evaluation(3), at)...) {
		got = append(got, r...)
	}
	golden(t, "events.out.tfevents.golden", got)
}

// A crc of RFC 3720 (32 bytes of zero), masked as TFRecord has it.
func TestMaskedChecksum(t *testing.T) {
	const crc = 0x8a9136aa
	var want uint32 = crc
	want = want>>15 | want<<17
	want += 0xa282ead8
	if got := masked(make([]byte, 32)); got != want {
		t.Errorf("masked crc is %#x, want %#x", got, want)
	}
}

func TestCanonicalEvents(t *testing.T) {
	early, late := time.Unix(1, 0), time.Unix(1e9, 0)
	one, other := fullStep(), fullStep()
	other.Seconds = Seconds{9, 9, 9, 9}
	a, b := stepEvents(one, nil, early), stepEvents(other, nil, late)
	if bytes.Equal(bytes.Join(a, nil), bytes.Join(b, nil)) {
		t.Fatal("the events are equal before anything is left out")
	}
	for i := range a {
		x, err := canonicalEvent(a[i])
		if err != nil {
			t.Fatal(err)
		}
		y, err := canonicalEvent(b[i])
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(x, y) {
			t.Errorf("event %d: %q and %q", i, x, y)
		}
	}
	other.Loss++
	x, _ := canonicalEvent(a[0])
	y, err := canonicalEvent(stepEvents(other, nil, early)[0])
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(x, y) {
		t.Error("another loss gives the same event")
	}
}

func FuzzEvents(f *testing.F) {
	whole := append(versionEvent(time.Unix(1, 0)), stepEvents(fullStep(), nil, time.Unix(2, 0))[0]...)
	f.Add(whole)
	f.Add(whole[:len(whole)-3])
	f.Add([]byte{})
	f.Add(frame([]byte{0x2a, 0xff}))
	f.Add(frame(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		in := bufio.NewReader(bytes.NewReader(data))
		read := 0
		for {
			record, err := nextEvent(in)
			if errors.Is(err, io.EOF) && read != len(data) {
				t.Fatalf("the end after %d of %d bytes", read, len(data))
			}
			if err != nil {
				return
			}
			read += len(record)
			if _, err := canonicalEvent(record); err != nil {
				return
			}
		}
	})
}
