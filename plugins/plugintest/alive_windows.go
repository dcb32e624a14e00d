package plugintest

import "syscall"

// alive says whether there is a process pid that has not ended.
func alive(pid int) bool {
	const query, stillActive = 0x1000, 259 // PROCESS_QUERY_LIMITED_INFORMATION, STILL_ACTIVE
	h, err := syscall.OpenProcess(query, false, uint32(pid))
	if err != nil {
		return false
	}
	defer func() { _ = syscall.CloseHandle(h) }()
	var code uint32
	return syscall.GetExitCodeProcess(h, &code) == nil && code == stillActive
}
