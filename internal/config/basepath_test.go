package config

import (
	"io"
	"strings"
	"testing"
)

// TestBasePath holds which paths --base-path accepts.
func TestBasePath(t *testing.T) {
	for path, ok := range map[string]bool{
		"/profileql": true, "/a/b.c/d_e~f-1": true,
		"/": false, "x": false, "/x/": false, "/x//y": false, "/../y": false, "/x/..": false, "/./x": false, "/a b": false, "/ä": false, "/a%20b": false, "/a?b": false,
	} {
		c, err := Parse([]string{"--base-path", path}, "", io.Discard, io.Discard)
		if ok && (err != nil || c.BasePath != path) || !ok && (err == nil || !strings.Contains(err.Error(), "--base-path "+path+": write a path")) {
			t.Errorf("%q: %v", path, err)
		}
	}
	if _, err := Parse([]string{"sandbox", "--base-path", "/x"}, "", io.Discard, io.Discard); err == nil {
		t.Error("the command sandbox takes --base-path")
	}
}
