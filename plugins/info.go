package plugins

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"regexp"

	goplugin "github.com/hashicorp/go-plugin"

	wire "github.com/rlvr-harness/harness/plugins/wire/harness/v1"
)

// Protocol is the version of the wire that this package speaks. It grows when an old plugin could misread a new harness,
// or the other way round; both ends refuse any other number.
const Protocol = 1

// MaxMessageBytes is the largest message on either end. gRPC's default of 4 MiB is less than one group of 10,000 samples;
// a loss of 512 rows of 4,096 tokens with all its matrices is 66 MiB.
const MaxMessageBytes = 256 << 20

// handshake tells a plugin that the harness started it. It is no secret: it keeps a person from running a plugin by hand.
var handshake = goplugin.HandshakeConfig{
	ProtocolVersion:  Protocol,
	MagicCookieKey:   "HARNESS_PLUGIN",
	MagicCookieValue: "rewards-that-a-program-can-check",
}

// Kind is what a plugin is for.
type Kind string

// The kinds of plugins.
const (
	KindReward    Kind = "reward"
	KindOptimizer Kind = "optimizer"
	KindPolicy    Kind = "policy"
)

// Kinds lists every kind.
func Kinds() []Kind { return []Kind{KindReward, KindOptimizer, KindPolicy} }

// Info describes a plugin. Its author gives Name, Version and Doc; the other fields are filled in on the way.
type Info struct {
	Kind Kind `json:"kind"`
	// Name is what a user types: lower-case letters, digits, "-" and "+".
	Name    string `json:"name"`
	Version string `json:"version"`
	// Doc is a sentence that says what the plugin does.
	Doc string `json:"doc,omitempty"`
	// Protocol is the wire's version that the plugin speaks.
	Protocol int `json:"protocol"`
	// Schema is the JSON schema of the settings.
	Schema json.RawMessage `json:"schema,omitempty"`
	// Settings has every setting with its value, defaults and presets resolved; nil before the plugin is configured.
	Settings json.RawMessage `json:"settings,omitempty"`
	// Path and SHA256 are of the plugin's file; Shadowed are files of the same name, further down the search path,
	// that were not used.
	Path     string   `json:"path,omitempty"`
	SHA256   string   `json:"sha256,omitempty"`
	Shadowed []string `json:"shadowed,omitempty"`
}

var nameForm = regexp.MustCompile(`^[a-z0-9][a-z0-9+-]*$`)

// CheckName says what is wrong with a plugin's name, or nil.
func CheckName(name string) error {
	if !nameForm.MatchString(name) {
		return fmt.Errorf("plugin name %q: want lower-case letters, digits, - and +, beginning with a letter or digit", name)
	}
	return nil
}

// Protos are the .proto files of the wire, for plugins in other languages.
func Protos() fs.FS { return wire.Sources }
