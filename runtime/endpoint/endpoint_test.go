package endpoint

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rlvr-harness/harness/core"
)

type request struct {
	Model       string
	Messages    []struct{ Role, Content string }
	Temperature *float64
	Stop        []string
	Seed        *int
	MaxTokens   int `json:"max_tokens"`
}

// serve answers with a real HTTP server; handle sees each request.
func serve(t *testing.T, handle func(w http.ResponseWriter, r request)) *Client {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var q request
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil || r.URL.Path != "/v1/chat/completions" {
			http.Error(w, "bad request", http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		handle(w, q)
	}))
	t.Cleanup(s.Close)
	c, err := New(Config{URL: s.URL + "/v1/", Model: "m", Pause: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const answer = `{"choices":[{"message":{"role":"assistant","content":"def f(): pass"},"finish_reason":"REASON"}],"usage":{"completion_tokens":5}}`

var asked = core.Prompt{TaskID: "1", Messages: []core.Message{{Role: "user", Content: "write f"}}, Prefill: "```python\n", Stop: []string{"```", "[DONE]"}}

func TestGenerate(t *testing.T) {
	var mu sync.Mutex
	var seen []request
	c := serve(t, func(w http.ResponseWriter, r request) {
		mu.Lock()
		seen = append(seen, r)
		mu.Unlock()
		reason := "stop"
		if *r.Seed == 3 {
			reason = "length"
		}
		_, _ = w.Write([]byte(strings.ReplaceAll(answer, "REASON", reason)))
	})
	got := map[[2]int]core.Completion{}
	total := 0
	err := c.Generate(t.Context(), []core.Prompt{asked, asked}, core.Sampling{N: 2, MaxTokens: 9, Seeds: []uint64{1 << 33, 2 << 33, 3 << 33, 4 << 33}},
		func(g core.Generated) error { got[[2]int{g.Prompt, g.Sample}] = g.Completion; return nil }, func(n int) { total = n })
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 4 || total != 20 || len(got[[2]int{1, 1}].Tokens) != 5 || got[[2]int{0, 0}].Text != "def f(): pass" {
		t.Errorf("got %v, %d tokens", got, total)
	}
	if got[[2]int{1, 0}].Finish != core.FinishLength || got[[2]int{1, 1}].Finish != core.FinishEOS {
		t.Errorf("finish: %v", got)
	}
	r := seen[0]
	if r.Model != "m" || len(r.Messages) != 1 || r.MaxTokens != 9 || r.Temperature == nil || *r.Temperature > 1e-30 || len(r.Stop) != 1 || r.Stop[0] != "[DONE]" {
		t.Errorf("the request is %+v", r)
	}
}

func TestTriesAgainWhatMayPass(t *testing.T) {
	for _, tt := range []struct {
		status, fails int
		ok            bool
		calls         int32
	}{
		{503, 2, true, 3}, {429, 1, true, 2}, {500, 9, false, 4}, {400, 9, false, 1}, {401, 9, false, 1},
	} {
		var calls atomic.Int32
		c := serve(t, func(w http.ResponseWriter, _ request) {
			if int(calls.Add(1)) <= tt.fails {
				w.WriteHeader(tt.status)
				_, _ = w.Write([]byte(`{"error":{"message":"not now"}}`))
				return
			}
			_, _ = w.Write([]byte(answer))
		})
		err := c.Generate(t.Context(), []core.Prompt{asked}, core.Sampling{N: 1, Seeds: []uint64{1}}, func(core.Generated) error { return nil }, nil)
		if (err == nil) != tt.ok || calls.Load() != tt.calls {
			t.Errorf("%d × %d: %v after %d calls", tt.fails, tt.status, err, calls.Load())
		}
	}
}

// TestNothingIsAskedForABadPrompt holds that no request is under way when Generate has returned, and yield is not called after.
func TestNothingIsAskedForABadPrompt(t *testing.T) {
	var calls atomic.Int32
	c := serve(t, func(w http.ResponseWriter, _ request) {
		calls.Add(1)
		_, _ = w.Write([]byte(answer))
	})
	prompts := []core.Prompt{asked, asked, asked, {TaskID: "7", Prefill: "def f():"}}
	err := c.Generate(t.Context(), prompts, core.Sampling{N: 1, Seeds: []uint64{1, 2, 3, 4}}, func(core.Generated) error { return nil }, nil)
	if err == nil || calls.Load() > 0 {
		t.Errorf("%v after %d requests", err, calls.Load())
	}
}

func TestWhatCannotBeAsked(t *testing.T) {
	if _, err := New(Config{URL: "localhost:8000", Model: "m"}); err == nil {
		t.Error("an address without a scheme was accepted")
	}
	if _, err := New(Config{URL: "http://localhost"}); err == nil {
		t.Error("no model was accepted")
	}
	c := serve(t, func(w http.ResponseWriter, _ request) { _, _ = w.Write([]byte(`{"choices":[]}`)) })
	sampling := core.Sampling{N: 1, Seeds: []uint64{1}}
	if err := c.Generate(t.Context(), []core.Prompt{asked, {TaskID: "7", Prefill: "def f():"}}, core.Sampling{N: 1, Seeds: []uint64{1, 2}}, nil, nil); err == nil || !strings.Contains(err.Error(), "task 7") {
		t.Errorf("a prompt without messages: %v", err)
	}
	if err := c.Generate(t.Context(), []core.Prompt{asked}, sampling, nil, nil); err == nil || !strings.Contains(err.Error(), "without a choice") {
		t.Errorf("no choices: %v", err)
	}
	for _, n := range []string{"-1", "999999999999"} {
		c := serve(t, func(w http.ResponseWriter, _ request) {
			_, _ = w.Write([]byte(strings.ReplaceAll(answer, ":5}", ":"+n+"}")))
		})
		if err := c.Generate(t.Context(), []core.Prompt{asked}, sampling, nil, nil); err == nil || !strings.Contains(err.Error(), "reports a completion of "+n) {
			t.Errorf("%s tokens: %v", n, err)
		}
	}
	stop := errors.New("enough")
	c = serve(t, func(w http.ResponseWriter, _ request) { _, _ = w.Write([]byte(answer)) })
	if err := c.Generate(t.Context(), []core.Prompt{asked}, sampling, func(core.Generated) error { return stop }, nil); !errors.Is(err, stop) {
		t.Errorf("yield's error: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Generate(ctx, []core.Prompt{asked}, sampling, func(core.Generated) error { return nil }, nil); err == nil {
		t.Error("a cancelled call succeeded")
	}
}
