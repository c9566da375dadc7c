package sandbox

import (
	"database/sql"
	"path/filepath"
	"testing"
)

// TestBusyFile tests that writes to a file that another process has locked fail in time with an error that tells
// clients to retry, and that reads succeed.
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
