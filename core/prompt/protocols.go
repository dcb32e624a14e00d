package prompt

import (
	"strings"

	"github.com/rlvr-harness/harness/core"
)

const fence = "```python\n"

// protocols, the newest version of a name first.
var protocols = []Protocol{
	{
		Name: "chat-first/1", Shown: ShowFirst, Chat: true,
		Doc:   "chat: the text and the first test as an example; the answer begins in a code fence (the default)",
		build: chatFirst,
	},
	{
		Name: "chat-all/1", Shown: ShowAll, Chat: true,
		Doc:   "chat: the text and all tests, in the wording of lm-evaluation-harness' mbpp_instruct",
		build: chatAll,
	},
	{
		Name: "chat-none/1", Shown: ShowNone, Chat: true,
		Doc:   "chat: the text and the function's name, no test",
		build: chatNone,
	},
	{
		Name: "evalplus-chat/1", Shown: ShowFirst, Chat: true,
		Doc:   "chat: EvalPlus 0.3.1's wording and prefilled answer, with the first test",
		build: evalplusChat,
	},
	{
		Name: "paper-3shot/1", Shown: ShowAll, Shots: 3,
		Doc:   "base models: Austin et al. 2021, three solved examples and all tests, [BEGIN] and [DONE]",
		build: paper,
	},
	{
		Name: "docstring/1", Shown: ShowFirst,
		Doc:   "base models: the text and the first test in a docstring, as InCoder and bigcode-evaluation-harness ask",
		build: asDocstring,
	},
	{
		Name: "continue/1", Shown: ShowNone, Continues: true,
		Doc:   "base models: the signature and docstring of the task are continued (Chen et al. 2021, HumanEval)",
		build: continueCode,
	},
}

// user makes a chat of one turn whose answer begins in a fence.
func user(text string) core.Prompt {
	return core.Prompt{Messages: []core.Message{{Role: "user", Content: text}}, Prefill: fence, Stop: []string{"```"}}
}

// sentence returns a task's text without the quotes of a docstring and space around it.
func sentence(t core.Task) string {
	text := strings.TrimSpace(t.Text)
	if formOf(t) == docstring {
		text = strings.TrimSpace(strings.TrimSuffix(strings.TrimPrefix(text, `"""`), `"""`))
	}
	return text
}

// example returns a test as an expression.
func example(test string) string {
	return strings.TrimPrefix(strings.TrimSpace(test), "assert ")
}

func chatFirst(t core.Task, _ []core.Task) core.Prompt {
	switch formOf(t) {
	case code:
		return user("Complete this function. Answer only with the whole code.\n" + fence + strings.TrimSpace(t.Text) + "\n```")
	case docstring:
		return user(sentence(t) + "\nAnswer only with the code.")
	default:
		return user(sentence(t) + " Example: " + example(t.Tests[0]) + ". Answer only with the code.")
	}
}

func chatAll(t core.Task, _ []core.Task) core.Prompt {
	if formOf(t) != plain {
		return chatFirst(t, nil)
	}
	return user("You are an expert Python programmer, and here is your task:\n" + sentence(t) +
		"\nYour code should pass these tests:\n" + strings.Join(t.Tests, "\n"))
}

func chatNone(t core.Task, _ []core.Task) core.Prompt {
	if formOf(t) != plain {
		return chatFirst(t, nil)
	}
	name := ""
	if t.Entry != "" {
		name = " The name of the function is " + t.Entry + "."
	}
	return user(sentence(t) + name + " Answer only with the code.")
}

// inDocstring is the form of MBPP that InCoder, bigcode-evaluation-harness and EvalPlus use.
func inDocstring(t core.Task) string {
	if formOf(t) != plain {
		return t.Text
	}
	return "\"\"\"\n" + t.Text + "\n" + t.Tests[0] + "\n\"\"\"\n"
}

// evalplusChat follows evalplus/provider/utility.py and evalplus/codegen.py of version 0.3.1 (Apache-2.0).
func evalplusChat(t core.Task, _ []core.Task) core.Prompt {
	return core.Prompt{
		Messages: []core.Message{{Role: "user", Content: "Please provide a self-contained Python script that solves the following problem in a markdown code block:\n" +
			"```\n" + strings.TrimSpace(inDocstring(t)) + "\n```\n"}},
		Prefill: "Below is a Python script with a self-contained function that solves the problem and passes corresponding tests:\n" + fence,
		Stop:    []string{"\n```\n", "\nif __name__", "\ndef main(", "\nprint("},
	}
}

// paper follows the README of the data set and section 3 of arXiv 2108.07732. Carriage returns and tabs of the examples'
// code are made new lines and four spaces, so that the model is not taught them.
func paper(t core.Task, shots []core.Task) core.Prompt {
	block := func(t core.Task) string {
		const task = "You are an expert Python programmer, and here is your task: "
		if formOf(t) != plain {
			return task + sentence(t) + "\n[BEGIN]\n"
		}
		return task + t.Text + " Your code should pass these tests:\n\n" + strings.Join(t.Tests, "\n") + "\n[BEGIN]\n"
	}
	var b strings.Builder
	for _, s := range shots {
		solution := strings.NewReplacer("\r\n", "\n", "\t", "    ").Replace(s.Code)
		b.WriteString(block(s) + strings.TrimRight(solution, " \n") + "\n[DONE]\n\n")
	}
	return core.Prompt{Prefill: b.String() + block(t), Stop: []string{"[DONE]"}}
}

// asDocstring follows bigcode_eval/tasks/mbpp.py of bigcode-evaluation-harness (Apache-2.0). Its stop "\nif" is kept,
// though it also cuts programs that test something at their top.
func asDocstring(t core.Task, _ []core.Task) core.Prompt {
	return core.Prompt{Prefill: inDocstring(t), Stop: []string{"\nclass", "\nassert", "\n\"\"\"", "\nprint", "\nif", "\n<|/", "\n```"}}
}

// continueCode follows section 2.1 of Chen et al. 2021 (arXiv 2107.03374), its stop sequences too.
func continueCode(t core.Task, _ []core.Task) core.Prompt {
	return core.Prompt{Prefill: t.Text, Stop: []string{"\nclass", "\ndef", "\n#", "\nif", "\nprint"}}
}
