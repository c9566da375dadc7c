package edge

import (
	"errors"
	"net"

	"golang.org/x/sys/unix"
)

// dropHandshakes makes the kernel ignore SYN packets. Clients send them again after a second, when the listener is closed
// and their connection is refused. Handshakes in progress and established connections go on.
func dropHandshakes(l *net.TCPListener) error {
	const (
		flagsOffset = 13 // in the TCP header (RFC 9293, section 3.1)
		syn, ack    = 0x02, 0x10
		dropped     = 0
		accepted    = 0xffffffff
	)
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: flagsOffset},
		{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: syn | ack},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: syn, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: dropped},
		{Code: unix.BPF_RET | unix.BPF_K, K: accepted},
	}
	program := &unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	return control(l, func(fd int) error {
		return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, program)
	})
}

// queueLength returns how many established connections have not been accepted.
func queueLength(l *net.TCPListener) (n uint32, err error) {
	err = control(l, func(fd int) error {
		info, err := unix.GetsockoptTCPInfo(fd, unix.SOL_TCP, unix.TCP_INFO)
		if err == nil {
			n = info.Unacked // of a listener, its accept queue
		}
		return err
	})
	return n, err
}

func control(l *net.TCPListener, f func(fd int) error) error {
	raw, err := l.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	return errors.Join(raw.Control(func(fd uintptr) { failed = f(int(fd)) }), failed)
}
