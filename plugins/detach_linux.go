package plugins

import (
	"errors"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// detach puts a plugin into a process group of its own, so that Ctrl-C in a terminal reaches the harness alone: the harness
// finishes its step with the plugins alive, and then stops them. A harness that is killed takes its plugins with it, in
// whatever language they are: a policy that lived on would write into a run that is being resumed. It is called by the
// goroutine that starts the plugin; what it returns must be called by the same one when the plugin has ended or is to end at
// once: it ends what the plugin has started too, which would otherwise live on and hold the pipes that its output is read from.
func detach(cmd *exec.Cmd) (undo func()) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	// The kernel sends Pdeathsig when the thread that started the child ends, so this goroutine keeps its thread.
	runtime.LockOSThread()
	return func() {
		runtime.UnlockOSThread()
		endGroup(cmd)
	}
}

// follow waits for the end of a plugin, without asking how it ended, and then ends what it has started. As long as that holds
// the pipes of the output, nobody learns that the plugin is gone.
func follow(cmd *exec.Cmd) {
	var err error = unix.EINTR
	for errors.Is(err, unix.EINTR) {
		err = unix.Waitid(unix.P_PID, cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
	}
	endGroup(cmd)
}
