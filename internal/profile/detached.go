package profile

import "context"

type callerContextKey struct{}

// Detach returns a context for a write that is not canceled with its caller: the outcome is known only once the write has
// finished.
func Detach(caller context.Context) context.Context {
	return context.WithValue(context.WithoutCancel(caller), callerContextKey{}, caller)
}

// WaitContext returns a context for waiting before a request is sent. It ends with ctx, and also when the caller cancels.
func WaitContext(ctx context.Context) (waitCtx context.Context, cancel context.CancelFunc) {
	waitCtx, cancelWait := context.WithCancel(ctx)
	stop := context.AfterFunc(CallerContext(ctx), cancelWait)
	return waitCtx, func() {
		stop()
		cancelWait()
	}
}

// CallerContext returns the context that may cancel a request as long as it has not been sent: the caller's for a context
// from [Detach], otherwise ctx itself.
func CallerContext(ctx context.Context) context.Context {
	if caller, ok := ctx.Value(callerContextKey{}).(context.Context); ok {
		return caller
	}
	return ctx
}
