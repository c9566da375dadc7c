// Package odata implements the part of OData's URL conventions that the sandbox supports: it parses and evaluates
// query options, and parses keys in parentheses. Its functions depend on texts, types and entities only, not on HTTP
// or storage.
//
// [ParseOptions] parses a URL's query. For a list, [ParseQuery] parses all options: the filter selects entities,
// [Query.Page] orders them and returns a page, and [Query.Next] returns the query of the next page. Other resources
// support fewer options, and parse them one by one: [Options.Select], [Options.Filter] and [Options.Expand].
// [ParseKey] and [FormatKey] are for keys in URLs.
//
// Filters are parsed by recursive descent: lexer.go, then filter.go, comparison.go and lambda.go, whose functions
// return an [Expression], a tree of closures. An invalid text is an [edm.Error] in the words of the OData library
// that Microsoft Graph's gateway uses, where they are known.
package odata
