// Package buildinfo tells which build of ProfileQL this is.
package buildinfo

import (
	"fmt"
	"runtime/debug"
	"strings"

	"golang.org/x/mod/module"
)

// release is set by the linker for releases: -ldflags '-X profileql/internal/buildinfo.release=1.2.3'.
var release string

// Version is the version of a release, without a v; "devel" for other builds.
func Version() string {
	if release != "" {
		return strings.TrimPrefix(release, "v")
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return devel
	}
	return versionOf(info)
}

const devel = "devel"

// versionOf is the version that the module was fetched at, such as by go install. Go also makes up a version for a commit
// that has none.
func versionOf(info *debug.BuildInfo) string {
	v := info.Main.Version
	if v == "" || v == "(devel)" || module.IsPseudoVersion(v) || strings.Contains(v, "+") {
		return devel
	}
	return strings.TrimPrefix(v, "v")
}

// Details is the version with the commit that it was built from, if that is known, and with Go's version.
func Details() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return Version()
	}
	return details(Version(), info)
}

func details(version string, info *debug.BuildInfo) string {
	settings := make(map[string]string)
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	text := version
	if commit := settings["vcs.revision"]; commit != "" {
		text += fmt.Sprintf(" (commit %s, %s", commit[:min(12, len(commit))], settings["vcs.time"])
		if settings["vcs.modified"] == "true" {
			text += ", modified"
		}
		text += ")"
	}
	return text + " " + info.GoVersion
}
