// Package worker runs requests in a process of its own, which is this program started again, and starts another where that one dies.
//
// It owns the process, the frames on its pipes, and the rule of who is asked again after a death: a request that was under way when the
// process died is repeated alone, so that one request that kills its process never costs another its answer. What requests mean
// belongs to packages pythonwasm and ruffwasm, and what the process gives up before it answers them to package confine.
//
// The process is not trusted: what it sends is bounded and parsed as hostile, and can at worst be a wrong answer.
package worker
