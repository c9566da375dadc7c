package edge

import (
	"bytes"
	"io"
	"net/http"
	"net/http/pprof"
)

// AdminOptions are the options of [NewAdmin].
type AdminOptions struct {
	Hosts    []string // allowed Host names; empty for any
	Health   *Health
	Metrics  http.Handler
	Settings func(io.Writer) error // writes the settings, without secrets
	LogPanic func(r *http.Request, panicked any) (errorID string)
}

// NewAdmin returns the handler of the operator's listener: metrics, health checks, settings and profiles of this process.
// They are not for callers, and must not be served on the address of [New].
func NewAdmin(o AdminOptions) (http.Handler, error) {
	operator := http.NewServeMux()
	operator.Handle("GET /metrics", o.Metrics)
	operator.HandleFunc("GET /config", func(w http.ResponseWriter, _ *http.Request) {
		var text bytes.Buffer
		if err := o.Settings(&text); err != nil {
			http.Error(w, "The settings cannot be shown.", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write(text.Bytes()) // the client may have disconnected
	})
	operator.HandleFunc("/debug/pprof/", pprof.Index)
	operator.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	operator.HandleFunc("/debug/pprof/profile", pprof.Profile)
	operator.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	operator.HandleFunc("/debug/pprof/trace", pprof.Trace)
	protected, err := crossOrigin(nil, operator)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	o.Health.register(mux)
	mux.Handle("/", KnownHost(o.Hosts, protected))
	return withSecurityHeaders(recoverPanics(o.LogPanic, mux)), nil
}
