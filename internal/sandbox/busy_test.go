package sandbox

import (
	"database/sql"
	"path/filepath"
	"testing"
)

// TestBusyFile holds that a file which another process keeps to itself makes writes fail in time, and says so in a way
// that tells clients to try again; reads go on.
func TestBusyFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "data")
	c := serve(t, Options{Data: file})
	other, err := sql.Open("sqlite", "file:"+file+"?_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	tx, err := other.Begin()
	if err != nil {
		t.Fatal(err)
	}
	a := c.do("PATCH", list+"/"+SampleInterest, `{"description": "x"}`)
	if a.status != 503 || a.code() != "serviceNotAvailable" || a.header.Get("Retry-After") != "1" {
		t.Errorf("%d %s", a.status, a.text)
	}
	if a := c.do("GET", list+"/"+SampleInterest, ""); a.status != 200 {
		t.Errorf("a read: %d", a.status)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if a := c.do("PATCH", list+"/"+SampleInterest, `{"description": "x"}`); a.status != 200 {
		t.Errorf("afterwards: %d %s", a.status, a.text)
	}
}
