// Package profileapi speaks the REST profile API (Microsoft Graph's /profile and anything of the same shape) over
// HTTP, with resty.
//
// A [Client] is one source: its base URL, its connections, its deadline, and what has been learnt of it. A
// [Collection] is one facet there. Items stay JSON, and nothing here looks into them but for the id and the instant that
// a list is ordered by. Reading the files in this order tells the whole: collection.go (what can be done), list.go and
// keyset.go (one page of a list, by value), listanswer.go and link.go (what an answer says of the rest of the list),
// exchange.go (one request and its answer, what is tried again and what is not), errors.go (what the caller is told).
//
// Tokens, metrics and the like come in through Options.Transport; the package sees none of them.
package profileapi
