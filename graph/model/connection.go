package model

// Connection is one page of a list, after Relay's Cursor Connections Specification. The connection types of all
// facets are instances of it.
type Connection[T any] struct {
	Edges         []*Edge[T]
	Nodes         []*T
	PageInfo      *PageInfo
	TotalCount    *int
	FailedSources []*FailedSource
}

// Edge is one entry of a [Connection].
type Edge[T any] struct {
	Cursor string
	Node   *T
}
