// Soak runs a mixed load against one ProfileQL in front of two sandboxes with faults for some minutes. It reports
// whether any response was wrong and whether memory use was stable:
//
//	go run ./test/soak -for 10m -callers 60
//
// Each caller creates, changes, reads, lists and deletes interests of its own, and disconnects from one request in
// ten before the response. The outcome of a write that was abandoned or not confirmed is unknown, so its item is
// deleted and replaced by another one. The exit status is 1 if a response was wrong.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"sync"
	"time"

	"profileql/test/process"
)

func main() {
	duration := flag.Duration("for", 10*time.Minute, "how long")
	callers := flag.Int("callers", 60, "how many callers ask at a time")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *duration, *callers); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, duration time.Duration, callers int) error {
	started, err := startAll(ctx)
	if err != nil {
		return err
	}
	defer started.stop()
	ctx, cancel := context.WithTimeout(ctx, duration)
	defer cancel()
	t := newTally()
	var group sync.WaitGroup
	for i := range callers {
		group.Go(func() { newCaller(i, started.facade.Address, t).run(ctx) })
	}
	var resident []int64
	for tick := time.Tick(time.Second); ctx.Err() == nil; {
		select {
		case <-tick:
			bytes, err := process.Memory(started.facade.PID)
			if err != nil {
				return fmt.Errorf("ProfileQL is gone: %w", err)
			}
			resident = append(resident, bytes)
		case <-ctx.Done():
		}
	}
	group.Wait()
	t.print(os.Stdout)
	printResident(os.Stdout, resident)
	if wrong := t.wrongAnswers(); len(wrong) > 0 {
		return fmt.Errorf("%d answers were wrong; the first: %s", len(wrong), wrong[0])
	}
	return nil
}

// printResident prints the median and the maximum of the resident memory for each tenth of the run.
func printResident(w io.Writer, bytes []int64) {
	const parts = 10
	_, _ = fmt.Fprintln(w, "\nresident memory in MB, median and maximum of each tenth of the time:")
	for part := range parts {
		tenth := slices.Sorted(slices.Values(bytes[len(bytes)*part/parts : len(bytes)*(part+1)/parts]))
		if len(tenth) > 0 {
			_, _ = fmt.Fprintf(w, "  %2d  %4d  %4d\n", part+1, tenth[len(tenth)/2]>>20, tenth[len(tenth)-1]>>20)
		}
	}
}
