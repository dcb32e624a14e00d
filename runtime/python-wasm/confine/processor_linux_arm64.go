package confine

import "golang.org/x/sys/unix"

const processor = unix.AUDIT_ARCH_AARCH64
