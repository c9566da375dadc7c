package webpage

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// TestSums compares the files that pages are built of with the checksums that the builds wrote, and unpacks them.
func TestSums(t *testing.T) {
	t.Parallel()
	for _, dist := range []string{"../playground/dist", "../demo/dist"} {
		sums, err := os.ReadFile(filepath.Join(dist, "SHA256SUMS"))
		if err != nil {
			t.Fatal(err)
		}
		names, err := filepath.Glob(filepath.Join(dist, "*.gz"))
		if err != nil {
			t.Fatal(err)
		}
		var actual bytes.Buffer
		for _, name := range names {
			content, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if r, err := gzip.NewReader(bytes.NewReader(content)); err != nil {
				t.Errorf("%s: %v", name, err)
			} else if _, err := io.Copy(io.Discard, r); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			sum := sha256.Sum256(content)
			actual.WriteString(hex.EncodeToString(sum[:]) + "  " + filepath.Base(name) + "\n")
		}
		if actual.String() != string(sums) {
			t.Errorf("%s is not what the build made of it: got\n%swant\n%s", dist, &actual, sums)
		}
	}
}
