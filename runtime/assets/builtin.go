package assets

// Builtin lists the artefacts whose recipe is to fetch and to unpack.
func Builtin() []Artefact { return nil }
