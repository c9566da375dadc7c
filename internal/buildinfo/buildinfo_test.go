package buildinfo

import (
	"runtime/debug"
	"strings"
	"testing"
)

func TestVersions(t *testing.T) {
	t.Parallel()
	for module, want := range map[string]string{
		"": "devel", "(devel)": "devel", "v1.2.3": "1.2.3", "v1.2.3-rc.1": "1.2.3-rc.1", "v1.2.3+dirty": "devel",
		"v0.0.0-20261127071801-8d41844a1b2c": "devel", "v1.2.4-0.20261127071801-8d41844a1b2c+dirty": "devel",
	} {
		if got := versionOf(&debug.BuildInfo{Main: debug.Module{Version: module}}); got != want {
			t.Errorf("%q: %q, want %q", module, got, want)
		}
	}
}

func TestDetails(t *testing.T) {
	t.Parallel()
	revision := debug.BuildSetting{Key: "vcs.revision", Value: "8d41844a1b2c3d4e5f60"}
	at := debug.BuildSetting{Key: "vcs.time", Value: "2026-11-27T07:18:01Z"}
	modified := debug.BuildSetting{Key: "vcs.modified", Value: "true"}
	for want, settings := range map[string][]debug.BuildSetting{
		"1.2.3 go1.26": nil,
		"1.2.3 (commit 8d41844a1b2c, 2026-11-27T07:18:01Z) go1.26":           {revision, at},
		"1.2.3 (commit 8d41844a1b2c, 2026-11-27T07:18:01Z, modified) go1.26": {revision, at, modified},
	} {
		if got := details("1.2.3", &debug.BuildInfo{GoVersion: "go1.26", Settings: settings}); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if got := Details(); !strings.HasPrefix(got, "devel") {
		t.Errorf("of a test: %q", got)
	}
}
