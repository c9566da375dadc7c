package deploy

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// image is the image in the format of the OCI image specification, as buildah writes it.
type image struct {
	config struct {
		OS     string
		Config struct {
			User         string
			ExposedPorts map[string]struct{}
			Env          []string
			Entrypoint   []string
			Cmd          []string
		}
	}
	layers []string // files
}

// readImage builds the image once. The storage is in a folder of the test, and the driver vfs needs no kernel module.
var readImage = sync.OnceValues(func() (*image, error) {
	context, err := buildContext()
	if err != nil {
		return nil, err
	}
	storage, layout := filepath.Join(folder, "storage"), filepath.Join(folder, "image")
	for _, args := range [][]string{
		{"build", "--isolation", "chroot", "--tag", "profileql", context},
		{"push", "profileql", "oci:" + layout},
	} {
		global := []string{"--root", storage, "--runroot", storage + "-run", "--storage-driver", "vfs"}
		if out, err := exec.Command("buildah", append(global, args...)...).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("buildah %s: %w\n%s", args[0], err, out)
		}
	}
	return readLayout(layout)
})

// descriptor names a blob.
type descriptor struct{ Digest string }

// readLayout reads a folder in the OCI image layout.
func readLayout(layout string) (*image, error) {
	var index struct{ Manifests []descriptor }
	var manifest struct {
		Config descriptor
		Layers []descriptor
	}
	blob := func(d descriptor) string {
		return filepath.Join(layout, "blobs", strings.ReplaceAll(d.Digest, ":", string(filepath.Separator)))
	}
	if err := readJSON(filepath.Join(layout, "index.json"), &index); err != nil {
		return nil, err
	}
	if len(index.Manifests) != 1 {
		return nil, fmt.Errorf("the layout has %d images", len(index.Manifests))
	}
	i := new(image)
	if err := readJSON(blob(index.Manifests[0]), &manifest); err != nil {
		return nil, err
	}
	for _, layer := range manifest.Layers {
		i.layers = append(i.layers, blob(layer))
	}
	return i, readJSON(blob(manifest.Config), &i.config)
}

func readJSON(file string, into any) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}

// builtImage returns the image. The test is skipped without buildah, or if the user may not change the root folder.
func builtImage(t *testing.T) *image {
	t.Helper()
	tool(t, "buildah")
	if os.Getuid() != 0 {
		missing(t, "permission to change the root folder: run the test as root")
	}
	i, err := readImage()
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// each calls a function for each file of the image.
func (i *image) each(do func(*tar.Header, io.Reader) error) error {
	for _, layer := range i.layers {
		if err := eachFile(layer, do); err != nil {
			return err
		}
	}
	return nil
}

func eachFile(layer string, do func(*tar.Header, io.Reader) error) error {
	file, err := os.Open(layer)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	compressed, err := gzip.NewReader(file)
	if err != nil {
		return err
	}
	for archive := tar.NewReader(compressed); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = do(header, archive)
		}
		if err != nil {
			return err
		}
	}
}

// container is a container of the image: a root folder with the image's files and the volumes. A process in it has no other
// files, not even /proc and /tmp.
type container struct {
	root  string
	image *image
}

// container returns a new container. The volumes are files by their paths in it.
func (i *image) container(t *testing.T, volumes map[string][]byte) *container {
	t.Helper()
	root := t.TempDir()
	err := i.each(func(header *tar.Header, content io.Reader) error {
		path := filepath.Join(root, header.Name)
		switch header.Typeflag {
		case tar.TypeDir:
			return os.Mkdir(path, header.FileInfo().Mode())
		case tar.TypeReg:
			return write(path, content, header.FileInfo().Mode())
		}
		return fmt.Errorf("%s is neither a file nor a folder", header.Name)
	})
	for path, text := range volumes {
		path = filepath.Join(root, path)
		err = errors.Join(err, os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, text, 0o444))
	}
	if err == nil {
		err = os.Chmod(root, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	return &container{root: root, image: i}
}

func write(path string, content io.Reader, mode os.FileMode) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, content)
	return errors.Join(err, file.Close())
}

// command returns the command that a runtime starts with these arguments and additional variables: as the image's user,
// without capabilities.
func (c *container) command(t *testing.T, env []string, args ...string) *exec.Cmd {
	t.Helper()
	var uid, gid uint32
	if _, err := fmt.Sscanf(c.image.config.Config.User, "%d:%d", &uid, &gid); err != nil {
		t.Fatalf("Kubernetes can only check a numeric user, not %q: %v", c.image.config.Config.User, err)
	}
	entrypoint := c.image.config.Config.Entrypoint
	cmd := exec.Command(entrypoint[0], append(entrypoint[1:], args...)...)
	cmd.Dir = "/"
	cmd.Env = append(slices.Clone(c.image.config.Config.Env), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: c.root, Credential: &syscall.Credential{Uid: uid, Gid: gid}}
	return cmd
}

// check runs `profileql check` with the arguments of a replica.
func (c *container) check(t *testing.T, args []string) {
	t.Helper()
	if out, err := c.command(t, nil, append([]string{"check"}, args...)...).CombinedOutput(); err != nil {
		t.Errorf("profileql check %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// port matches the port in an address to listen on.
var port = regexp.MustCompile(`^(0\.0\.0\.0|127\.0\.0\.1):\d+$`)

// onFreePorts replaces the ports to listen on by free ones.
func onFreePorts(args []string) []string {
	args = slices.Clone(args)
	for i, arg := range args {
		args[i] = port.ReplaceAllString(arg, "$1:0")
	}
	return args
}

const (
	maximumSize = 40_000_000 // bytes
	tlsCert     = "/run/tls/tls.crt"
	tlsKey      = "/run/tls/tls.key"
)

// TestImageContents tests that the image has nothing but the binary and the certificates, which its user cannot change.
func TestImageContents(t *testing.T) {
	t.Parallel()
	i := builtImage(t)
	var names []string
	var size int64
	err := i.each(func(header *tar.Header, _ io.Reader) error {
		names = append(names, header.Name)
		size += header.Size
		if header.Uid != 0 || header.Gid != 0 || header.Mode&0o022 != 0 || header.Mode&0o7000 != 0 {
			t.Errorf("%s belongs to %d:%d, with mode %o", header.Name, header.Uid, header.Gid, header.Mode)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	want := []string{"etc/", "etc/ssl/", "etc/ssl/certs/", "etc/ssl/certs/ca-certificates.crt", "profileql"}
	if !slices.Equal(names, want) {
		t.Errorf("the image has %q, want %q", names, want)
	}
	t.Logf("the image has %.1f MB", float64(size)/1e6)
	if size > maximumSize {
		t.Errorf("the image has %d bytes, at most %d are allowed", size, int64(maximumSize))
	}
	config := i.config.Config
	if config.User != "65532:65532" || !slices.Equal(config.Entrypoint, []string{"/profileql"}) || i.config.OS != "linux" {
		t.Errorf("the configuration is %+v", i.config)
	}
	for _, exposed := range []string{"8080/tcp", "9090/tcp"} {
		if _, found := config.ExposedPorts[exposed]; !found || len(config.ExposedPorts) != 2 {
			t.Errorf("the ports are %v", config.ExposedPorts)
		}
	}
}

// noName replaces the name of this machine, which containers get from files that a runtime mounts.
var noName = strings.NewReplacer("localhost", "127.0.0.1")

// TestImageRuns runs a sandbox and ProfileQL out of the image, which talk over TLS: the sandbox's certificate is verified
// with the authorities in the image.
func TestImageRuns(t *testing.T) {
	t.Parallel()
	i := builtImage(t)
	volumes := map[string][]byte{tlsCert: authority().certificate, tlsKey: authority().key}
	withTLS := []string{"--listen", "0.0.0.0:0", "--tls-cert", tlsCert, "--tls-key", tlsKey}
	sandbox := startFor(t, i.container(t, volumes).command(t, nil, append([]string{"sandbox"}, withTLS...)...))
	c := i.container(t, volumes)
	p := startFor(t, c.command(t, nil, append(withTLS, "--upstream", noName.Replace(sandbox.rest)+"/beta")...))
	update(t, authority().client(), p.graphQL, "ada@example.com", "Chess out of the image")
	state, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"Uid:\t65532\t65532\t65532\t65532", "Gid:\t65532\t65532\t65532\t65532", "CapEff:\t0000000000000000", "Groups:\t \n"} {
		if !strings.Contains(string(state), line) {
			t.Errorf("the process does not have %q:\n%s", line, state)
		}
	}
	if out, err := c.command(t, nil, "--version").CombinedOutput(); err != nil || !strings.HasPrefix(string(out), "profileql 1.2.3 ") {
		t.Errorf("the version is %s (%v)", out, err)
	}
}

// TestImageDefaults tests the command without arguments: it refuses to serve made-up people to other machines, instead of
// serving nothing that can be reached from outside of the container.
func TestImageDefaults(t *testing.T) {
	t.Parallel()
	i := builtImage(t)
	out, err := i.container(t, nil).command(t, nil, i.config.Config.Cmd...).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "--upstream or --config") {
		t.Errorf("without options: %v\n%s", err, out)
	}
	// Options can be variables.
	env := []string{"PROFILEQL_UPSTREAM=https://graph.microsoft.com/beta"}
	p := startFor(t, i.container(t, nil).command(t, env, onFreePorts(i.config.Config.Cmd)...))
	if got := status(authority().client(), strings.TrimSuffix(p.graphQL, "/graphql")+"/readyz"); got != 204 {
		t.Errorf("/readyz is %d", got)
	}
}
