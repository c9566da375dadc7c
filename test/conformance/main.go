// Conformance tests a profile API against what is known of the real one: requests and expected responses, as data in
// cases/, and generated for each facet from the API's $metadata. By default it runs the cases that apply to every
// server, and only reads:
//
//	CONFORMANCE_TOKEN=… go run ./test/conformance -url https://graph.microsoft.com/beta
//
// With -write it also creates items, changes and deletes them, and deletes the remaining ones at the end, even after
// a failure; nothing else is changed. With -sandbox it includes cases that are specific to ProfileQL's sandbox or its
// people.
//
// The exit status is 1 if a case failed, and 2 if the cases could not be run.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// tokenVariable is the environment variable of the bearer token, which other users could read on the command line.
const tokenVariable = "CONFORMANCE_TOKEN"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	n, err := run(ctx, os.Args[1:], os.Getenv(tokenVariable), os.Stdout, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return
	case err != nil:
		_, _ = fmt.Fprintln(os.Stderr, "conformance:", err)
		stop()
		os.Exit(2)
	case n.failed > 0:
		stop()
		os.Exit(1)
	}
}

// run runs the command.
func run(ctx context.Context, args []string, token string, out, problems io.Writer) (result, error) {
	flags := flag.NewFlagSet("conformance", flag.ContinueOnError)
	flags.SetOutput(problems)
	base := flags.String("url", "http://127.0.0.1:8081/beta", "base `URL` of the API; the token, if it needs one, is in "+tokenVariable)
	write := flags.Bool("write", false, "create, change and delete items of its own")
	sandbox := flags.Bool("sandbox", false, "the API is ProfileQL's sandbox with nobody's data in it: check its choices too")
	if err := flags.Parse(args); err != nil {
		return result{}, err
	}
	if flags.NArg() > 0 {
		return result{}, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	r, err := newRunner(*base, token, *sandbox, *write, out)
	if err != nil {
		return result{}, err
	}
	suites, err := loadSuites()
	if err != nil {
		return result{}, err
	}
	n, err := r.run(ctx, suites)
	_, _ = fmt.Fprintf(out, "%d passed, %d failed, %d skipped\n", n.passed, n.failed, n.skipped)
	return n, err
}
