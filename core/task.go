package core

// Task is one problem of a benchmark, in the fields of MBPP.
type Task struct {
	// ID is the task's id as text: "11" for MBPP's number 11, "HumanEval/0" where the id is a string.
	ID string
	// Benchmark is the name of the benchmark it was loaded from ("mbpp", "starter"), or "".
	Benchmark string
	// Text is the problem in natural language, as its author wrote it.
	Text string
	// Code is the reference solution, or "" where there is none.
	Code string
	// Entry is the name that the tests call and the program must define, or "" where it is not known.
	Entry string
	// Imports are lines of Python that the tests need; they run before the program and again before the tests.
	Imports []string
	// Setup is Python that runs after the program and before the tests.
	Setup string
	// Judge is Python that runs in the grader's interpreter only, after the imports and before the tests: a reference
	// solution, a comparison with a tolerance. Names that it defines never meet the program.
	Judge string
	// Tests are Python statements, usually one assert each, run in order in one interpreter.
	Tests []string
	// Challenge are further tests, graded only where asked for.
	Challenge []string
}

// Message is one turn of a chat.
type Message struct {
	// Role is "system", "user" or "assistant".
	Role string
	// Content is the turn's text.
	Content string
}

// Prompt is what the policy is asked for a Task. Messages go through the policy's chat template, and Prefill begins the
// assistant's turn; where Messages is empty, Prefill alone is the text to continue, without any template.
type Prompt struct {
	TaskID   string
	Messages []Message
	// Prefill is the beginning of the answer. It is not part of the completion.
	Prefill string
	// Stop ends a completion when its text contains one of these; the stop text is cut from Completion.Text but its
	// tokens stay in Completion.Tokens, since the policy sampled them.
	Stop []string
	// Protocol names the prompt's wording and version, as "mbpp-chat-1-shown/1", for the run's manifest.
	Protocol string
	// Visible is the number of the task's tests, from the first, that the prompt shows; the others are hidden.
	Visible int
}
