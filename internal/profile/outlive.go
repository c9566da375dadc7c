package profile

import "context"

type senderKey struct{}

// Outlive returns a context for a write, which goes on when its sender leaves: only when it has ended is it known what
// became of it.
func Outlive(sender context.Context) context.Context {
	return context.WithValue(context.WithoutCancel(sender), senderKey{}, sender)
}

// Waiting returns a context for what a request waits for before it is sent: it is over when ctx is, and when the sender
// has left.
func Waiting(ctx context.Context) (waiting context.Context, end context.CancelFunc) {
	waiting, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(Sender(ctx), cancel)
	return waiting, func() {
		stop()
		cancel()
	}
}

// Sender returns the context by which a request may be given up as long as it has not been sent: its own, but for a
// write that is to outlive its sender.
func Sender(ctx context.Context) context.Context {
	if sender, ok := ctx.Value(senderKey{}).(context.Context); ok {
		return sender
	}
	return ctx
}
