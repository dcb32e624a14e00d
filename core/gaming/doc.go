// Package gaming measures what a policy does when it earns its reward another way than by solving tasks: answering only
// the tests that it was shown, writing their values into the program, drifting to programs that are short and clean and wrong.
//
// It owns the definitions and says nothing of rewards: its numbers are recorded beside them in every run. None is a proof;
// each is a reason to read completions. The package is pure arithmetic on groups and on the steps' means.
package gaming
