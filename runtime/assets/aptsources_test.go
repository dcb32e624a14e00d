package assets

import (
	"slices"
	"strings"
	"testing"
)

func TestDebianArchives(t *testing.T) {
	for _, tt := range []struct {
		name, file, text string
		want             []string
	}{
		{"stanzas", "sources.list.d/debian.sources", `# comment
Types: deb
# in a stanza
URIs: http://one.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://one.example/debian-security
Suites: bookworm-security
Components: main
`, []string{"http://one.example/debian"}},
		{"several addresses, lines that go on", "sources.list.d/x.sources", "Types: deb deb-src\nURIs: http://one.example/debian\n https://two.example/debian\nSuites: trixie\nComponents:\n main\n contrib\n", []string{"http://one.example/debian", "https://two.example/debian"}},
		{"a stanza that is switched off", "sources.list.d/x.sources", "Enabled: no\nTypes: deb\nURIs: http://one.example/debian\nSuites: sid\nComponents: main\n\nEnabled: yes\nURIs: http://two.example/debian\nSuites: sid\nComponents: main\n", []string{"http://two.example/debian"}},
		{"other publishers", "sources.list.d/x.sources", "Types: deb\nURIs: https://deb.example/node_20.x\nSuites: nodistro\nComponents: main\n", nil},
		{"no line end, carriage returns", "sources.list.d/x.sources", "URIs: http://one.example/debian\r\nSuites: sid\r\nComponents: main", []string{"http://one.example/debian"}},
		{"lines", "sources.list", "deb http://one.example/debian bookworm main # why\ndeb-src http://one.example/debian bookworm main\n", []string{"http://one.example/debian"}},
		{"tabs", "sources.list", "deb\thttp://one.example/debian\tbookworm\tmain\n", []string{"http://one.example/debian"}},
		{"options", "sources.list", "deb [ arch=amd64 signed-by=/k.gpg ] https://one.example/debian stable contrib main\n", []string{"https://one.example/debian"}},
		{"lines of other publishers, Ubuntu, discs, comments", "sources.list.d/y.list", "deb https://packages.example/apt cloud-sdk-bookworm main\ndeb http://archive.example/ubuntu noble main\ndeb cdrom:[Debian]/ bookworm main\n#deb http://one.example/debian sid main\n", nil},
		{"mirrors", "sources.list", "deb mirror+file:/etc/apt/mirrors/debian.list bookworm main\n", []string{"mirror+file:/etc/apt/mirrors/debian.list"}},
		{"broken options", "sources.list", "deb [arch=amd64 http://one.example/debian bookworm main\ndeb\ndeb http://one.example/debian\n", nil},
		{"another file", "sources.list.d/debian.sources.save", "deb http://one.example/debian bookworm main\n", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			etc := t.TempDir()
			if err := writeFiles(etc, map[string]string{tt.file: tt.text}); err != nil {
				t.Fatal(err)
			}
			got, err := debianArchives(etc)
			if err != nil || !slices.Equal(got, tt.want) {
				t.Errorf("got %q (%v), want %q", got, err, tt.want)
			}
		})
	}
}

// FuzzAptSources: whatever the files say, an address is one word that cannot carry another line or option into the
// private configuration.
func FuzzAptSources(f *testing.F) {
	f.Add("Types: deb\nURIs: http://one.example/debian\nSuites: sid\nComponents: main\n")
	f.Add("deb [a=b] http://one.example/debian sid main\n")
	f.Add("URIs: [trusted=yes] http://x/\nSuites: sid\nComponents: main")
	f.Fuzz(func(t *testing.T, text string) {
		for _, uri := range append(oneLineSources(text), deb822Sources(text)...) {
			if uri == "" || len(strings.Fields(uri)) != 1 || strings.HasPrefix(uri, "[") {
				t.Errorf("address %q", uri)
			}
		}
	})
}
