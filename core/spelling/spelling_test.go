package spelling

import "testing"

func TestNearest(t *testing.T) {
	names := []string{"size", "rate", "list", "rat"}
	for typed, want := range map[string]string{
		"sise": "size", "rate": "rate", "ratee": "rate", "": "", "r": "", "ra": "rat", "something else": "", "zzzzzzzz": "",
	} {
		if got := Nearest(typed, names); got != want {
			t.Errorf("%q: %q, want %q", typed, got, want)
		}
	}
	if got := Nearest("x", nil); got != "" {
		t.Errorf("no names: %q", got)
	}
}
