package main

import (
	"io"
	"slices"

	"profileql/internal/config"
	"profileql/internal/edge"
)

// openAdmin serves the operator's listener until stop is called, and returns its URL. Without --admin it does nothing.
func openAdmin(c *config.Config, live *reloader, with shared) (url string, stop func(), err error) {
	if c.Admin == "" {
		return "", func() {}, nil
	}
	options := edge.AdminOptions{
		Health: with.health, Metrics: with.metrics.Handler(), LogPanic: logPanic(with.log),
		Settings: func(w io.Writer) error { return live.now().config.WriteSettings(w) },
	}
	if c.AdminOnLoopback() {
		options.Hosts = append(slices.Clone(edge.Loopback), c.Hosts...)
	}
	handler, err := edge.NewAdmin(options)
	if err != nil {
		return "", nil, err
	}
	l, err := edge.Listen(edge.ListenOptions{Address: c.Admin, Log: with.log})
	if err != nil {
		return "", nil, err
	}
	server := edge.NewServer(handler, with.log)
	go func() { _ = server.Serve(l) }() // ends with stop
	return l.URL, func() { _ = server.Close() }, nil
}
