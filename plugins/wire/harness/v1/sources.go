// Package harnessv1 is the protocol between the harness and its plugins: the .proto files and the Go code that buf writes
// from them. Processes, connections and checks of what comes over them are those of package plugins.
package harnessv1

import "embed"

// Sources are the .proto files, for plugins in other languages; `harness plugin new --lang python` writes them out.
//
//go:embed *.proto
var Sources embed.FS
