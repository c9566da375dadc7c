// Package buildinfo returns the version of this build of ProfileQL.
package buildinfo

import (
	"fmt"
	"runtime/debug"
	"strings"

	"golang.org/x/mod/module"
)

// release is set by the linker for releases: -ldflags '-X profileql/internal/buildinfo.release=1.2.3'.
var release string

// Version returns the version of a release, without a leading v, and "devel" for other builds.
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

// versionOf returns the version of the main module, if the module was fetched at one, such as by go install. It
// ignores the pseudo-version that Go derives from a commit without a tag.
func versionOf(info *debug.BuildInfo) string {
	v := info.Main.Version
	if v == "" || v == "(devel)" || module.IsPseudoVersion(v) || strings.Contains(v, "+") {
		return devel
	}
	return strings.TrimPrefix(v, "v")
}

// Details returns the version, the commit if it is known, and the version of Go.
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
