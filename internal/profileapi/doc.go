// Package profileapi is a client of the REST profile API (Microsoft Graph's /profile and compatible APIs), built on resty.
//
// A [Client] is one source: its base URL, connections, timeout and capabilities. A [Collection] is one facet there. Items
// stay JSON; only the id and the instant that orders a list are read here. Read the files in this order: collection.go (the
// operations), list.go and keyset.go (keyset pagination), listresponse.go and link.go (next links), exchange.go and retry.go
// (one request, its response and retries), errors.go (the code of each error, and its message for the caller).
//
// Tokens and metrics are added by Options.Transport; the package sees none of them.
package profileapi
