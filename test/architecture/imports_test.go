// Package architecture tests the dependencies between packages.
package architecture

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

// importRule is a set of packages on which a package must not depend, directly or indirectly, and the reason.
type importRule struct {
	from    string
	never   []string // import paths, including subpackages
	allowed []string // exceptions
	tests   bool     // whether the rule includes its tests
	why     string
}

var importRules = []importRule{
	{
		from:  "profileql/graph",
		never: []string{"profileql/internal", "github.com/go-resty/resty/v2", "database/sql", "modernc.org/sqlite"},
		allowed: []string{
			"profileql/internal/profile", "profileql/internal/projection", "profileql/internal/jsontape", "profileql/internal/instant",
			"database/sql/driver", // in gqlgen's UUID scalar
		},
		why: "resolvers know a Collection, not who serves it; profile is the leaf of small shared types",
	},
	{
		from:  "profileql/internal/graphqlhttp",
		never: []string{"profileql", "github.com/go-resty/resty/v2", "database/sql", "modernc.org/sqlite"},
		allowed: []string{
			"profileql/internal/profile", "profileql/internal/projection", "profileql/internal/jsontape", "profileql/internal/instant",
			"database/sql/driver", // in gqlgen's UUID scalar
		},
		why: "it serves any executable schema",
	},
	{
		from:  "profileql/graph/model",
		never: []string{"profileql"},
		why:   "everyone may depend on the model, it on none of ours",
	},
	{
		from:  "profileql/graph/gen",
		never: []string{"profileql"},
		why:   "it generates what the other packages need in order to compile",
	},
	{
		from:  "profileql/internal/buildinfo",
		never: []string{"profileql", "github.com"},
		why:   "everyone may say which build this is",
	},
	{
		from:  "profileql/internal/jsontape",
		never: []string{"profileql", "github.com", "golang.org/x", "net/http"},
		why:   "it is JSON and nothing else",
	},
	{
		from:  "profileql/internal/instant",
		never: []string{"profileql", "github.com", "golang.org/x", "net/http"},
		why:   "it is a form of text and nothing else",
	},
	{
		from:    "profileql/internal/projection",
		never:   []string{"profileql", "github.com/99designs/gqlgen", "net/http"},
		allowed: []string{"profileql/internal/instant", "profileql/internal/jsontape"},
		why:     "it is a pure function of a schema, a selection and bytes",
	},
	{
		from:    "profileql/internal/profile",
		never:   []string{"profileql", "github.com", "golang.org/x"},
		allowed: []string{"profileql/internal/jsontape", "profileql/internal/instant"},
		why:     "it is the leaf that everyone shares",
	},
	{
		from:    "profileql/internal/profileapi",
		never:   []string{"profileql", "github.com/99designs/gqlgen"},
		allowed: []string{"profileql/internal/profile", "profileql/internal/jsontape", "profileql/internal/instant"},
		why:     "bytes in, bytes out; tokens and telemetry come as an http.RoundTripper",
	},
	{
		from:    "profileql/internal/sources",
		never:   []string{"profileql", "github.com/go-resty/resty/v2", "github.com/99designs/gqlgen"},
		allowed: []string{"profileql/internal/profile", "profileql/internal/jsontape", "profileql/internal/instant"},
		why:     "it merges whatever satisfies its small interface",
	},
	{
		from:    "profileql/internal/auth",
		never:   []string{"profileql", "github.com/99designs", "github.com/vektah", "github.com/go-resty/resty/v2", "database/sql", "modernc.org/sqlite"},
		allowed: []string{"profileql/internal/profile", "profileql/internal/jsontape", "profileql/internal/instant", "database/sql/driver"}, // in a UUID
		why:     "it is a middleware and a RoundTripper in front of go-oidc and azidentity, and knows neither GraphQL nor sources",
	},
	{
		from:  "profileql/internal/edge",
		never: []string{"profileql", "github.com"},
		why:   "it keeps callers out whatever is behind it",
	},
	{
		from:  "profileql/internal/telemetry",
		never: []string{"profileql"},
		why:   "whoever logs is given a logger",
	},
	{
		from:  "profileql/internal/sandbox",
		never: []string{"profileql"},
		why:   "a type shared with the client side would let one mistake pass on both sides",
	},
	{
		from:  "profileql/internal/sandbox/faults",
		never: []string{"profileql", "github.com", "database/sql"},
		why:   "it decides who meets which fault, and knows no more of the sandbox than its requests",
	},
	{
		from:  "profileql/internal/sandbox/edm",
		never: []string{"profileql", "github.com", "golang.org/x", "modernc.org", "net/http", "database/sql"},
		why:   "types and values are the same whoever asks, and wherever they are kept",
	},
	{
		from:    "profileql/internal/sandbox/odata",
		never:   []string{"profileql", "github.com", "golang.org/x", "modernc.org", "net/http", "database/sql"},
		allowed: []string{"profileql/internal/sandbox/edm"},
		why:     "it is a pure function of a query, a type and entities",
	},
	{
		from:  "profileql/internal/sandbox/store",
		never: []string{"profileql", "net/http"},
		why:   "it keeps documents, and knows neither what is in them nor who asks for them",
	},
	{
		from:  "profileql/internal/config",
		never: []string{"profileql"},
		why:   "each part takes its own options; server.go hands them out",
	},
	{
		from:    "profileql/bench",
		never:   []string{"profileql", "github.com"},
		allowed: []string{"profileql/test/process"},
		why:     "it measures the binary from outside",
	},
	{
		from:  "profileql/test/conformance",
		never: []string{"profileql"},
		why:   "it checks any profile API, and should share no mistake with ours",
	},
	{
		from:    "profileql/test/soak",
		never:   []string{"profileql", "github.com"},
		allowed: []string{"profileql/test/process"},
		why:     "it keeps the binary under load from outside",
	},
	{
		from:  "profileql/test/process",
		never: []string{"profileql", "github.com"},
		why:   "it starts and measures the binary from outside",
	},
	{
		from:  "profileql/test/idp",
		never: []string{"profileql", "github.com", "golang.org/x"},
		why:   "who signs, and who verifies, should share no mistake",
	},
	{
		from:  "profileql/test/scene",
		never: []string{"profileql", "github.com"},
		why:   "what misbehaves, and what is expected of ours then, should share no mistake with it",
	},
	{
		from:    "profileql/test/e2e",
		never:   []string{"profileql"},
		allowed: []string{"profileql/internal/sandbox", "profileql/test/idp", "profileql/test/process", "profileql/test/scene"},
		tests:   true,
		why:     "it tests the binary, so that what is tested is what is shipped",
	},
	{
		from:    "profileql/test/replicas",
		never:   []string{"profileql"},
		allowed: []string{"profileql/internal/sandbox", "profileql/test/process", "profileql/test/scene"},
		tests:   true,
		why:     "it tests several processes of the binary that is shipped",
	},
	{
		from:  "profileql/test/architecture",
		never: []string{"profileql", "github.com"},
		tests: true,
		why:   "it looks at the others from outside",
	},
	{
		from:    "profileql/internal/playground",
		never:   []string{"profileql", "github.com"},
		allowed: []string{"profileql/internal/webpage"},
		why:     "it is a page and its assets",
	},
	{
		from:    "profileql/internal/demo",
		never:   []string{"profileql", "github.com"},
		allowed: []string{"profileql/internal/webpage"},
		why:     "it is a page and its assets",
	},
	{
		from:  "profileql/internal/webpage",
		never: []string{"profileql", "github.com"},
		why:   "it serves the files of any page",
	},
}

func TestImportRules(t *testing.T) {
	for _, rule := range importRules {
		t.Run(rule.from, func(t *testing.T) {
			t.Parallel()
			out, err := exec.Command("go", "list", "-deps", fmt.Sprint("-test=", rule.tests), rule.from).Output()
			if err != nil {
				t.Fatalf("go list: %v", err)
			}
			for dep := range strings.Lines(string(out)) {
				dep, _, _ = strings.Cut(strings.TrimSpace(dep), " [") // the suffix of packages compiled for a test
				if dep == rule.from || dep == rule.from+".test" || strings.HasPrefix(dep, rule.from+"/") || within(dep, rule.allowed) || !within(dep, rule.never) {
					continue
				}
				t.Errorf("%s depends on %s, which it must not: %s", rule.from, dep, rule.why)
			}
		})
	}
}

func within(path string, roots []string) bool {
	for _, root := range roots {
		if path == root || strings.HasPrefix(path, root+"/") {
			return true
		}
	}
	return false
}

// TestEveryPackageHasARule tests that each package has a rule, so that none is added without one.
func TestEveryPackageHasARule(t *testing.T) {
	out, err := exec.Command("go", "list", "profileql/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	ruled := map[string]bool{"profileql": true} // the main package may depend on all packages
	for _, rule := range importRules {
		ruled[rule.from] = true
	}
	for pkg := range strings.Lines(string(out)) {
		if pkg = strings.TrimSpace(pkg); !ruled[pkg] {
			t.Errorf("package %s has no import rule: add one to importRules", pkg)
		}
	}
}
