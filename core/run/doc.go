// Package run owns what lies on disk after a run: its folder. It knows the names and formats of the files in it, keeps
// them consistent when the process is killed at any moment, and derives the report from them alone. What the numbers
// mean, and when to write them, belongs to core/train and core/eval.
//
//	manifest.json              what was run: resolved configuration, seeds, versions, sha256 of every part
//	times.json                 when: the only file with the time of day in it, beside the events
//	metrics.jsonl              a Step a line
//	evals.jsonl                an Evaluation of a held-out split a line
//	completions.jsonl          a Row a line: every completion with what each stage said about it
//	completions.parquet        the same as a table, made from completions.jsonl
//	events.out.tfevents.0.run  the same numbers for TensorBoard
//	adapters/step-N/           adapters in PEFT's format
//	checkpoint/step-N/         what a resumed run needs, with counts of the records that belong to it
//	report.html                curves, profiles and completions to read, in one file
//	run.log, lock              messages of plugins; the lock that keeps a second process out
//
// The records are append-only. A checkpoint counts their lines and takes the sha256 of what is reproducible in them;
// Open cuts each record back to its checkpoint, so that a run that was killed and resumed ends with the bytes of one
// that was not. Two runs of one seed are equal (Equal) in everything but `seconds`, times.json, the wall times of events
// and the log.
package run
