// Package odata reads the part of OData's URL conventions that the sandbox knows, and evaluates it: query options, and
// keys in parentheses. All of it is a function of texts, of the types that they speak of, and of entities; requests,
// answers, and where entities are kept are for others.
//
// [ParseOptions] takes a URL's query apart. For a list, [ParseQuery] reads all that there is to know of the options:
// its filter says which entities are in the list, [Query.Page] puts them in order and cuts a page out, and [Query.Next]
// says how the page behind it is asked for. Other resources take fewer options, and read them one by one:
// [Options.Select], [Options.Filter] and [Options.Expand]. [ParseKey] and [FormatKey] are about addresses.
//
// A filter is read by a recursive descent: lexer.go, then filter.go, comparison.go and lambda.go, whose functions return an
// [Expression] that is a tree of closures over the types' paths. What is wrong with a text is an [edm.Error] in the words of
// the OData library that Microsoft Graph's gateway uses, where they are known.
package odata
