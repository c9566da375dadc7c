// Package edm implements the part of OData's Entity Data Model that the sandbox uses: types, their values, and the
// JSON form in which entities are stored. It does not depend on HTTP, queries or storage.
//
// [ParseCSDL] reads the types from a CSDL document. A [StructuredType] has properties; a [Property] has a [Type],
// which is primitive, an [EnumType] or structured.
//
// Writes: [ParseObject] reads a request body, [StructuredType.Create] and [StructuredType.Update] validate it and
// merge it into a document, and [StructuredType.Encode] writes the document in a canonical form. Reads rely on that
// form: [NewEntity] decodes a document only as far as it is asked for, by property ([Entity.Raw]) or by [Path]
// ([Entity.Value]). A [Value] is what filters and orders compare.
//
// Invalid input of a client is an [Error].
package edm
