package run

// The files of a run's folder.
const (
	manifestName    = "manifest.json"
	timesName       = "times.json"
	metricsName     = "metrics.jsonl"
	evalsName       = "evals.jsonl"
	evalName        = "eval.json"
	completionsName = "completions.jsonl"
	parquetName     = "completions.parquet"
	eventsName      = "events.out.tfevents.0.run"
	adaptersName    = "adapters"
	checkpointName  = "checkpoint"
	indexName       = "index.json"
	reportName      = "report.html"
	logName         = "run.log"
	lockName        = "lock"
	// temporary ends the name of everything that is not finished; Create and Open remove what a killed process left.
	temporary = ".tmp"
)
