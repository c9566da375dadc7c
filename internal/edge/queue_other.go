//go:build !linux

package edge

import "net"

// dropHandshakes does nothing: only Linux can ignore SYN packets without privileges.
func dropHandshakes(*net.TCPListener) error { return nil }

// queueLength returns 0: only Linux tells.
func queueLength(*net.TCPListener) (int, error) { return 0, nil }
