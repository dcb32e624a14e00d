package assets

// dataSets lists the benchmarks' files. A user who has them already points HARNESS_DATA to the folder. They are optional:
// a command that is asked for a benchmark fetches it, and no set-up fails because of one that nobody asked for.
func dataSets() []Artefact {
	data := func(a Artefact, url string) Artefact {
		a.Optional = true
		a.Sources = []Source{Local{Env: "HARNESS_DATA", Beside: "../shared/data", File: a.File}, Address{url}}
		return a
	}
	const (
		mbpp = "https://raw.githubusercontent.com/google-research/google-research/master/mbpp/"
		gh   = "https://github.com/"
	)
	return []Artefact{
		data(Artefact{
			Name: "mbpp", Version: "1.0.2", Licence: "CC-BY-4.0", Purpose: "974 Python tasks with tests",
			File: "mbpp.jsonl", Size: 563743, SHA256: "ccf64ceae9c5403bf50a044cb6d505bfd2a2963ee58338ba268fd65beab92a9f",
		}, mbpp+"mbpp.jsonl"),
		data(Artefact{
			Name: "mbpp-sanitized", Version: "1.0.2", Licence: "CC-BY-4.0", Purpose: "427 tasks of MBPP, checked by hand",
			File: "sanitized-mbpp.json", Size: 255053, SHA256: "ca95deaa9a01ef0a6f439f88bcf0dd3db3563d22f22aad6cae04ebb9a8d8c8e9",
		}, mbpp+"sanitized-mbpp.json"),
		data(Artefact{
			Name: "mbpp-plus", Version: "0.2.0", Licence: "Apache-2.0", Purpose: "378 tasks of MBPP with 35 times the tests",
			File: "MbppPlus.jsonl.gz", Size: 336032, SHA256: "af43697e8791c4c149bdfd6b489d8b5412507551ac20e28a439f650b8225db63",
		}, gh+"evalplus/mbppplus_release/releases/download/v0.2.0/MbppPlus.jsonl.gz"),
		data(Artefact{
			Name: "humaneval", Version: "6d43fb98", Licence: "MIT", Purpose: "164 Python functions with tests",
			File: "HumanEval.jsonl.gz", Size: 44877, SHA256: "b796127e635a67f93fb35c04f4cb03cf06f38c8072ee7cee8833d7bee06979ef",
		}, gh+"openai/human-eval/raw/6d43fb980f9fee3c892a914eda09951f772ad10d/data/HumanEval.jsonl.gz"),
		data(Artefact{
			Name: "humaneval-plus", Version: "0.1.10", Licence: "Apache-2.0", Purpose: "HumanEval with 80 times the tests",
			File: "HumanEvalPlus.jsonl.gz", Size: 925932, SHA256: "272720b90ac375502c8ed23cd791c2a93dfb22a911641a494da74a426c09f101",
		}, gh+"evalplus/humanevalplus_release/releases/download/v0.1.10/HumanEvalPlus.jsonl.gz"),
	}
}
