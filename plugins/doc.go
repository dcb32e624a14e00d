// Package plugins is both ends of the wire between the harness and its plugins.
//
// A plugin is a process of its own, started by the harness from a binary named harness-reward-NAME,
// harness-optimizer-NAME or harness-policy-NAME. Its author writes a core.Reward, a core.Optimizer or a core.Policy and
// calls [ServeReward], [ServeOptimizer] or [ServePolicy]; the harness calls [OpenReward], [OpenOptimizer] or [OpenPolicy]
// and has the same contract again. In-tree plugins take this road as well, so there is one road to test.
//
// The package owns processes, the handshake, settings, the conversion between the nouns of core and the wire, the checks
// on what a plugin answers, and the words in which a failure is told. It leaves to others what a reward means, and when to
// call it. The wire's own types never leave it.
//
// # Order of calls
//
// The handshake negotiates [Protocol]; then Info says who the plugin is, Configure gives it its settings as JSON, and
// calls follow. Settings are described by a JSON schema that the SDK derives from the author's struct, so that a wrong
// setting is refused by its name on either end.
//
// # Failures
//
// Every failure of a plugin is an [*Error]: which plugin, which call, what was sent, what its standard error said last.
// Score, Advantages and Loss are pure, so a plugin that dies or hangs in one of them is restarted once and the call
// repeated. A policy holds state and is never restarted; one that keeps silent for too long in a call is ended.
package plugins
