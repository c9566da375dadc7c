// Package edm is the sandbox's part of OData's Entity Data Model: which types there are, what values they have, and how
// entities of them are kept as JSON. It knows nothing of requests, of queries, or of where entities are kept.
//
// [ParseCSDL] reads the types from their description. A [StructuredType] has properties; a [Property] has a [Type],
// which is primitive, an [EnumType] or again structured.
//
// What a client sends goes this way: [ParseObject] reads it, [StructuredType.Create] and [StructuredType.Update] check it
// by the type and merge it into a document, and [StructuredType.Encode] writes the document in one fixed form. That form
// is what the way back relies on: [NewEntity] takes it apart no further than it is asked for, by a property
// ([Entity.Raw]) or by a [Path] ([Entity.Value]). A [Value] is what filters and orders compare.
//
// What is wrong with something that a client sent is an [Error].
package edm
