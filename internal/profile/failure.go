package profile

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"syscall"
)

// FailureReason describes why a request has no response, for the log: without addresses or anything that the server has
// sent.
func FailureReason(err error) string {
	var dnsError *net.DNSError
	var certError *tls.CertificateVerificationError
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.As(err, &dnsError):
		return "host not found"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.As(err, &certError):
		return "certificate not trusted"
	}
	return "connection lost or invalid HTTP response"
}
