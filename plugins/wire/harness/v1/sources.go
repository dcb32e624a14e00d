package harnessv1

import "embed"

// Sources are the .proto files, for plugins in other languages; `harness plugin new --lang python` writes them out.
//
//go:embed *.proto
var Sources embed.FS
